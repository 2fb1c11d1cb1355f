//! Misbehaviour: what the server is told to do wrong, and the doing of it at its start, around the handshake
//! and at its end. The fields that are read elsewhere act where they are read.

use std::{io, process, thread, time::Duration};

use serde_json::json;

use super::outlet::Outlet;
use super::{children, signals, stdout};

const MIB: usize = 1 << 20;

#[derive(Default)]
pub struct Misbehaviour {
    /// The delay before the answer to the handshake.
    pub slow_start: Duration,
    /// Falls silent after this many answers.
    pub mute_after: Option<u64>,
    /// Writes half of the first answer that it does not give any more.
    pub half_line: bool,
    /// Exits with this status before anything else.
    pub die_at_once: Option<u8>,
    pub die_in_handshake: bool,
    /// MiB of notifications before the answer to the handshake, and as many after it.
    pub flood_stdout: usize,
    /// Lines of garbage before each answer.
    pub garbage: usize,
    /// MiB of the one line after the handshake.
    pub huge_line: usize,
    /// Ignores the end of stdin as well.
    pub ignore_sigterm: bool,
    /// Children left behind, as many in the server's group as in sessions of their own.
    pub fork_children: u8,
    /// Closes stdout after the handshake.
    pub close_stdout: bool,
    /// Answers all but the handshake under another id.
    pub wrong_id: bool,
    /// Names this revision in the handshake, whatever the client wants.
    pub wrong_version: Option<String>,
    pub error_on_initialize: bool,
    /// Exits so long after the start.
    pub exit_after: Option<Duration>,
    /// Lines of noise on stderr at the start.
    pub stderr_flood: usize,
}

impl Misbehaviour {
    /// While there is one thread only.
    pub fn at_start(&self) -> io::Result<()> {
        if let Some(code) = self.die_at_once {
            process::exit(code.into());
        }
        if self.ignore_sigterm {
            signals::be_stubborn();
        }
        for own_session in [false, true] {
            for _ in 0..self.fork_children {
                eprintln!("child {}", children::leave_one(own_session)?);
            }
        }
        if let Some(delay) = self.exit_after {
            thread::spawn(move || {
                thread::sleep(delay);
                process::exit(0);
            });
        }
        Ok(())
    }

    pub fn flood_stderr(&self, name: &str) {
        for line in 1..=self.stderr_flood {
            eprintln!("{name}: noise {line} of {}", self.stderr_flood);
        }
    }

    pub fn before_handshake(&self, outlet: &Outlet) {
        if self.die_in_handshake {
            process::exit(1);
        }
        thread::sleep(self.slow_start);
        self.flood(outlet);
    }

    pub fn after_handshake(&self, outlet: &Outlet) {
        self.flood(outlet);
        if self.huge_line > 0 {
            log(outlet, "x".repeat(self.huge_line * MIB));
        }
        if self.close_stdout {
            stdout::close();
        }
    }

    /// When stdin has ended.
    pub fn at_end(&self, name: &str) {
        if self.ignore_sigterm {
            eprintln!("{name}: stays, though stdin has ended");
            signals::wait_for_death();
        }
    }

    /// Lines that no client can make sense of, from all kinds in turn.
    pub fn garbage_lines(&self) -> impl Iterator<Item = &'static [u8]> {
        GARBAGE.iter().copied().cycle().take(self.garbage)
    }

    fn flood(&self, outlet: &Outlet) {
        const TEXT: usize = 1024;
        for _ in 0..self.flood_stdout * MIB / TEXT {
            log(outlet, "flood ".repeat(TEXT / 6));
        }
    }
}

/// A message of the server's log is a notification that may come at any time.
fn log(outlet: &Outlet, text: String) {
    outlet.notify("notifications/message", json!({"level": "info", "data": text}));
}

const GARBAGE: &[&[u8]] = &[
    b"Listening on stdio, press ^C to quit\n",
    b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\xfe\",\"result\":{}}\n",
    b"[{\"jsonrpc\":\"2.0\",\"id\":\"nobody\",\"result\":{}},{\"jsonrpc\":\"2.0\",\"id\":\"nobody\",\"result\":{}}]\n",
    b"{\"jsonrpc\":\"1.0\",\"id\":\"nobody\",\"result\":{}}\n",
    b"{\"jsonrpc\":\"2.0\",\"id\":\"nobody\",\"result\":{}}\n",
    b"{\"jsonrpc\":\"2.0\",\"id\":-1,\"error\":{\"code\":-32603,\"message\":\"for nobody\"}}\n",
    b"{\"jsonrpc\":\"2.0\",\"id\":\n",
    b"{\"jsonrpc\":\"2.0\"}\n",
    b"[]\n",
    b"42\n",
    b"\0\n",
    b"\n",
];
