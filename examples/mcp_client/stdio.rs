//! The dialogue over stdio, led by the official SDK.

use std::{
    ffi::OsStr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{
        CallToolRequest, CallToolRequestParams, ClientCapabilities, ClientConfig, ClientRequest, ErrorCode,
        Implementation, PingRequest, ProgressNotificationParam, ProtocolVersion, ServerResult,
    },
    service::{NotificationContext, PeerRequestOptions, RequestHandle, RunningService, ServiceError},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    PATIENCE, Result, check,
    child::{Child, Ending},
    dialogue::{ask, end_of_server, headline, hear, name_of, note},
};

pub fn run(program: &OsStr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { tokio::time::timeout(PATIENCE, conversations(program)).await? })
}

async fn conversations(program: &OsStr) -> Result<()> {
    headline("The SDK's client and our server over stdio");
    let mut client = Client::start(program, ClientLifecycleMode::Initialize).await?;
    client.ping().await?;
    client.list_tools().await?;
    client.add().await?;
    client.refused_calls().await?;
    client.countdown().await?;
    client.cancelled_countdown().await?;
    client.end().await?;

    headline("The same in the newest revision, which has no handshake");
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    let mut client = Client::start(program, ClientLifecycleMode::Discover { preferred_versions }).await?;
    client.list_tools().await?;
    client.add().await?;
    client.countdown().await?;
    client.end().await
}

/// Hands on what the server says without being asked.
struct Listener {
    progress: mpsc::UnboundedSender<ProgressNotificationParam>,
}

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        let client = Implementation::new("mcp-event-client", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), client)
            .with_protocol_version(ProtocolVersion::V_2025_06_18)
    }

    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        // Nobody listens any more at the end; that is fine.
        let _ = self.progress.send(progress);
    }
}

struct Client {
    service: RunningService<RoleClient, Listener>,
    progress: mpsc::UnboundedReceiver<ProgressNotificationParam>,
    ending: Arc<OnceLock<Ending>>,
}

impl Client {
    async fn start(program: &OsStr, lifecycle: ClientLifecycleMode) -> Result<Client> {
        let (sender, progress) = mpsc::unbounded_channel();
        ask("start", name_of(program));
        let (child, ending) = Child::launch(program)?;
        let service = Listener { progress: sender }.serve_with_lifecycle(child, lifecycle).await?;
        let peer = service.peer_info().ok_or("the server did not introduce itself")?;
        let server = peer.server_info.as_ref().ok_or("the server did not tell its name")?;
        hear("hello", format!("{} {}, protocol {}", server.name, server.version, peer.protocol_version));
        Ok(Client { service, progress, ending })
    }

    async fn ping(&self) -> Result<()> {
        let begin = Instant::now();
        let ping = PingRequest { method: Default::default(), extensions: Default::default() };
        let answer = self.service.send_request(ClientRequest::PingRequest(ping)).await?;
        check(matches!(answer, ServerResult::EmptyResult(_)), || format!("pinged, got {answer:?}"))?;
        hear("ping", format!("answered after {} us", begin.elapsed().as_micros()));
        Ok(())
    }

    async fn list_tools(&self) -> Result<()> {
        let tools = self.service.list_all_tools().await?;
        for tool in &tools {
            hear("tool", format!("{:<9}  {}", tool.name, tool.description.as_deref().unwrap_or_default()));
        }
        let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
        check(names == ["add", "echo", "countdown"], || format!("tools {names:?}"))
    }

    async fn add(&self) -> Result<()> {
        ask("add", "20.5 and 21.5");
        let result = self.service.call_tool(call("add", json!({"a": 20.5, "b": 21.5}))).await?;
        check(result.structured_content == Some(json!({"sum": 42})), || format!("add: {result:?}"))?;
        let text = result.content.first().and_then(|content| content.as_text()).ok_or("add gave no text")?;
        hear("add", &text.text);
        Ok(())
    }

    async fn refused_calls(&self) -> Result<()> {
        for (tool, arguments) in [("divide", json!({})), ("add", json!({"a": 1, "b": "two"}))] {
            ask(tool, &arguments);
            match self.service.call_tool(call(tool, arguments)).await {
                Err(ServiceError::McpError(error)) if error.code == ErrorCode::INVALID_PARAMS => {
                    hear(tool, error.message);
                }
                other => return Err(format!("{tool} was not refused: {other:?}").into()),
            }
        }
        Ok(())
    }

    async fn countdown(&mut self) -> Result<()> {
        const FROM: usize = 5;
        let request = self.start_countdown(FROM, 50).await?;
        for step in 1..=FROM {
            self.hear_step(&request, step, FROM).await?;
        }
        let ServerResult::CallToolResult(result) = request.await_response().await? else {
            return Err("countdown had no tool's result".into());
        };
        let text = result.content.first().and_then(|content| content.as_text()).ok_or("no text")?;
        hear("countdown", &text.text);
        Ok(())
    }

    async fn cancelled_countdown(&mut self) -> Result<()> {
        const FROM: usize = 1000;
        let request = self.start_countdown(FROM, 5).await?;
        for step in 1..=2 {
            self.hear_step(&request, step, FROM).await?;
        }
        ask("cancel", "never mind");
        request.cancel(Some("never mind".into())).await?;
        // Steps may have crossed the cancellation on their way. What is behind the answer to a ping came after it.
        self.ping().await?;
        while self.progress.try_recv().is_ok() {}
        self.start_countdown(1, 50).await?.await_response().await?;
        let late = self.progress.recv().await.ok_or("no progress")?;
        check(late.total == Some(1.0), || format!("the cancelled countdown went on: {late:?}"))?;
        note("cancel", "nothing more came of it");
        Ok(())
    }

    async fn start_countdown(&self, from: usize, interval_ms: u64) -> Result<RequestHandle<RoleClient>> {
        ask("countdown", format!("from {from}, every {interval_ms} ms"));
        let params = call("countdown", json!({"from": from, "interval_ms": interval_ms}));
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        Ok(self.service.send_cancellable_request(request, PeerRequestOptions::no_options()).await?)
    }

    async fn hear_step(&mut self, of: &RequestHandle<RoleClient>, step: usize, total: usize) -> Result<()> {
        let heard = self.progress.recv().await.ok_or("no progress")?;
        let expected = heard.progress_token == of.progress_token
            && heard.progress == step as f64
            && heard.total == Some(total as f64);
        check(expected, || format!("step {step} of {total} expected, got {heard:?}"))?;
        hear("progress", format!("{step}/{total}  {}", heard.message.unwrap_or_default()));
        Ok(())
    }

    /// Ends the conversation as MCP wants it: by closing the server's stdin.
    async fn end(self) -> Result<()> {
        ask("end", "of input");
        self.service.cancel().await?;
        let Ending { status, last_words } = self.ending.get().ok_or("the server did not end")?;
        end_of_server(*status, last_words)
    }
}

fn call(tool: &'static str, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { unreachable!("arguments are written as an object") };
    CallToolRequestParams::new(tool).with_arguments(arguments)
}
