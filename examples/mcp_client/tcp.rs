//! The dialogue over TCP: many clients at a time, each a plain socket and JSON.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    process::{Child, Command, Stdio},
    sync::Barrier,
    thread,
};

use serde_json::{Value, json};

use crate::{
    PATIENCE, Result, check,
    dialogue::{ask, end_of_server, headline, hear, name_of},
};

/// Two for each of the server's four workers.
const CLIENTS: usize = 8;

pub fn run(program: &OsStr) -> Result<()> {
    headline("Eight clients at once and our server over TCP");
    let mut server = Server::launch(program)?;
    let (address, all_connected) = (&server.address, &Barrier::new(CLIENTS));
    thread::scope(|scope| {
        let clients: Vec<_> = (1..=CLIENTS)
            .map(|number| scope.spawn(move || converse(address, number, all_connected)))
            .collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client does not panic"))
    })?;

    // One more is in the middle of something when the server is told to stop.
    let mut client = Client::connect(address)?;
    client.initialize("2025-06-18")?;
    client.start_countdown(1000, 1)?;
    client.hear_progress(1)?;
    ask("stop", "SIGTERM, with a client that still waits");
    server.terminate()?;
    client.expect_end()?;
    hear("stop", "the waiting client was let go");
    server.expect_success()
}

fn converse(address: &str, number: usize, all_connected: &Barrier) -> Result<()> {
    const REVISIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
    let revision = REVISIONS[number % REVISIONS.len()];
    let connected = Client::connect(address);
    // Nobody else waits in vain, whatever became of our own connection.
    all_connected.wait();
    let mut client = connected?;
    client.initialize(revision)?;
    client.refuse_nonsense()?;
    let sum = client.add(number as i64, 100)?;
    client.ping_in_pieces()?;
    let steps = 3 + number;
    client.start_countdown(steps, 5)?;
    for step in 1..=steps {
        client.hear_progress(step)?;
    }
    client.hear_answer()?;
    client.start_countdown(1000, 5)?;
    client.hear_progress(1)?;
    client.cancel()?;
    client.goodbye()?;
    hear(
        &format!("client {number}"),
        format!("protocol {revision}, {number} + 100 = {sum}, {steps} steps counted, 1 countdown cancelled"),
    );
    Ok(())
}

struct Client {
    socket: TcpStream,
    incoming: BufReader<TcpStream>,
    last_id: i64,
}

impl Client {
    fn connect(address: &str) -> Result<Client> {
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        let incoming = BufReader::new(socket.try_clone()?);
        Ok(Client { socket, incoming, last_id: 0 })
    }

    fn initialize(&mut self, revision: &str) -> Result<()> {
        let client = json!({"name": "plain-sockets", "version": "1"});
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client});
        let hello = self.call("initialize", params)?;
        check(hello["result"]["protocolVersion"] == revision, || format!("hello: {hello}"))?;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    }

    fn refuse_nonsense(&mut self) -> Result<()> {
        let codes = [
            ("{not json", -32700),
            (r#"{"jsonrpc": "1.0", "id": 1, "method": "ping"}"#, -32600),
            (r#"{"jsonrpc": "2.0", "id": 1, "method": "pong"}"#, -32601),
            (r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {}}"#, -32602),
        ];
        for (text, code) in codes {
            writeln!(self.socket, "{text}")?;
            let answer = self.receive()?;
            check(answer["error"]["code"] == code, || format!("{text} was answered by {answer}"))?;
        }
        Ok(())
    }

    fn add(&mut self, a: i64, b: i64) -> Result<i64> {
        let answer = self.call("tools/call", json!({"name": "add", "arguments": {"a": a, "b": b}}))?;
        let sum = answer["result"]["structuredContent"]["sum"].as_i64();
        check(sum == Some(a + b), || format!("{a} + {b}: {answer}"))?;
        Ok(a + b)
    }

    /// A hundred requests in one stream of bytes that is cut where no line ends.
    fn ping_in_pieces(&mut self) -> Result<()> {
        let pings: String = (0..100).map(|id| format!("{}\n", request(id, "ping", json!({})))).collect();
        for piece in pings.as_bytes().chunks(1000) {
            self.socket.write_all(piece)?;
        }
        for id in 0..100 {
            let answer = self.receive()?;
            check(answer["id"] == id && answer["result"] == json!({}), || format!("ping {id}: {answer}"))?;
        }
        Ok(())
    }

    fn start_countdown(&mut self, from: usize, interval_ms: u64) -> Result<()> {
        let arguments = json!({"from": from, "interval_ms": interval_ms});
        // The token is the request's own id, which is what makes it unique.
        let meta = json!({"progressToken": self.last_id + 1});
        self.ask("tools/call", json!({"name": "countdown", "arguments": arguments, "_meta": meta}))
    }

    fn hear_progress(&mut self, step: usize) -> Result<()> {
        let heard = self.receive()?;
        let params = &heard["params"];
        let expected = heard["method"] == "notifications/progress"
            && params["progressToken"] == self.last_id
            && params["progress"] == step;
        check(expected, || format!("step {step} expected, got {heard}"))
    }

    fn hear_answer(&mut self) -> Result<Value> {
        let answer = self.receive()?;
        check(answer["id"] == self.last_id, || format!("{} was answered by {answer}", self.last_id))?;
        Ok(answer)
    }

    /// Cancels the call under way; the answer to the ping behind it is the last that may be heard then.
    fn cancel(&mut self) -> Result<()> {
        let params = json!({"requestId": self.last_id});
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}))?;
        self.ask("ping", json!({}))?;
        loop {
            let heard = self.receive()?;
            if heard["id"] == self.last_id {
                return Ok(());
            }
            check(heard["method"] == "notifications/progress", || format!("cancelled, but got {heard}"))?;
        }
    }

    fn goodbye(&mut self) -> Result<()> {
        self.socket.shutdown(Shutdown::Write)?;
        let mut rest = String::new();
        self.incoming.read_to_string(&mut rest)?;
        check(rest.is_empty(), || format!("after the end came {rest}"))
    }

    /// The server ends the conversation; what it said before may still come.
    fn expect_end(&mut self) -> Result<()> {
        let mut rest = String::new();
        self.incoming.read_to_string(&mut rest)?;
        Ok(())
    }

    fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.ask(method, params)?;
        self.hear_answer()
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<()> {
        self.last_id += 1;
        self.send(&request(self.last_id, method, params))
    }

    fn send(&mut self, message: &Value) -> Result<()> {
        Ok(self.socket.write_all(format!("{message}\n").as_bytes())?)
    }

    fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.incoming.read_line(&mut line)?;
        Ok(serde_json::from_str(&line).map_err(|error| format!("{line:?}: {error}"))?)
    }
}

fn request(id: i64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// The server's process; killed if the dialogue breaks off.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn launch(program: &OsStr) -> Result<Server> {
        ask("start", name_of(program));
        let process = Command::new(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut server = Server { process, address: String::new() };
        let mut line = String::new();
        BufReader::new(server.process.stdout.as_mut().ok_or("no stdout")?).read_line(&mut line)?;
        server.address = line.trim().strip_prefix("listening on ").ok_or("it does not listen")?.to_owned();
        hear("start", format!("listening on {}", server.address));
        Ok(server)
    }

    fn terminate(&self) -> Result<()> {
        let status = Command::new("kill").arg("-TERM").arg(self.process.id().to_string()).status()?;
        check(status.success(), || format!("kill: {status}"))
    }

    fn expect_success(&mut self) -> Result<()> {
        let mut last_words = String::new();
        self.process.stderr.take().ok_or("no stderr")?.read_to_string(&mut last_words)?;
        end_of_server(self.process.wait()?, &last_words)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It fails for a server that has ended by itself, as it should.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
