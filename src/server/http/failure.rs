//! Why an exchange with a server failed, in words, and what that says of the server.

use std::io::ErrorKind;

use ureq::{Error, Timeout};

/// Why an exchange failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// This exchange alone, as far as one can know.
    Exchange(String),
    /// The server: it cannot be reached, or has forgotten the session.
    Server(String),
}

impl Failure {
    /// The failure of an exchange with the server at `origin`, before its answer began or in it.
    pub(super) fn new(origin: &str, error: Error) -> Failure {
        let is_unreachable = match &error {
            Error::Io(error) => !matches!(
                error.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::NotConnected
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::TimedOut
            ),
            Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
            Error::BadUri(_)
            | Error::HostNotFound
            | Error::ConnectionFailed
            | Error::ConnectProxyFailed(_)
            | Error::InvalidProxyUrl
            | Error::Tls(_)
            | Error::Rustls(_)
            | Error::TlsRequired => true,
            _ => false,
        };
        let why = match &error {
            Error::Io(error) => error.to_string(),
            Error::Timeout(Timeout::Resolve) => "looking up its address took too long".into(),
            Error::Timeout(Timeout::Connect) => "connecting took too long".into(),
            Error::Timeout(_) => "it took too long".into(),
            // The library's text repeats it.
            Error::BadUri(_) => "its URL cannot be used".into(),
            other => other.to_string(),
        };
        if is_unreachable {
            Failure::Server(format!("{origin} cannot be reached: {why}"))
        } else {
            Failure::Exchange(format!("the connection to {origin} failed: {why}"))
        }
    }

    /// It, in words.
    pub(super) fn why(self) -> String {
        match self {
            Failure::Exchange(why) | Failure::Server(why) => why,
        }
    }
}
