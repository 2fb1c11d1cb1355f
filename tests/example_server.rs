//! The example MCP server: it speaks the protocol when it behaves, and misbehaves as it is told.
//!
//! The example is a script of signals and process groups, which Windows has not.

#![cfg(unix)]

#[path = "common/example_server.rs"]
mod example_server;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use std::{fs, thread};

use example_server::example_server;
use serde_json::{Value, json};

/// A server that is running, and both ends of the conversation.
struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Lines, without their newlines, but for a last one that has none anyway.
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

impl Server {
    fn start(arguments: &[&str]) -> Server {
        let mut command = Command::new(example_server());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Server { stdin: child.stdin.take(), stdout, stderr, child }
    }

    /// Starts a server, and initializes it in the newest revision that has that.
    fn initialized(arguments: &[&str]) -> Server {
        let mut server = Server::start(arguments);
        server.initialize("2025-11-25");
        server
    }

    fn initialize(&mut self, revision: &str) -> Value {
        let client = json!({"name": "test", "version": "1"});
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client});
        let answer = self.ask(0, "initialize", params);
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        answer
    }

    fn send(&mut self, message: &Value) {
        self.send_line(message.to_string().as_bytes());
    }

    fn send_line(&mut self, line: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(&[line, b"\n"].concat()).unwrap();
    }

    fn request(&mut self, id: i32, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    fn call(&mut self, id: i32, tool: &str, arguments: Value) {
        self.request(id, "tools/call", json!({"name": tool, "arguments": arguments}));
    }

    #[track_caller]
    fn line(&self) -> Vec<u8> {
        next(&self.stdout).expect("stdout has ended")
    }

    #[track_caller]
    fn message(&self) -> Value {
        serde_json::from_slice(&self.line()).unwrap()
    }

    /// Asks, and takes the next message for the answer.
    #[track_caller]
    fn ask(&mut self, id: i32, method: &str, params: Value) -> Value {
        self.request(id, method, params);
        let answer = self.message();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    #[track_caller]
    fn ask_tool(&mut self, id: i32, tool: &str, arguments: Value) -> Value {
        self.ask(id, "tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// The names on the list of tools.
    #[track_caller]
    fn tools(&mut self) -> Vec<String> {
        let answer = self.ask(1, "tools/list", json!({}));
        let tools = answer["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn stderr_line(&self) -> String {
        String::from_utf8(next(&self.stderr).expect("stderr has ended")).unwrap()
    }

    /// Ends stdin and waits for the server; what it said until then that nobody read.
    #[track_caller]
    fn end(mut self) -> (ExitStatus, Vec<Vec<u8>>) {
        self.stdin = None;
        self.rest()
    }

    /// Waits for the server; what it said until then that nobody read.
    #[track_caller]
    fn rest(&mut self) -> (ExitStatus, Vec<Vec<u8>>) {
        let mut rest = Vec::new();
        while let Some(line) = next(&self.stdout) {
            rest.push(line);
        }
        (self.child.wait().unwrap(), rest)
    }

    fn pid(&self) -> i32 {
        self.child.id() as i32
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a stream as they come; the channel closes when the stream ends.
fn lines(stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (line_came, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            if line_came.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    lines
}

/// The next line; `None` at the end. The limit is there only so that a silent server fails a test instead of
/// hanging it.
#[track_caller]
fn next(lines: &Receiver<Vec<u8>>) -> Option<Vec<u8>> {
    match lines.recv_timeout(Duration::from_secs(30)) {
        Ok(line) => Some(line),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the server said nothing"),
    }
}

/// Runs a server whose stdin ends at once.
fn run(arguments: &[&str]) -> Output {
    Command::new(example_server()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn kill(pid: i32, signal: i32) {
    // SAFETY: plain system call.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

#[track_caller]
fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap()
}

#[test]
fn the_handshake_agrees_on_a_revision() {
    let agreed = [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        // Has no `initialize`; unknown.
        ("2026-07-28", "2025-11-25"),
        ("1999-12-31", "2025-11-25"),
    ];
    for (wanted, given) in agreed {
        let mut server = Server::start(&["--name", "docker-1"]);
        let result = &server.initialize(wanted)["result"];
        assert_eq!(result["protocolVersion"], given);
        assert_eq!(result["serverInfo"]["name"], "docker-1");
        assert_eq!(result["capabilities"]["tools"]["listChanged"], true);
        assert_eq!(server.stderr_line(), "docker-1: ready");
        let (status, rest) = server.end();
        assert_eq!((status.code(), rest.len()), (Some(0), 0));
    }
}

#[test]
fn the_newest_revision_needs_no_handshake() {
    let mut server = Server::start(&[]);
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let discovered = server.ask(1, "server/discover", json!({"_meta": meta}));
    assert_eq!(discovered["result"]["supportedVersions"][4], "2026-07-28");
    let listed = server.ask(2, "tools/list", json!({"_meta": meta}));
    assert_eq!(
        (&listed["result"]["resultType"], &listed["result"]["ttlMs"]),
        (&json!("complete"), &json!(0))
    );
    let echo = json!({"_meta": meta, "name": "echo", "arguments": {"text": "hello"}});
    assert_eq!(text(&server.ask(3, "tools/call", echo)), "hello");
    let unknown = json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "1999-12-31"}});
    let refused = server.ask(4, "tools/list", unknown);
    assert_eq!(refused["error"]["code"], -32022);
    assert_eq!(refused["error"]["data"]["requested"], "1999-12-31");
}

#[test]
fn each_theme_has_its_tools() {
    let themes = [
        ("docker", "list_containers", json!({})),
        ("docker", "container_logs", json!({"container": "web"})),
        ("kubernetes", "list_pods", json!({})),
        ("kubernetes", "describe_pod", json!({"pod": "web-0"})),
        ("prometheus", "query", json!({"expression": "up"})),
        ("prometheus", "list_alerts", json!({})),
    ];
    let common = Server::initialized(&[]).tools();
    assert_eq!(common, ["echo", "add", "slow", "crash", "grow", "stderr"]);
    for (theme, tool, arguments) in themes {
        let mut server = Server::initialized(&["--tools", theme]);
        let tools = server.tools();
        assert!(tools.starts_with(&common) && tools.contains(&tool.to_owned()), "{tools:?}");
        let answer = server.ask_tool(2, tool, arguments);
        assert!(answer["result"]["isError"] == false && !text(&answer).is_empty(), "{answer}");
        let unknown = Server::initialized(&[]).ask_tool(2, tool, json!({}));
        assert_eq!(unknown["error"]["code"], -32602);
    }
}

#[test]
fn tools_do_their_work() {
    let mut server = Server::initialized(&[]);
    assert_eq!(text(&server.ask_tool(1, "echo", json!({"text": "a\nb"}))), "a\nb");
    let sum = server.ask_tool(2, "add", json!({"a": 40, "b": 2}));
    assert_eq!((text(&sum), &sum["result"]["structuredContent"]["sum"]), ("42", &json!(42)));
    assert_eq!(text(&server.ask_tool(3, "add", json!({"a": 0.25, "b": 0.5}))), "0.75");
    assert_eq!(server.stderr_line(), "example: ready");
    assert_eq!(text(&server.ask_tool(4, "stderr", json!({"lines": 2}))), "wrote 2 lines");
    assert_eq!([server.stderr_line(), server.stderr_line()], ["line 1 of 2", "line 2 of 2"]);
}

#[test]
fn a_grown_tool_is_announced_and_works() {
    let mut server = Server::initialized(&[]);
    server.call(1, "grow", json!({}));
    assert_eq!(server.message()["method"], "notifications/tools/list_changed");
    assert_eq!(text(&server.message()), "grown_1");
    assert_eq!(server.tools().last().unwrap(), "grown_1");
    assert_eq!(text(&server.ask_tool(3, "grown_1", json!({}))), "grown_1");
    assert_eq!(server.ask_tool(4, "grown_2", json!({}))["error"]["code"], -32602);
}

#[test]
fn a_slow_call_tells_its_progress_to_who_asks_for_it() {
    let mut server = Server::initialized(&[]);
    let slow = json!({"name": "slow", "arguments": {"ms": 3, "steps": 3}});
    let mut asking = slow.clone();
    asking["_meta"] = json!({"progressToken": "p"});
    server.request(1, "tools/call", asking);
    for done in 1..=3 {
        let progress = json!({"progressToken": "p", "progress": done, "total": 3});
        let expected = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": progress});
        assert_eq!(server.message(), expected);
    }
    assert_eq!(text(&server.message()), "waited 3 ms");
    assert_eq!(text(&server.ask(1, "tools/call", slow)), "waited 3 ms");
}

#[test]
fn others_are_answered_while_a_call_is_slow() {
    let mut server = Server::initialized(&[]);
    server.call(1, "slow", json!({"ms": 600_000}));
    assert_eq!(server.ask(2, "ping", json!({}))["result"], json!({}));
    assert_eq!(text(&server.ask_tool(3, "echo", json!({"text": "still here"}))), "still here");
    let again = server.ask_tool(1, "slow", json!({}));
    assert_eq!(again["error"]["code"], -32600);
    // Nor does it keep the server from ending.
    let (status, rest) = server.end();
    assert_eq!((status.code(), rest.len()), (Some(0), 0));
}

#[test]
fn a_cancelled_call_is_not_answered() {
    let mut server = Server::initialized(&[]);
    server.call(1, "slow", json!({"ms": 100}));
    let cancelled = json!({"requestId": 1});
    server.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}));
    // Its id is free again, and this would be overtaken by the other's answer.
    assert_eq!(text(&server.ask_tool(1, "slow", json!({"ms": 200}))), "waited 200 ms");
    // One that is unknown or over is nobody's business.
    server.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}));
    assert_eq!(server.ask(2, "ping", json!({}))["result"], json!({}));
}

#[test]
fn a_crash_has_the_status_that_was_asked_for() {
    let crash = |arguments| {
        let mut server = Server::initialized(&[]);
        server.call(1, "crash", arguments);
        server.rest().0
    };
    assert_eq!(crash(json!({})).code(), Some(1));
    assert_eq!(crash(json!({"code": 7})).code(), Some(7));
    assert_eq!(crash(json!({"signal": libc::SIGSEGV})).signal(), Some(libc::SIGSEGV));
    assert_eq!(crash(json!({"signal": libc::SIGKILL})).signal(), Some(libc::SIGKILL));
    let survived = Server::initialized(&[]).ask_tool(1, "crash", json!({"signal": libc::SIGCHLD}));
    assert_eq!(survived["result"]["isError"], true);
}

#[test]
fn errors_have_their_codes() {
    let mut server = Server::start(&[]);
    assert_eq!(server.ask(1, "tools/list", json!({}))["error"]["code"], -32600);
    assert_eq!(server.ask(2, "initialize", json!({}))["error"]["code"], -32602);
    server.initialize("2025-06-18");
    assert_eq!(
        server.ask(3, "initialize", json!({"protocolVersion": "2025-06-18"}))["error"]["code"],
        -32600
    );
    assert_eq!(server.ask(4, "resources/list", json!({}))["error"]["code"], -32601);
    assert_eq!(server.ask(5, "tools/list", json!({"cursor": "x"}))["error"]["code"], -32602);
    assert_eq!(server.ask(6, "tools/call", json!([]))["error"]["code"], -32602);
    assert_eq!(server.ask(7, "tools/call", json!({}))["error"]["code"], -32602);
    assert_eq!(server.ask_tool(8, "echo", json!([]))["error"]["code"], -32602);
    assert_eq!(server.ask_tool(9, "echo", json!({}))["error"]["code"], -32602);
    for (line, code) in [
        (&b"{"[..], -32700),
        (b"\xff", -32700),
        (b"42", -32600),
        (b"[]", -32600),
        (br#"{"method": "ping"}"#, -32600),
        (br#"{"jsonrpc": "2.0", "id": {}, "method": "ping"}"#, -32600),
    ] {
        server.send_line(line);
        let answer = server.message();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(code)));
    }
    // Neither a response nor an unknown notification is answered, nor is an empty line.
    server.send(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    server.send(&json!({"jsonrpc": "2.0", "method": "notifications/unknown", "params": []}));
    server.send_line(b" ");
    assert_eq!(server.ask(10, "ping", json!({}))["result"], json!({}));
}

#[test]
fn wrong_arguments_are_told_to_the_model_in_newer_revisions() {
    let mut server = Server::initialized(&[]);
    for (tool, arguments, reason) in [
        ("echo", json!({}), "\"text\" must be a string"),
        ("add", json!({"a": 1, "b": "2"}), "\"b\" must be a number"),
        ("slow", json!({"ms": -1}), "\"ms\" must be a whole number from 0 to 600000"),
        ("slow", json!({"steps": 0}), "\"steps\" must be a whole number from 1 to 10000"),
        ("crash", json!({"code": 256}), "\"code\" must be a whole number from 0 to 255"),
    ] {
        let answer = server.ask_tool(1, tool, arguments);
        assert_eq!((text(&answer), &answer["result"]["isError"]), (reason, &json!(true)));
    }
}

#[test]
fn a_batch_is_answered_together() {
    let mut server = Server::start(&[]);
    server.initialize("2025-03-26");
    let slow = json!({"name": "slow", "arguments": {"ms": 1}});
    server.send(&json!([
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": slow},
        {"jsonrpc": "2.0", "method": "notifications/unknown"},
        {"jsonrpc": "2.0", "id": 2, "method": "ping"},
        7,
    ]));
    let mut answers = server.message().as_array().unwrap().clone();
    answers.sort_by_key(|answer| answer["id"].as_i64());
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [Value::Null, 1.into(), 2.into()]);
    assert_eq!((&answers[0]["error"]["code"], text(&answers[1])), (&json!(-32600), "waited 1 ms"));
}

#[test]
fn the_command_line_is_checked() {
    let help = run(&["--help"]);
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--fork-children N"));
    for (arguments, reason) in [
        (&["--nonsense"][..], "unknown flag \"--nonsense\""),
        (&["--name"], "--name needs a value"),
        (&["--slow-start", "soon"], "--slow-start \"soon\": invalid digit"),
        (&["--tools", "hammer"], "--tools \"hammer\": must be basic, docker,"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8(refused.stderr).unwrap().starts_with(reason));
    }
}

#[test]
fn it_ends_early_when_told_to() {
    assert_eq!(run(&["--die-at-once"]).status.code(), Some(1));
    let died = run(&["--die-at-once", "7", "--name", "x"]);
    assert_eq!((died.status.code(), died.stderr.len()), (Some(7), 0));
    let mut server = Server::start(&["--exit-after", "1"]);
    assert_eq!(server.rest().0.code(), Some(0));
    let mut server = Server::start(&["--die-in-handshake"]);
    server.request(0, "initialize", json!({}));
    let (status, rest) = server.rest();
    assert_eq!((status.code(), rest.len()), (Some(1), 0));
}

#[test]
fn the_handshake_goes_wrong_when_told_to() {
    let refused = Server::start(&["--error-on-initialize"]).initialize("2025-11-25");
    assert_eq!(refused["error"]["code"], -32603);
    let mut server = Server::start(&["--wrong-version", "1999-12-31", "--slow-start", "1"]);
    assert_eq!(server.initialize("2025-11-25")["result"]["protocolVersion"], "1999-12-31");
    let discovered = server.ask(1, "server/discover", json!({}));
    assert_eq!(discovered["result"]["supportedVersions"], json!(["1999-12-31"]));
}

#[test]
fn it_falls_silent_when_told_to() {
    for (arguments, answers) in [
        (&["--never-answer"][..], 0),
        (&["--mute-after", "1"], 1),
        (&["--half-line"], 1),
        (&["--half-line", "--mute-after", "2"], 3),
    ] {
        let mut server = Server::start(arguments);
        server.request(0, "initialize", json!({"protocolVersion": "2025-11-25"}));
        for id in 1..=5 {
            server.request(id, "ping", json!({}));
        }
        server.call(6, "grow", json!({}));
        let (status, lines) = server.end();
        assert_eq!((status.code(), lines.len()), (Some(0), answers), "{arguments:?}");
        let whole = lines.iter().filter(|line| serde_json::from_slice::<Value>(line).is_ok()).count();
        assert_eq!(whole, answers - usize::from(arguments[0] == "--half-line"));
    }
}

#[test]
fn it_floods_when_told_to() {
    const MIB: usize = 1 << 20;
    let mut server = Server::start(&["--flood-stdout", "1", "--huge-line", "2"]);
    server.request(0, "initialize", json!({"protocolVersion": "2025-11-25"}));
    let (status, mut lines) = server.end();
    assert!(status.success() && lines.pop().unwrap().len() > 2 * MIB);
    let messages: Vec<Value> = lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect();
    let answer = messages.iter().position(|message| message["id"] == 0).unwrap();
    for flood in [0..answer, answer + 1..lines.len()] {
        assert!(messages[flood.clone()].iter().all(|message| message["method"] == "notifications/message"));
        let bytes: usize = lines[flood].iter().map(Vec::len).sum();
        assert!((MIB..2 * MIB).contains(&bytes), "{bytes}");
    }
}

#[test]
fn its_noise_on_stderr_comes_at_the_start() {
    let noisy = run(&["--name", "x", "--stderr-flood", "2"]);
    assert_eq!(String::from_utf8(noisy.stderr).unwrap(), "x: ready\nx: noise 1 of 2\nx: noise 2 of 2\n");
}

#[test]
fn garbage_comes_before_each_answer() {
    let mut server = Server::start(&["--garbage", "13"]);
    server.request(0, "initialize", json!({"protocolVersion": "2025-11-25"}));
    server.request(1, "ping", json!({}));
    for id in 0..2 {
        for _ in 0..13 {
            let line = server.line();
            let meant_for_us =
                serde_json::from_slice::<Value>(&line).is_ok_and(|message| message["id"] == id);
            assert!(!meant_for_us, "{}", String::from_utf8_lossy(&line));
        }
        assert_eq!(server.message()["id"], id);
    }
}

#[test]
fn answers_go_astray_when_told_to() {
    let mut server = Server::initialized(&["--wrong-id"]);
    server.request(1, "ping", json!({}));
    let astray = server.message();
    assert_eq!((&astray["id"], &astray["result"]), (&json!("not 1"), &json!({})));
}

#[test]
fn a_closed_stdout_leaves_the_server_alive() {
    let mut server = Server::initialized(&["--close-stdout"]);
    assert_eq!(next(&server.stdout), None);
    assert_eq!(server.stderr_line(), "example: ready");
    server.call(1, "stderr", json!({}));
    assert_eq!(server.stderr_line(), "line 1 of 1");
    assert_eq!(server.end().0.code(), Some(0));
}

#[test]
fn a_stubborn_server_outlives_sigterm_and_stdin() {
    let mut server = Server::initialized(&["--ignore-sigterm"]);
    kill(server.pid(), libc::SIGTERM);
    assert_eq!(server.ask(1, "ping", json!({}))["result"], json!({}));
    assert_eq!(server.stderr_line(), "example: ready");
    server.stdin = None;
    assert_eq!(server.stderr_line(), "example: stays, though stdin has ended");
    kill(server.pid(), libc::SIGKILL);
    assert_eq!(server.rest().0.signal(), Some(libc::SIGKILL));
}

#[test]
fn children_stay_behind_deaf_and_without_stdio() {
    let server = Server::start(&["--fork-children", "2"]);
    let child = |line: String| -> i32 { line.strip_prefix("child ").unwrap().parse().unwrap() };
    let children: Vec<_> = (0..4).map(|_| child(server.stderr_line())).collect();
    let server_pid = server.pid();
    // SAFETY: plain system calls.
    let (group, session) = unsafe { (libc::getpgid(server_pid), libc::getsid(server_pid)) };
    // Its streams end though its children live.
    assert_eq!(server.end().0.code(), Some(0));
    for (index, child) in children.into_iter().enumerate() {
        let expected = if index < 2 { (group, session) } else { (child, child) };
        // SAFETY: plain system calls.
        assert_eq!(unsafe { (libc::getpgid(child), libc::getsid(child)) }, expected);
        let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
        assert_ne!(ignored & (1 << (libc::SIGTERM - 1)), 0);
        kill(child, libc::SIGKILL);
    }
}
