//! How the dialogue looks on the screen: who speaks, of what, and the words.

use std::{ffi::OsStr, fmt::Display, path::Path, process::ExitStatus};

use crate::{Result, check};

pub fn headline(text: impl Display) {
    println!("{text}");
}

/// A program's name, without where it lies.
pub fn name_of(program: &OsStr) -> impl Display {
    Path::new(program).file_name().unwrap_or(program).display()
}

/// The client speaks.
pub fn ask(about: &str, words: impl Display) {
    line("->", about, words);
}

/// The server speaks.
pub fn hear(about: &str, words: impl Display) {
    line("<-", about, words);
}

/// What the client found out for itself.
pub fn note(about: &str, words: impl Display) {
    line("--", about, words);
}

/// Tells what a server said at its end; an error if it did not end well.
pub fn end_of_server(status: ExitStatus, last_words: &str) -> Result<()> {
    for words in last_words.lines() {
        note("server says", words);
    }
    check(status.success(), || format!("the server ended with {status}"))?;
    note("end", status);
    Ok(())
}

fn line(who: &str, about: &str, words: impl Display) {
    println!("{}", format!("  {who} {about:<12} {words}").trim_end());
}
