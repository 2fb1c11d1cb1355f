//! MCP servers over streamable HTTP under management: real sockets, and servers that behave or not.

#[path = "../common/example_server.rs"]
mod example_server;
#[path = "../../examples/mcp_example_server/http_request.rs"]
mod http_request;
mod http_server;
mod https;
mod process;

use std::sync::mpsc;
use std::time::Duration;

use http_server::{Exchange, HttpServer};
use mcp_event::actor::System;
use mcp_event::server::{CallError, CallOptions, Config, ServerInfo, ServerStatus, Servers, WhenDown};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

/// One server under management, named "it".
struct Stage {
    servers: Servers,
    changes: mpsc::Receiver<ServerInfo>,
    system: System,
}

impl Stage {
    fn new(url: &str, settings: Value) -> Stage {
        let mut entry = json!({ "url": url, "healthIntervalMs": null });
        entry.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let text = json!({ "mcpServers": { "it": entry } }).to_string();
        let config = Config::parse(&text, |_| None).unwrap();
        let system = System::new(2).unwrap();
        let (sender, changes) = mpsc::channel();
        let sender = std::sync::Mutex::new(sender);
        let servers = Servers::builder(config)
            .on_change(move |info| drop(sender.lock().unwrap().send(info.clone())))
            .start(&system)
            .unwrap();
        Stage { servers, changes, system }
    }

    /// With a server that runs.
    fn running(server: &HttpServer) -> Stage {
        let stage = Stage::new(&server.url(), json!({}));
        stage.until(ServerStatus::Running);
        stage
    }

    /// Waits until it has this status.
    #[track_caller]
    fn until(&self, status: ServerStatus) -> ServerInfo {
        loop {
            let info = self.changes.recv_timeout(LONG).expect("the status never came");
            if info.status == status {
                return info;
            }
        }
    }

    fn call(&self, params: Value) -> Result<Value, CallError> {
        self.servers.call_with("it", "tools/call", params, CallOptions::new().timeout(LONG)).wait()
    }

    /// Has a call fail on the way, and says why.
    #[track_caller]
    fn failure(&self) -> String {
        match self.call(json!({})) {
            Err(CallError::Transport(why)) => why,
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.servers.stop().unwrap();
        self.system.stop().unwrap();
    }
}

/// A server that behaves, but in the exchanges of calls.
fn calling(handle: impl Fn(Exchange) + Send + Sync + 'static) -> HttpServer {
    HttpServer::start(move |exchange| match exchange.request.method() {
        "tools/call" => handle(exchange),
        _ => exchange.serve(),
    })
}

fn never() -> Value {
    json!({ "restart": { "policy": "never" } })
}

fn at_once() -> Value {
    json!({ "restart": { "backoff": { "initialMs": 10, "maxMs": 100 } } })
}

#[test]
fn a_session_from_its_handshake_to_its_end() {
    let server = HttpServer::start(Exchange::serve);
    let stage = Stage::new(&server.url(), json!({ "headers": { "Authorization": "Bearer secret" } }));
    let info = stage.until(ServerStatus::Running);
    assert_eq!(info.pid, None);
    assert_eq!(info.peer.unwrap().protocol_version, "2025-06-18");
    assert_eq!(stage.call(json!({ "a": [1] })), Ok(json!({ "a": [1] })));
    stage.servers.check("it").unwrap();
    stage.servers.stop_server("it").unwrap();

    let requests = server.requests();
    assert!(requests.iter().all(|request| request.header("authorization") == Some("Bearer secret")));
    let first = &requests[0];
    assert_eq!(first.method(), "initialize");
    assert_eq!((first.header("mcp-session-id"), first.header("mcp-protocol-version")), (None, None));
    // All else comes after the server has taken it.
    assert_eq!(requests[1].method(), "notifications/initialized");
    for request in &requests[1..] {
        assert_eq!(request.header("mcp-session-id"), Some("session-1"));
        assert_eq!(request.header("mcp-protocol-version"), Some("2025-06-18"));
    }
    for request in requests.iter().filter(|request| request.verb == "POST") {
        assert_eq!(request.header("accept"), Some("application/json, text/event-stream"));
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
    assert!(requests.iter().any(|request| request.verb == "DELETE"));
}

#[test]
fn an_answer_may_be_a_stream_with_progress() {
    let server = calling(|exchange| {
        let token = exchange.request.body["params"]["_meta"]["progressToken"].clone();
        exchange.begin_events();
        exchange.write(": hello\r\n\r\nid: 1\r\ndata:\r\n\r\n");
        for step in 1..=3 {
            let params = json!({ "progressToken": token, "progress": step, "total": 3 });
            exchange
                .event(&json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": params }));
        }
        exchange.result_event(json!("done"));
        // Some servers leave the stream open.
        exchange.hold();
    });
    let stage = Stage::running(&server);
    let (sender, steps) = mpsc::channel();
    let options =
        CallOptions::new().timeout(LONG).on_progress(move |step| sender.send(step.progress).unwrap());
    let answer = stage.servers.call_with("it", "tools/call", json!({}), options).wait();
    assert_eq!(answer, Ok(json!("done")));
    assert_eq!(steps.iter().collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
}

#[test]
fn the_server_is_heard_and_answered_without_being_asked() {
    let server = HttpServer::start(|exchange| {
        if exchange.request.verb == "GET" {
            exchange.begin_events();
            exchange.event(&json!({ "jsonrpc": "2.0", "id": "from the server", "method": "ping" }));
            return exchange.hold();
        }
        exchange.serve();
    });
    let stage = Stage::running(&server);
    let answer = server.until(|request| request.body["id"] == "from the server");
    assert_eq!(answer.body["result"], json!({}));
    drop(stage);
}

#[test]
fn a_stream_that_breaks_off_is_resumed_where_it_was() {
    let server = HttpServer::start(|exchange| {
        if exchange.request.method() == "tools/call" {
            exchange.begin_events();
            let id = &exchange.request.body["id"];
            return exchange.write(&format!("id: {id}\nretry: 1\ndata:\n\ndata: cut o"));
        }
        match exchange.request.header("last-event-id") {
            Some(id) => {
                exchange.begin_events();
                let id: i64 = id.parse().unwrap();
                exchange.event(&json!({ "jsonrpc": "2.0", "id": id, "result": "resumed" }));
            }
            None => exchange.serve(),
        }
    });
    let stage = Stage::running(&server);
    assert_eq!(stage.call(json!({})), Ok(json!("resumed")));
    assert_eq!(stage.call(json!({})), Ok(json!("resumed")));
}

#[test]
fn a_lost_session_is_replaced_by_a_new_one() {
    let server = calling(|exchange| {
        if exchange.request.header("mcp-session-id") == Some("session-1") {
            return exchange.refuse("404 Not Found", "who are you?");
        }
        exchange.serve();
    });
    let stage = Stage::new(&server.url(), at_once());
    stage.until(ServerStatus::Running);
    assert!(stage.failure().contains("session"));
    assert!(stage.until(ServerStatus::Backoff).reason.contains("HTTP 404"));
    let options = CallOptions::new().timeout(LONG).when_down(WhenDown::Wait);
    assert_eq!(stage.servers.call_with("it", "tools/call", json!([2]), options).wait(), Ok(json!([2])));
    // The lost one is not ended once more.
    assert!(!server.requests().iter().any(|request| request.verb == "DELETE"));
}

#[test]
fn a_server_that_refuses_the_handshake_says_why() {
    let server = HttpServer::start(|exchange| exchange.refuse("401 Unauthorized", "who\n are you?"));
    let stage = Stage::new(&server.url(), never());
    let reason = stage.until(ServerStatus::Failed).reason;
    assert!(reason.contains("HTTP 401 Unauthorized: who are you?"), "{reason}");
}

#[test]
fn nobody_listening_is_named() {
    let server = HttpServer::start(Exchange::serve);
    let url = server.url().replace("http://", "http://user:secret@");
    drop(server);
    let stage = Stage::new(&url, never());
    let reason = stage.until(ServerStatus::Failed).reason;
    assert!(reason.contains("Connection refused") && !reason.contains("secret"), "{reason}");
}

#[test]
fn a_host_without_address_is_named() {
    let stage = Stage::new("http://no-such-host.invalid/mcp", never());
    let reason = stage.until(ServerStatus::Failed).reason;
    assert!(reason.contains("http://no-such-host.invalid/... cannot be reached"), "{reason}");
}

#[test]
fn what_is_no_url_is_named() {
    let stage = Stage::new("http://[::1/mcp", never());
    let reason = stage.until(ServerStatus::Failed).reason;
    assert!(reason.contains("its URL"), "{reason}");
}

#[test]
fn an_answer_that_is_none_fails_its_request_alone() {
    type Handler = fn(Exchange);
    let cases: [(Handler, &str); 9] = [
        (
            |exchange| exchange.refuse("500 Internal Server Error", "it burns"),
            "HTTP 500 Internal Server Error: it burns",
        ),
        (
            |exchange| exchange.say("text/html; charset=utf-8", "<html>\n</html>"),
            "text/html in place of JSON",
        ),
        (|exchange| exchange.respond("200 OK", "", "x"), "no content type in place of JSON"),
        (|exchange| exchange.say("application/json", "{]"), "no answer to it: {]"),
        (
            |exchange| exchange.say("application/json", &format!("\"{}\"", "x".repeat(2_000))),
            "the 1024 bytes",
        ),
        (|exchange| exchange.begin_events(), "stream ended before the answer"),
        (drop, "the connection to http://127.0.0.1:"),
        (|exchange| exchange.write("SSH-2.0-none\r\n\r\n"), "protocol"),
        (
            |exchange| {
                exchange.respond("307 Temporary Redirect", "Location: http://127.0.0.1:1/?secret\r\n", "")
            },
            "to http://127.0.0.1:1/, which is not followed",
        ),
    ];
    for (handle, why) in cases {
        let server = calling(handle);
        let stage = Stage::new(&server.url(), json!({ "maxMessageBytes": 1024 }));
        stage.until(ServerStatus::Running);
        let failure = stage.failure();
        assert!(failure.contains(why), "{failure}");
        stage.servers.check("it").unwrap();
    }
}

#[test]
fn an_answer_of_another_form_is_malformed() {
    let server = calling(|exchange| {
        let id = &exchange.request.body["id"];
        let text = json!({ "jsonrpc": "1.0", "id": id, "result": 1 }).to_string();
        exchange.say("application/json", &text);
    });
    let stage = Stage::running(&server);
    assert!(matches!(stage.call(json!({})), Err(CallError::Malformed(_))));
}

#[test]
fn an_event_that_is_too_long_is_left_out() {
    let server = calling(|exchange| {
        exchange.begin_events();
        exchange.event(&json!({ "jsonrpc": "2.0", "method": "x".repeat(100_000) }));
        exchange.result_event(json!(1));
    });
    let stage = Stage::new(&server.url(), json!({ "maxMessageBytes": 1024 }));
    stage.until(ServerStatus::Running);
    assert_eq!(stage.call(json!({})), Ok(json!(1)));
    assert_eq!(stage.servers.metrics().unwrap().servers[0].counts.oversized, 1);
}

#[test]
fn a_request_that_nobody_waits_for_is_let_go() {
    let (sender, ended) = mpsc::channel();
    let server = calling(move |exchange| {
        exchange.hold();
        sender.send(()).unwrap();
    });
    let stage = Stage::running(&server);
    let call = stage.servers.call_with("it", "tools/call", json!({}), CallOptions::new().timeout(LONG));
    let request = server.until(|request| request.method() == "tools/call");
    drop(call);
    // Its connection, too, which is what ends the handler.
    ended.recv_timeout(LONG).unwrap();
    let cancelled = server.until(|request| request.method() == "notifications/cancelled");
    assert_eq!(cancelled.body["params"]["requestId"], request.body["id"]);
}

#[test]
fn an_answer_that_does_not_come_is_waited_for_no_longer_than_asked() {
    let server = calling(Exchange::hold);
    let stage = Stage::running(&server);
    let limit = Duration::from_millis(20);
    let call =
        stage.servers.call_with("it", "tools/call", json!({}), CallOptions::new().timeout(limit)).wait();
    assert_eq!(call, Err(CallError::TimedOut(limit)));
    server.until(|request| request.method() == "notifications/cancelled");
    stage.servers.check("it").unwrap();
}

#[test]
fn a_busy_server_is_not_taken_for_a_hung_one() {
    let (sender, arrived) = mpsc::channel();
    let (release, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let server = calling(move |exchange| {
        sender.send(()).unwrap();
        // Ends with the sender.
        let _ = gate.lock().unwrap().recv();
        let params = exchange.request.body["params"].clone();
        exchange.answer(params);
    });
    let stage = Stage::running(&server);
    let options = || CallOptions::new().timeout(LONG);
    let calls: Vec<_> =
        (0..20).map(|n| stage.servers.call_with("it", "tools/call", json!([n]), options())).collect();
    for _ in 0..8 {
        arrived.recv_timeout(LONG).unwrap();
    }
    stage.servers.check("it").unwrap();
    assert!(arrived.try_recv().is_err(), "more than eight requests at a time");
    drop(release);
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.wait(), Ok(json!([n])));
    }
}

#[test]
fn a_stop_waits_for_no_answer() {
    let server = calling(Exchange::hold);
    let stage = Stage::running(&server);
    let call = stage.servers.call_with("it", "tools/call", json!({}), CallOptions::new().timeout(LONG));
    server.until(|request| request.method() == "tools/call");
    stage.servers.stop_server("it").unwrap();
    assert!(matches!(call.wait(), Err(CallError::ConnectionLost(_))));
    server.until(|request| request.verb == "DELETE");
}

#[test]
fn a_farewell_that_hangs_is_given_up() {
    let server = HttpServer::start(|exchange| match exchange.request.verb.as_str() {
        "DELETE" => exchange.hold(),
        _ => exchange.serve(),
    });
    let stage = Stage::new(&server.url(), json!({ "stopTimeoutMs": 50 }));
    stage.until(ServerStatus::Running);
    stage.servers.stop_server("it").unwrap();
    assert_eq!(stage.servers.info("it").unwrap().status, ServerStatus::Stopped);
}

#[test]
fn a_handshake_that_hangs_is_given_up() {
    let server = HttpServer::start(Exchange::hold);
    let mut settings = never();
    settings["startTimeoutMs"] = json!(50);
    let stage = Stage::new(&server.url(), settings);
    let reason = stage.until(ServerStatus::Failed).reason;
    assert!(reason.contains("handshake"), "{reason}");
}

#[test]
fn a_server_that_dies_and_comes_back_is_found_again() {
    let server = HttpServer::start(Exchange::serve);
    let address = server.address;
    let mut settings = at_once();
    settings["restart"]["maxRestarts"] = Value::Null;
    let stage = Stage::new(&server.url(), settings);
    stage.until(ServerStatus::Running);
    drop(server);
    assert!(stage.servers.check("it").is_err());
    stage.until(ServerStatus::Backoff);
    let server = HttpServer::start_at(address, Exchange::serve);
    stage.until(ServerStatus::Running);
    assert_eq!(stage.call(json!({ "again": true })), Ok(json!({ "again": true })));
    drop(server);
}

#[test]
fn the_end_of_a_server_shows_on_its_own_stream() {
    let server = HttpServer::start(|exchange| {
        if exchange.request.verb == "GET" {
            exchange.begin_events();
            exchange.write("retry: 1\n\n");
            exchange.event(&json!({ "jsonrpc": "2.0", "id": "heard", "method": "ping" }));
            return exchange.hold();
        }
        exchange.serve();
    });
    let stage = Stage::new(&server.url(), never());
    stage.until(ServerStatus::Running);
    server.until(|request| request.body["id"] == "heard");
    drop(server);
    let reason = stage.until(ServerStatus::Failed).reason;
    assert!(reason.contains("cannot be reached"), "{reason}");
}
