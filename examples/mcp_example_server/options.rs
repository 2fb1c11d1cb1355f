//! The command line.

use std::{fmt, iter::Peekable, net::SocketAddr, str::FromStr, time::Duration};

use super::misbehaviour::Misbehaviour;
use super::tools::Theme;

pub const USAGE: &str = "\
An MCP server over stdio: JSON-RPC messages, one a line. It exits with status 0 when stdin ends.

usage: mcp_example_server [--name NAME] [--tools basic|docker|kubernetes|prometheus] [--http ADDRESS:PORT]
                          [misbehaviour...]

With --http it serves http://ADDRESS:PORT/mcp in place of stdin, until it is ended; port 0 is any that is free, and
stderr names it.

How it starts and ends:
  --die-at-once [CODE]    exits with CODE, or 1, before it reads anything
  --exit-after MS         exits with 0 so long after its start
  --ignore-sigterm        ignores SIGTERM and the end of stdin, for two minutes
  --fork-children N       leaves N children in its group and N in sessions of their own, all ignoring SIGTERM
                          for two minutes; names each on stderr as `child PID`
  --stderr-flood LINES    so many lines on stderr at its start

The handshake, that is, the answer to initialize or server/discover:
  --slow-start MS         delays it
  --die-in-handshake      exits with 1 instead
  --error-on-initialize   answers with an error
  --wrong-version VERSION answers with this protocol version
  --flood-stdout MIB      so many MiB of notifications before it, and as many after it
  --huge-line MIB         a notification of that size after it, on one line
  --close-stdout          closes stdout after it, and stays

All answers:
  --never-answer          reads, but says nothing; the same as --mute-after 0
  --mute-after N          says nothing any more after N answers
  --half-line             says half of the first answer that is withheld, which is the very first one without
                          --mute-after
  --garbage N             N lines before each that are no messages, or none that a client could use
  --wrong-id              answers under another id, except in the handshake
";

/// What a command line asks for.
pub enum Wish {
    Help,
    Serve(Options),
}

pub struct Options {
    pub name: String,
    pub theme: Theme,
    /// Where to serve HTTP.
    pub http: Option<SocketAddr>,
    pub misbehaviour: Misbehaviour,
}

/// Reads a command line; the error says which flag is wrong, and why.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut words = Words(arguments.peekable());
    let mut wrong = Misbehaviour::default();
    let (mut name, mut theme, mut http) = ("example".to_owned(), Theme::Basic, None);
    while let Some(flag) = words.0.next() {
        match flag.as_str() {
            "--help" => return Ok(Wish::Help),
            "--name" => name = words.text(&flag)?,
            "--tools" => theme = words.value(&flag)?,
            "--http" => http = Some(words.value(&flag)?),
            "--die-at-once" => wrong.die_at_once = Some(words.number_if_any().unwrap_or(1)),
            "--exit-after" => wrong.exit_after = Some(words.milliseconds(&flag)?),
            "--ignore-sigterm" => wrong.ignore_sigterm = true,
            "--fork-children" => wrong.fork_children = words.value(&flag)?,
            "--stderr-flood" => wrong.stderr_flood = words.value(&flag)?,
            "--slow-start" => wrong.slow_start = words.milliseconds(&flag)?,
            "--die-in-handshake" => wrong.die_in_handshake = true,
            "--error-on-initialize" => wrong.error_on_initialize = true,
            "--wrong-version" => wrong.wrong_version = Some(words.text(&flag)?),
            "--flood-stdout" => wrong.flood_stdout = words.mebibytes(&flag)?,
            "--huge-line" => wrong.huge_line = words.mebibytes(&flag)?,
            "--close-stdout" => wrong.close_stdout = true,
            "--never-answer" => wrong.mute_after = Some(0),
            "--mute-after" => wrong.mute_after = Some(words.value(&flag)?),
            "--half-line" => wrong.half_line = true,
            "--garbage" => wrong.garbage = words.value(&flag)?,
            "--wrong-id" => wrong.wrong_id = true,
            _ => return Err(format!("unknown flag {flag:?}")),
        }
    }
    if wrong.half_line {
        wrong.mute_after.get_or_insert(0);
    }
    Ok(Wish::Serve(Options { name, theme, http, misbehaviour: wrong }))
}

struct Words<I: Iterator>(Peekable<I>);

impl<I: Iterator<Item = String>> Words<I> {
    fn text(&mut self, flag: &str) -> Result<String, String> {
        self.0.next().ok_or_else(|| format!("{flag} needs a value"))
    }

    fn value<T: FromStr<Err: fmt::Display>>(&mut self, flag: &str) -> Result<T, String> {
        let text = self.text(flag)?;
        text.parse().map_err(|error| format!("{flag} {text:?}: {error}"))
    }

    fn milliseconds(&mut self, flag: &str) -> Result<Duration, String> {
        Ok(Duration::from_millis(self.value(flag)?))
    }

    /// As many as are sure to fit in memory's range when counted in bytes.
    fn mebibytes(&mut self, flag: &str) -> Result<usize, String> {
        Ok(usize::from(self.value::<u16>(flag)?))
    }

    /// The next word, if it is a number.
    fn number_if_any(&mut self) -> Option<u8> {
        let number = self.0.peek()?.parse().ok()?;
        self.0.next();
        Some(number)
    }
}
