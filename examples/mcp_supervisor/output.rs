//! Where any thread has something shown. The loop shows it, in order: a terminal that its user has halted keeps no
//! server waiting.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use mcp_event::Handle;
use mcp_event::server::ServerInfo;
use tracing_subscriber::fmt::MakeWriter;

use super::screen::Screen;

#[derive(Clone)]
pub struct Output {
    dispatcher: Handle,
    screen: Arc<Mutex<Screen>>,
    is_live: bool,
}

impl Output {
    /// Onto stdout, on the loop of `dispatcher`.
    pub fn new(dispatcher: Handle) -> Output {
        let screen = Screen::of_stdout();
        Output { dispatcher, is_live: screen.is_live(), screen: Arc::new(Mutex::new(screen)) }
    }

    /// Whether there is a table.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    pub fn line(&self, text: String) {
        self.show(move |screen| screen.line(&text));
    }

    /// A server's status or reason has changed.
    pub fn change(&self, info: &ServerInfo) {
        let info = info.clone();
        self.show(move |screen| screen.change(&info));
    }

    pub fn draw(&self, servers: Vec<ServerInfo>) {
        self.show(move |screen| screen.draw(servers));
    }

    fn show(&self, show: impl FnOnce(&mut Screen) + Send + 'static) {
        let screen = self.screen.clone();
        let post = move || show(&mut screen.lock().unwrap_or_else(PoisonError::into_inner));
        // Refused only after the end, when nothing is shown any more.
        let _ = self.dispatcher.post(post);
    }
}

/// For the log, whose lines must not run into the table.
impl MakeWriter<'_> for Output {
    type Writer = Output;

    fn make_writer(&self) -> Output {
        self.clone()
    }
}

impl io::Write for Output {
    /// The log writes whole lines.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line(String::from_utf8_lossy(bytes).trim_end().to_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
