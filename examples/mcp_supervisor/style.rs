//! Colours, for a terminal whose user did not ask to be spared them.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal};

use mcp_event::server::ServerStatus;

#[derive(Clone, Copy)]
pub enum Colour {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Colour {
    /// What a status is shown in.
    pub fn of(status: ServerStatus) -> Colour {
        match status {
            ServerStatus::Running => Colour::Green,
            ServerStatus::Unhealthy | ServerStatus::Backoff => Colour::Yellow,
            ServerStatus::Failed => Colour::Red,
            ServerStatus::Stopped => Colour::Dim,
            _ => Colour::Cyan,
        }
    }

    /// As in ECMA-48, "select graphic rendition".
    fn code(self) -> u8 {
        match self {
            Colour::Bold => 1,
            Colour::Dim => 2,
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Cyan => 36,
        }
    }
}

/// Whether stdout can show more than plain lines.
pub fn stdout_is_capable() -> bool {
    io::stdout().is_terminal() && env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// How text is written to stdout.
#[derive(Clone, Copy)]
pub struct Style {
    is_coloured: bool,
}

impl Style {
    /// With colours on a terminal, unless `NO_COLOR` is set to anything.
    pub fn of_stdout() -> Style {
        let is_unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Style { is_coloured: stdout_is_capable() && !is_unwanted }
    }

    /// `text` in a colour. To be aligned, it is padded before.
    pub fn paint(self, colour: Colour, text: impl Display) -> String {
        match self.is_coloured {
            true => format!("\x1b[{}m{text}\x1b[0m", colour.code()),
            false => text.to_string(),
        }
    }
}
