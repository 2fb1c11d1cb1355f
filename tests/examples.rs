//! The examples that look after MCP servers, run as their users run them: real processes, signals, a terminal.

#![cfg(all(unix, feature = "servers"))]

#[path = "common/example_server.rs"]
mod example_server;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{env, process, ptr, thread};

use example_server::example_server;
use serde_json::{Value, json};

/// Of a test that has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn example(name: &str) -> Command {
    let mut command = Command::new(example_server().with_file_name(name));
    command.env_remove("RUST_LOG").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs an example to its end.
fn run(name: &str, arguments: &[&str]) -> (ExitStatus, String, String) {
    let Output { status, stdout, stderr } = example(name).args(arguments).output().unwrap();
    (status, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A configuration file that goes with the test.
struct Configuration(PathBuf);

impl Configuration {
    fn new(name: &str, text: &str) -> Configuration {
        let path = env::temp_dir().join(format!("mcp-event-examples-{name}-{}", process::id()));
        fs::write(&path, text).unwrap();
        Configuration(path)
    }

    /// Of servers with these names and arguments.
    fn of(name: &str, servers: &[(&str, &[&str])]) -> Configuration {
        Configuration::new(name, &text_of(servers))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Configuration {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn text_of(servers: &[(&str, &[&str])]) -> String {
    let entry = |(name, args): &(&str, &[&str])| {
        // A step of a stop takes longer than a test has patience.
        let entry = json!({ "command": example_server(), "args": args, "stopTimeoutMs": 600_000 });
        (name.to_string(), entry)
    };
    let servers: serde_json::Map<String, Value> = servers.iter().map(entry).collect();
    json!({ "mcpServers": servers }).to_string()
}

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    fn signal(&self, signal: i32) {
        // SAFETY: a plain system call; the child is not reaped yet.
        assert_eq!(unsafe { libc::kill(self.0.id() as i32, signal) }, 0);
    }

    fn end(mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A supervisor that runs, and what it says.
struct Supervisor {
    process: Process,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Supervisor {
    fn start(arguments: &[&str]) -> Supervisor {
        let mut command = example("mcp_supervisor");
        command.args(arguments).env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Supervisor { process: Process(child), stdout, stderr }
    }

    /// Reads until a line has this in it.
    #[track_caller]
    fn until(&self, text: &str) -> String {
        until(&self.stdout, text)
    }

    /// Waits until a server is ready, and gives its pid.
    #[track_caller]
    fn pid_of(&self, server: &str) -> u32 {
        number_behind(&self.until(&format!("{server}: running (pid ")), "(pid ")
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // A terminal ends with an error.
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[track_caller]
fn until(lines: &Receiver<String>, text: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = lines.recv_timeout(left).unwrap_or_else(|_| panic!("{text:?} never came"));
        if line.contains(text) {
            return line;
        }
    }
}

fn number_behind(line: &str, text: &str) -> u32 {
    let digits: String = line.split_once(text).unwrap().1.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

fn is_there(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// The response to a request.
fn fetch(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{request}\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn the_demo_goes_as_it_should() {
    let (status, stdout, stderr) = run("mcp_v2_demo", &[]);
    assert!(status.success(), "{stdout}\n{stderr}");
    assert_eq!(stderr, "");
    for text in [
        "mcp/manager",
        "3.0 s",
        "10000 messages",
        "kubernetes   is back",
        "this process has no child",
        "All went as it should",
    ] {
        assert!(stdout.contains(text), "{text:?} is missing:\n{stdout}");
    }
    assert!(!stdout.contains('\x1b'), "there is no terminal to show colours");
}

#[test]
fn the_logging_actor_logs_servers_and_actors() {
    let (status, stdout, stderr) = run("logging_actor", &[]);
    assert!(status.success(), "{stderr}");
    for text in ["example  running: ", "example  stopped: ", "greeter  hello, logger", "the log is closed"] {
        assert!(stdout.contains(text), "{text:?} is missing:\n{stdout}");
    }
}

#[test]
fn a_supervisor_says_what_is_wrong() {
    let bad = Configuration::new("bad", r#"{"mcpServers": {"a": {"command": "x", "args": 3}}}"#);
    let good = Configuration::of("good", &[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], i32, &str); 6] = [
        (&[], 2, "which file?"),
        (&["a", "--verbose"], 2, "\"--verbose\""),
        (&["a", "--metrics"], 2, "--metrics needs a value"),
        (&["/no/such/file"], 1, "/no/such/file"),
        (&[bad.path()], 1, "$.mcpServers.a.args: expected an array"),
        (&[good.path(), "--metrics", &taken], 1, "in use"),
    ];
    for (arguments, code, text) in cases {
        let (status, stdout, stderr) = run("mcp_supervisor", arguments);
        assert_eq!((status.code(), stdout.as_str()), (Some(code), ""), "{arguments:?}");
        assert!(stderr.contains(text), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_supervisor_reloads_and_ends() {
    let file = Configuration::of("reloaded", &[("one", &[])]);
    let supervisor = Supervisor::start(&[file.path()]);
    let one = supervisor.pid_of("one");

    fs::write(file.path(), text_of(&[("one", &[]), ("two", &[])])).unwrap();
    supervisor.process.signal(libc::SIGHUP);
    let two = supervisor.pid_of("two");
    fs::write(file.path(), "{").unwrap();
    supervisor.process.signal(libc::SIGHUP);
    supervisor.until("the configuration stays as it was: ");
    fs::write(file.path(), text_of(&[("two", &[])])).unwrap();
    supervisor.process.signal(libc::SIGHUP);
    supervisor.until("one: stopped");
    assert!(!is_there(one) && is_there(two));

    supervisor.process.signal(libc::SIGTERM);
    supervisor.until("all servers have ended");
    assert!(supervisor.process.end().success());
    assert!(!is_there(two));
}

#[test]
fn a_supervisor_serves_its_metrics() {
    let file = Configuration::of("measured", &[("it", &[])]);
    let supervisor = Supervisor::start(&[file.path(), "--metrics", "127.0.0.1:0"]);
    let line = supervisor.until("metrics at http://");
    let address = line.split_once("http://").unwrap().1.strip_suffix("/metrics").unwrap();
    // It may be ready, and counted, before that line or after it.
    let figures =
        ["mcp_server_status{server=\"it\",status=\"running\"} 1", "mcp_server_starts_total{server=\"it\"} 1"];
    let response = loop {
        let response = fetch(address, "GET /metrics?all HTTP/1.1");
        if figures.iter().all(|figure| response.contains(figure)) {
            break response;
        }
    };
    assert!(response.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{response}");
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    let head = fetch(address, "HEAD /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    for (request, status) in [
        ("GET / HTTP/1.1", "404"),
        ("PUT /metrics HTTP/1.1", "405"),
        ("GET /metrics", "400"),
        (&format!("GET /{} HTTP/1.1", "x".repeat(20_000)), "431"),
    ] {
        let response = fetch(address, request);
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
    supervisor.process.signal(libc::SIGINT);
    supervisor.until("all servers have ended");
    assert!(supervisor.process.end().success());
}

#[test]
fn a_second_signal_kills_what_does_not_end() {
    let file = Configuration::of("deaf", &[("deaf", &["--ignore-sigterm", "--fork-children", "1"])]);
    let supervisor = Supervisor::start(&[file.path()]);
    let server = supervisor.pid_of("deaf");
    let children = [(); 2].map(|()| number_behind(&until(&supervisor.stderr, ": child "), ": child "));
    supervisor.process.signal(libc::SIGINT);
    supervisor.until("deaf: stopping");
    assert!(is_there(server));
    supervisor.process.signal(libc::SIGINT);
    supervisor.until("deaf: stopped");
    assert!(!is_there(server) && !children.into_iter().any(is_there));
    supervisor.until("all servers have ended");
    assert_eq!(supervisor.process.end().code(), Some(1));
}

#[test]
fn a_terminal_shows_a_table() {
    let (mut terminal, mut ours) = (-1, -1);
    let mut size = libc::winsize { ws_row: 24, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: two numbers are written, the size is read; the rest is optional.
    let made =
        unsafe { libc::openpty(&mut terminal, &mut ours, ptr::null_mut(), ptr::null_mut(), &raw mut size) };
    assert_eq!(made, 0);
    // SAFETY: just made, and ours.
    let (terminal, ours) = unsafe { (File::from_raw_fd(terminal), OwnedFd::from_raw_fd(ours)) };
    let file = Configuration::of("table", &[("it", &[])]);
    let mut command = example("mcp_supervisor");
    command.arg(file.path()).env("TERM", "xterm").stdout(ours);
    let process = Process(command.spawn().unwrap());
    // With it goes our copy of the other end.
    drop(command);
    let shown = lines(terminal);
    until(&shown, "last ping");
    let row = until(&shown, "is ready");
    assert!(row.contains("\x1b[32mrunning"), "{row:?}");
    process.signal(libc::SIGINT);
    let end = until(&shown, "all servers have ended");
    assert!(end.contains("A\r\x1b[J"), "the line takes the table's place: {end:?}");
    assert!(process.end().success());
}
