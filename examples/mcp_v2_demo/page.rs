//! The page that the demo writes: headlines, and lines with a mark.

use std::fmt::Display;
use std::time::Duration;

use super::style::{Colour, Style};

pub struct Page {
    pub style: Style,
}

impl Page {
    pub fn new() -> Page {
        Page { style: Style::of_stdout() }
    }

    pub fn headline(&self, text: &str) {
        println!("\n{}", self.style.paint(Colour::Bold, format_args!("== {text}")));
    }

    pub fn line(&self, text: impl Display) {
        println!("  {text}");
    }

    /// Something that is as it should be.
    pub fn success(&self, text: impl Display) {
        println!("  {} {text}", self.style.paint(Colour::Green, "ok"));
    }

    /// The names of columns.
    pub fn columns(&self, text: impl Display) {
        println!("  {}", self.style.paint(Colour::Dim, text));
    }
}

/// A time in milliseconds, with two decimals.
pub fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// A time in microseconds, with one decimal.
pub fn microseconds(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}
