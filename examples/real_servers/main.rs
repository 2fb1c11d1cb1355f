//! MCP servers that others wrote, under our management: started, asked, killed, started again, stopped. It checks
//! all that happens, and tells it. `make test-real-servers` installs the servers and runs this.
//!
//! ```text
//! cargo run --example real_servers -- servers.json
//! ```
//!
//! In the configuration are the servers `everything`, `memory` and `time`.

mod changes;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use changes::Changes;
use mcp_event::actor::System;
use mcp_event::server::{CallOptions, Config, ServerInfo, ServerStatus, Servers};
use serde_json::{Value, json};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: real_servers <servers.json>");
        return ExitCode::FAILURE;
    };
    match run(Path::new(&path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unexpected: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Path) -> Outcome {
    let system = System::new(2)?;
    let changes = Arc::new(Changes::default());
    let hook = changes.clone();
    let servers =
        Servers::builder(Config::from_file(path)?).on_change(move |info| hook.add(info)).start(&system)?;
    let mut pids = Vec::new();
    for name in ["everything", "memory", "time"] {
        let info = changes.until(name, is_known)?;
        introduce(&info);
        pids.extend(info.pid);
        servers.check(name)?;
        ask(&servers, &info)?;
        let next = kill(&servers, &changes, &info)?;
        pids.extend(next.pid);
        ask(&servers, &next)?;
    }
    let counts = servers.metrics()?.servers;
    for server in &counts {
        let counts = server.counts;
        println!("{}: {} starts, {} restarts", server.name, counts.starts, counts.restarts);
        check((counts.starts, counts.restarts) == (2, 1), || format!("not so often: {counts:?}"))?;
    }
    servers.stop()?;
    for info in servers.list() {
        check(info.status == ServerStatus::Stopped, || {
            format!("{} is {}: {}", info.name, info.status, info.reason)
        })?;
    }
    let left: Vec<_> = pids.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
    check(left.is_empty(), || format!("processes are left: {left:?}"))?;
    println!("all stopped, and nothing is left");
    system.stop()?;
    Ok(())
}

/// It serves, and has said what it offers; `everything` offers all that there is.
fn is_known(info: &ServerInfo) -> bool {
    let offers_all = !info.resources.is_empty() && !info.prompts.is_empty();
    info.status == ServerStatus::Running
        && !info.tools.is_empty()
        && (info.name != "everything" || offers_all)
}

fn introduce(info: &ServerInfo) {
    let Some(peer) = &info.peer else { return };
    println!("{}: {} {}, MCP {}", info.name, peer.name, peer.version, peer.protocol_version);
    println!("  {} tools: {}", info.tools.len(), info.tools.join(", "));
    println!("  {} resources, {} prompts", info.resources.len(), info.prompts.len());
}

/// Has a server do what it is for.
fn ask(servers: &Servers, info: &ServerInfo) -> Outcome {
    match info.name.as_str() {
        "everything" => {
            // It has had several names.
            let is_long = |tool: &&String| tool.to_lowercase().replace('-', "").contains("longrunning");
            let tool = info.tools.iter().find(is_long).ok_or("there is no long-running operation")?;
            let news = Arc::new(AtomicU32::new(0));
            let count = news.clone();
            let options = CallOptions::new().timeout(PATIENCE).on_progress(move |progress| {
                count.fetch_add(1, Ordering::Relaxed);
                println!("  progress: {} of {:?}", progress.progress, progress.total);
            });
            call(servers, info, tool, json!({ "duration": 1, "steps": 4 }), options)?;
            let news = news.load(Ordering::Relaxed);
            check(news > 0, || "no news of the progress came".into())
        }
        "memory" => {
            let entity = json!({ "name": "McpEvent", "entityType": "library", "observations": ["it runs"] });
            call(servers, info, "create_entities", json!({ "entities": [entity] }), CallOptions::new())?;
            let graph = call(servers, info, "read_graph", json!({}), CallOptions::new())?;
            check(graph.to_string().contains("McpEvent"), || format!("it forgot: {graph}"))
        }
        _ => {
            let time =
                call(servers, info, "get_current_time", json!({ "timezone": "UTC" }), CallOptions::new())?;
            check(time.to_string().contains("UTC"), || format!("it tells no time: {time}"))
        }
    }
}

fn call(
    servers: &Servers,
    info: &ServerInfo,
    tool: &str,
    arguments: Value,
    options: CallOptions,
) -> Outcome<Value> {
    let params = json!({ "name": tool, "arguments": arguments });
    let result = servers.call_with(&info.name, "tools/call", params, options).wait()?;
    check(result["isError"] != true, || format!("{tool}: {result}"))?;
    let text: Vec<_> = result["content"][0]["text"].as_str().unwrap_or("done").split_whitespace().collect();
    println!("  {tool}: {}", text.join(" "));
    Ok(result)
}

/// Kills a server as the system would that has no memory left, and waits until it is back.
fn kill(servers: &Servers, changes: &Changes, info: &ServerInfo) -> Outcome<ServerInfo> {
    let pid = info.pid.ok_or("it has no process")?;
    // SAFETY: plain system call.
    check(unsafe { libc::kill(pid.try_into()?, libc::SIGKILL) } == 0, || {
        format!("process {pid} is not there")
    })?;
    let backoff = changes.until(&info.name, |info| info.status == ServerStatus::Backoff)?;
    println!("  killed: {}", backoff.reason);
    let next = changes.until(&info.name, is_known)?;
    check(next.pid != info.pid && next.tools == info.tools, || format!("it is not back: {next:?}"))?;
    println!("  back again");
    servers.check(&info.name)?;
    Ok(next)
}

/// Ends the whole unless `holds`.
fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
