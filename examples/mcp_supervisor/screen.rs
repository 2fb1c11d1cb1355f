//! Stdout: lines, and on a terminal a table below them, which is drawn over its predecessor.

use std::io::{self, Write};

use mcp_event::server::ServerInfo;

use super::style::{self, Colour, Style};
use super::table;

/// If the terminal does not tell.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// To the line's beginning, and erase from there to the screen's end.
const ERASE_BELOW: &str = "\r\x1b[J";
/// A terminal that got narrower does not make two lines out of one.
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";

pub struct Screen {
    style: Style,
    is_live: bool,
    servers: Vec<ServerInfo>,
    /// The lines of the table that stand above the cursor.
    drawn: usize,
}

/// A terminal's size in characters.
pub struct Size {
    pub columns: usize,
    pub rows: usize,
}

impl Screen {
    pub fn of_stdout() -> Screen {
        let (style, is_live) = (Style::of_stdout(), style::stdout_is_capable());
        Screen { style, is_live, servers: Vec::new(), drawn: 0 }
    }

    /// Whether there is a table.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Shows a line, above the table.
    pub fn line(&mut self, text: &str) {
        self.show(&format!("{}\n", printable(text)));
    }

    /// Shows the change of a server.
    pub fn change(&mut self, info: &ServerInfo) {
        let status = self.style.paint(Colour::of(info.status), info.status);
        let pid = info.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        self.show(&format!("{}: {status}{pid}: {}\n", printable(&info.name), printable(&info.reason)));
    }

    /// Draws the table anew.
    pub fn draw(&mut self, servers: Vec<ServerInfo>) {
        self.servers = servers;
        self.show("");
    }

    /// In one write, so that nothing flickers.
    fn show(&mut self, lines: &str) {
        let mut text = String::new();
        if self.drawn > 0 {
            text += &format!("\x1b[{}A{ERASE_BELOW}", self.drawn);
        }
        text += lines;
        if self.is_live {
            let table = table::lines(&self.servers, self.style, &size());
            self.drawn = table.len();
            text += &format!("{WRAP_OFF}{}{WRAP_ON}", table.concat());
        }
        // Whether anybody reads it or not, the servers go on.
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
}

/// What servers say may contain anything, commands for a terminal too.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn size() -> Size {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call fills in the struct.
    let told = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size) } == 0;
    if !told || size.ws_col == 0 || size.ws_row == 0 {
        return USUAL_SIZE;
    }
    Size { columns: size.ws_col.into(), rows: size.ws_row.into() }
}
