//! How a server is reached: a program that is started, or a URL.

use std::fmt;
use std::path::PathBuf;

use super::reader::Reader;
use crate::server::document::{Fault, FaultKind, Item, Object};

/// How a server is reached. Its `Debug` output shows the names, but not the values, of what tends to be secret:
/// `env` and `headers`, and of a URL no more than its origin.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// A program that talks over its stdin and stdout.
    Stdio {
        /// The program: a path, or a name to look up in `PATH`. Not empty; like all strings here without NUL.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// What its environment has beside ours, in the order of the file.
        env: Vec<(String, String)>,
        /// Its working directory; ours if `None`.
        cwd: Option<PathBuf>,
    },
    /// A server that runs elsewhere, over streamable HTTP.
    Http {
        /// Begins with `http://` or `https://`.
        url: String,
        /// What every request carries, in the order of the file; names and values are valid in HTTP.
        headers: Vec<(String, String)>,
    },
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        match self {
            Transport::Stdio { command, args, env, cwd } => f
                .debug_struct("Stdio")
                .field("command", command)
                .field("args", args)
                .field("env", &names(env))
                .field("cwd", cwd)
                .finish(),
            Transport::Http { url, headers } => {
                f.debug_struct("Http").field("url", &origin(url)).field("headers", &names(headers)).finish()
            }
        }
    }
}

/// Scheme, host and port of a URL, without a user's name and password.
pub(crate) fn origin(url: &str) -> String {
    split(url).map_or_else(String::new, |(scheme, host)| format!("{scheme}://{host}/..."))
}

/// The scheme of an HTTP URL, and its host and port.
fn split(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (known && !host.is_empty() && !host.starts_with(':')).then_some((scheme, host))
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Stdio,
    Http,
}

impl Transport {
    pub(super) fn read(server: &mut Object<'_>, reader: &mut Reader<'_>) -> Result<Transport, Fault> {
        let stated = server
            .optional("type")
            .map(|item| {
                let kinds = [("stdio", Kind::Stdio), ("http", Kind::Http), ("streamable-http", Kind::Http)];
                item.word(&kinds).map(|kind| (item, kind))
            })
            .transpose()?;
        let (transport, kind) = match (server.optional("command"), server.optional("url")) {
            (Some(command), None) => (Transport::read_stdio(&command, server, reader)?, Kind::Stdio),
            (None, Some(url)) => (Transport::read_http(&url, server, reader)?, Kind::Http),
            (Some(_), Some(_)) => {
                return Err(server.fault(FaultKind::BadValue, "has both \"command\" and \"url\"; choose one"));
            }
            (None, None) => {
                return Err(server.fault(FaultKind::Missing, "needs a \"command\" or a \"url\""));
            }
        };
        match stated {
            Some((item, stated)) if stated != kind => Err(item.refuse(match kind {
                Kind::Stdio => "a server with a \"command\" is of type \"stdio\"",
                Kind::Http => "a server with a \"url\" is of type \"http\"",
            })),
            _ => Ok(transport),
        }
    }

    fn read_stdio(
        command: &Item<'_>,
        server: &mut Object<'_>,
        reader: &Reader<'_>,
    ) -> Result<Transport, Fault> {
        let command = reader.expanded_text(command)?;
        let (mut args, mut env, mut cwd) = (Vec::new(), Vec::new(), None);
        server.read("args", &mut args, |item| item.array()?.map(|arg| reader.expanded(&arg)).collect())?;
        server.read("env", &mut env, |item| pairs(item, reader, check_variable))?;
        server.read("cwd", &mut cwd, |item| reader.expanded_text(item).map(|path| Some(path.into())))?;
        Ok(Transport::Stdio { command, args, env, cwd })
    }

    fn read_http(item: &Item<'_>, server: &mut Object<'_>, reader: &Reader<'_>) -> Result<Transport, Fault> {
        let url = reader.expanded_text(item)?;
        if split(&url).is_none() {
            return Err(item.refuse("expected a URL that begins with http:// or https:// and a host"));
        }
        if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(item.refuse("a URL has no spaces or control characters"));
        }
        let mut headers = Vec::new();
        server.read("headers", &mut headers, |item| pairs(item, reader, check_header))?;
        Ok(Transport::Http { url, headers })
    }
}

type Pair<'a> = (&'a str, &'a str);

/// An object whose members are all strings; `check` says what is wrong with a name or its value.
fn pairs(
    item: &Item<'_>,
    reader: &Reader<'_>,
    check: fn(Pair<'_>) -> Result<(), &'static str>,
) -> Result<Vec<(String, String)>, Fault> {
    let pair = |(name, item): (&str, Item<'_>)| {
        let value = reader.expanded(&item)?;
        check((name, &value)).map_err(|why| item.refuse(why))?;
        Ok((name.to_owned(), value))
    };
    item.object()?.members().map(pair).collect()
}

fn check_variable((name, _): Pair<'_>) -> Result<(), &'static str> {
    match name {
        "" => Err("the name of a variable must not be empty"),
        _ if name.contains(['=', '\0']) => Err("the name of a variable has no \"=\" and no NUL"),
        _ => Ok(()),
    }
}

fn check_header((name, value): Pair<'_>) -> Result<(), &'static str> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        Err("this is no name of an HTTP header")
    } else if value.contains(|c: char| c.is_control() && c != '\t') {
        Err("the value of an HTTP header has no control characters")
    } else {
        Ok(())
    }
}
