//! What the supervisor's user asks for, by signals.

use std::error::Error;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use mcp_event::server::{Change, Config, Servers};
use mcp_event::{Handle, SignalEvent};

use super::output::Output;

#[derive(Clone)]
pub struct Control {
    dispatcher: Handle,
    servers: Servers,
    output: Output,
    file: PathBuf,
    /// How often it was told to end.
    ends: Arc<AtomicU8>,
}

impl Control {
    pub fn new(dispatcher: Handle, servers: Servers, output: Output, file: PathBuf) -> Control {
        Control { dispatcher, servers, output, file, ends: Arc::default() }
    }

    /// Obeys signals from now on, as long as the result lives.
    pub fn listen(&self) -> Result<Vec<SignalEvent>, mcp_event::Error> {
        let mut listeners = Vec::new();
        for signal in [libc::SIGINT, libc::SIGTERM] {
            let control = self.clone();
            listeners.push(self.dispatcher.listen_for_signal(signal, move || control.end(signal))?);
        }
        let control = self.clone();
        listeners.push(self.dispatcher.listen_for_signal(libc::SIGHUP, move || control.reload())?);
        Ok(listeners)
    }

    /// A failure, if the servers had to be killed.
    pub fn exit_code(&self) -> ExitCode {
        if self.ends.load(Ordering::Relaxed) > 1 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// Stops the servers; told so again, kills them; told so once more, leaves them to their guardians.
    fn end(&self, signal: i32) {
        match self.ends.fetch_add(1, Ordering::Relaxed) {
            0 => {
                self.output.line("the servers are asked to end; once more, and they are killed".into());
                let control = self.clone();
                self.spawn(async move {
                    // Without a reply, the actors are gone already.
                    let _ = control.servers.begin_stop().await;
                    control.output.draw(control.servers.list());
                    control.output.line("all servers have ended".into());
                    control.dispatcher.exit();
                });
            }
            1 => {
                self.output.line("the servers are killed".into());
                self.servers.kill();
            }
            _ => process::exit(128 + signal),
        }
    }

    fn reload(&self) {
        let control = self.clone();
        self.spawn(async move {
            match control.take_file_over().await {
                Ok(change) => control.output.line(describe(&change)),
                Err(error) => control.output.line(format!("the configuration stays as it was: {error}")),
            }
        });
    }

    async fn take_file_over(&self) -> Result<Change, Box<dyn Error + Send + Sync>> {
        let config = Config::from_file(&self.file)?;
        show_warnings(&config, &self.output);
        Ok(self.servers.begin_reload(config)?.await?)
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        // The loop runs, since it calls us.
        let _ = self.dispatcher.spawn(work);
    }
}

/// Shows what in a configuration has no effect.
pub fn show_warnings(config: &Config, output: &Output) {
    for warning in &config.warnings {
        output.line(format!("warning: {warning}"));
    }
}

fn describe(change: &Change) -> String {
    let lists = [
        ("added", &change.added),
        ("removed", &change.removed),
        ("changed", &change.changed),
        ("relabelled", &change.relabelled),
    ];
    let lists = lists.iter().filter(|(_, names)| !names.is_empty());
    let lists: Vec<_> = lists.map(|(what, names)| format!("{what} {}", names.join(", "))).collect();
    let what = if lists.is_empty() { "nothing has changed".to_owned() } else { lists.join("; ") };
    format!("the configuration is read again: {what}")
}
