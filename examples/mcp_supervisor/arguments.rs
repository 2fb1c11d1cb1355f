//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub const USAGE: &str = "\
Runs the MCP servers of a configuration file, and shows how they are.

usage: mcp_supervisor FILE [--metrics ADDRESS] [--state FILE]

  --metrics ADDRESS  serves the figures for Prometheus at http://ADDRESS/metrics; port 0 is one that is free
  --state FILE       remembers there what should run, unless the configuration names a file itself

Ctrl-C and SIGTERM end it, a second one kills what is left; SIGHUP reads the configuration again.
RUST_LOG says what is logged, as in RUST_LOG=info.
";

/// What a command line asks for.
pub enum Wish {
    Help,
    Supervise(Arguments),
}

pub struct Arguments {
    /// The configuration.
    pub file: PathBuf,
    /// Where the metrics are served.
    pub metrics: Option<String>,
    /// The state file.
    pub state: Option<PathBuf>,
}

/// Reads a command line; the error says what is wrong with it.
pub fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Wish, String> {
    let (mut file, mut metrics, mut state) = (None, None, None);
    while let Some(word) = words.next() {
        let mut value = |flag: &str| words.next().ok_or_else(|| format!("{flag} needs a value"));
        match word.to_str() {
            Some("--help") => return Ok(Wish::Help),
            Some("--metrics") => {
                let address = value("--metrics")?.into_string();
                metrics = Some(address.map_err(|address| format!("{address:?} is no address"))?);
            }
            Some("--state") => state = Some(value("--state")?.into()),
            Some(flag) if flag.starts_with('-') => return Err(format!("unknown flag {flag:?}")),
            _ if file.is_some() => return Err(format!("one file is enough: what is {word:?}?")),
            _ => file = Some(word.into()),
        }
    }
    let file = file.ok_or("which file? the configuration of the servers is missing")?;
    Ok(Wish::Supervise(Arguments { file, metrics, state }))
}
