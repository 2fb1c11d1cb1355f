//! Requests: many at once, with a time limit, cancelled, with news of their progress; and such that are none.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use mcp_event::Dispatcher;
use mcp_event::server::{CallError, CallOptions, ServerError, ServerStatus};
use serde_json::{Value, json};

use crate::common::{Background, soon};
use crate::directory::Directory;
use crate::example_server::example_server;
use crate::stage::*;

fn slow(ms: u64, steps: u64) -> Value {
    json!({ "name": "slow", "arguments": { "ms": ms, "steps": steps } })
}

#[test]
fn a_hundred_requests_are_answered_out_of_order() {
    let stage = Stage::one(example(&[], json!({})));
    stage.until_running("it");
    let calls: Vec<_> = (0..100)
        .map(|number| (number, stage.servers.call("it", "tools/call", slow(200 - 2 * number, 1))))
        .collect();
    for (number, call) in calls {
        let answer = call.wait().unwrap();
        assert_eq!(answer["content"][0]["text"], format!("waited {} ms", 200 - 2 * number));
    }
    let info = stage.servers.info("it").unwrap();
    assert_eq!((info.status, info.in_flight), (ServerStatus::Running, 0));
    let metrics = stage.servers.metrics().unwrap();
    let calls = metrics.servers[0].methods.iter().find(|method| method.method == "tools/call").unwrap();
    assert_eq!(calls.ok, 100);
}

#[test]
fn a_hung_server_keeps_nobody_waiting_for_another() {
    let stage = Stage::new(config([
        ("hung", example(&["--mute-after", "1"], json!({ "healthIntervalMs": null }))),
        ("well", example(&[], json!({}))),
    ]));
    stage.until_running("hung");
    stage.until_running("well");
    let (sender, answers) = mpsc::channel();
    let hung = stage.servers.call("hung", "ping", Value::Null);
    let waits = std::thread::spawn(move || sender.send(hung.wait()));
    for _ in 0..100 {
        stage.ping("well");
    }
    assert!(answers.try_recv().is_err());
    stage.servers.stop_server("hung").unwrap();
    assert!(matches!(soon(&answers), Err(CallError::ConnectionLost(_))));
    waits.join().unwrap().unwrap();
}

/// A server, all of whose input is noted in a file as well.
struct Noted {
    stage: Stage,
    directory: Directory,
}

impl Noted {
    fn new() -> Noted {
        let directory = Directory::new();
        let script =
            format!("tee '{}' | '{}'", directory.file("input").display(), example_server().display());
        let stage = Stage::one(shell(&script, json!({})));
        stage.until_running("it");
        Noted { stage, directory }
    }

    /// The requests that the server was told to be cancelled, and the reasons.
    fn cancelled(&self) -> Vec<(i64, String)> {
        // `tee` passes on first, and notes then; so what came before the last but one is noted.
        self.stage.ping("it");
        self.stage.ping("it");
        let input = fs::read_to_string(self.directory.file("input")).unwrap();
        let messages = input.lines().map_while(|line| serde_json::from_str::<Value>(line).ok());
        let cancelled = messages.filter(|message| message["method"] == "notifications/cancelled");
        let params = cancelled.map(|message| message["params"].clone());
        params
            .map(|params| {
                (params["requestId"].as_i64().unwrap(), params["reason"].as_str().unwrap().to_owned())
            })
            .collect()
    }
}

#[test]
fn a_server_is_told_that_a_request_took_too_long() {
    let noted = Noted::new();
    let limit = Duration::from_millis(20);
    let options = CallOptions::new().timeout(limit);
    let late = noted.stage.servers.call_with("it", "tools/call", slow(600_000, 1), options).wait();
    assert_eq!(late, Err(CallError::TimedOut(limit)));
    let cancelled = noted.cancelled();
    assert_eq!(cancelled.len(), 1);
    assert_eq!(cancelled[0].1, "it took too long");
    let metrics = noted.stage.servers.metrics().unwrap();
    let calls = metrics.servers[0].methods.iter().find(|method| method.method == "tools/call").unwrap();
    assert_eq!((calls.ok, calls.timeout), (0, 1));
}

#[test]
fn a_server_is_told_that_nobody_waits_any_more() {
    let noted = Noted::new();
    drop(noted.stage.servers.call("it", "tools/call", slow(600_000, 1)));
    noted.stage.servers.call("it", "tools/call", slow(600_000, 1)).cancel();
    let cancelled = noted.cancelled();
    assert_eq!(cancelled.len(), 2);
    assert_ne!(cancelled[0].0, cancelled[1].0);
    assert!(cancelled.iter().all(|(_, why)| why == "the caller does not wait any more"));
    assert_eq!(noted.stage.servers.info("it").unwrap().in_flight, 0);
}

#[test]
fn a_request_that_was_answered_is_not_cancelled() {
    let noted = Noted::new();
    noted.stage.tool("echo", json!({ "text": "x" })).unwrap();
    assert_eq!(noted.cancelled(), []);
}

#[test]
fn the_progress_of_a_request_comes_before_its_answer() {
    let stage = Stage::one(example(&[], json!({})));
    stage.until_running("it");
    let (sender, news) = mpsc::channel();
    let options = CallOptions::new().on_progress(move |progress| sender.send(progress).unwrap());
    let answer = stage.servers.call_with("it", "tools/call", slow(20, 5), options).wait();
    assert_eq!(answer.unwrap()["content"][0]["text"], "waited 20 ms");
    let news: Vec<_> = news.try_iter().map(|progress| (progress.progress, progress.total)).collect();
    assert_eq!(news, [1.0, 2.0, 3.0, 4.0, 5.0].map(|step| (step, Some(5.0))));
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    let stage = Stage::one(example(&[], json!({})));
    stage.until_running("it");
    let options = CallOptions::new().on_progress(|_| panic!("the hook of a test"));
    assert!(stage.servers.call_with("it", "tools/call", slow(1, 2), options).wait().is_ok());
    stage.ping("it");
}

#[test]
fn an_answer_may_be_awaited_on_a_loop() {
    let stage = Stage::one(example(&[], json!({})));
    stage.until_running("it");
    let (servers, (sender, answers)) = (stage.servers.clone(), mpsc::channel());
    let background = Background::start(Dispatcher::new("test").unwrap());
    let call = async move { sender.send(servers.call("it", "ping", Value::Null).await).unwrap() };
    let task = background.dispatcher.spawn(call).unwrap();
    assert_eq!(soon(&answers), Ok(json!({})));
    drop(task);
}

#[test]
fn a_loops_thread_does_not_wait() {
    let stage = Stage::one(example(&[], json!({})));
    stage.until_running("it");
    let servers = stage.servers.clone();
    let background = Background::start(Dispatcher::new("test").unwrap());
    let errors = background.on_loop(move || {
        [
            servers.call("it", "ping", Value::Null).wait().unwrap_err().to_string(),
            servers.check("it").unwrap_err().to_string(),
            servers.stop_server("it").unwrap_err().to_string(),
            servers.metrics().unwrap_err().to_string(),
        ]
    });
    for text in errors {
        assert!(text.starts_with("a loop's own thread cannot wait"), "{text}");
    }
    stage.ping("it");
}

#[test]
fn what_is_no_request_is_refused() {
    let stage = Stage::one(example(&[], json!({})));
    stage.until_running("it");
    let invalid = |method: &str, params: Value, options: CallOptions| match stage
        .servers
        .call_with("it", method, params, options)
        .wait()
    {
        Err(CallError::InvalidRequest(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(invalid("", Value::Null, CallOptions::new()).contains("method"));
    assert!(invalid("ping", json!("text"), CallOptions::new()).contains("object or an array"));
    let news = || CallOptions::new().on_progress(|_| ());
    assert!(invalid("ping", json!([1]), news()).contains("progress"));
    assert!(invalid("ping", json!({ "_meta": 7 }), news()).contains("_meta"));
    let refused = |method: &str, params: Value| stage.servers.notify("it", method, params);
    assert!(matches!(refused("", Value::Null), Err(ServerError::InvalidNotification(_))));
    assert!(matches!(refused("x", json!(7)), Err(ServerError::InvalidNotification(_))));
    refused("notifications/x", json!({ "a": 1 })).unwrap();
    let unknown = stage.servers.call("it", "no/such/method", Value::Null).wait();
    assert!(matches!(unknown, Err(CallError::Rpc(error)) if error.code == -32601));
}
