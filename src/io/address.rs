//! Where to connect, and who has connected.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use socket2::{Domain, SockAddr};

use crate::error::Error;

/// The address of a stream's end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP over IP.
    Tcp(SocketAddr),
    /// A socket in the file system. The path is empty for one without a name, as most that connect are; one that begins
    /// with a zero byte is Linux's: a name outside the file system.
    Unix(PathBuf),
}

impl Address {
    pub(super) fn domain(&self) -> Domain {
        match self {
            Address::Tcp(address) => Domain::for_address(*address),
            Address::Unix(_) => Domain::UNIX,
        }
    }

    pub(super) fn to_system(&self) -> io::Result<SockAddr> {
        match self {
            Address::Tcp(address) => Ok(SockAddr::from(*address)),
            Address::Unix(path) => SockAddr::unix(path),
        }
    }

    pub(super) fn from_system(address: &SockAddr) -> Address {
        match address.as_socket() {
            Some(address) => Address::Tcp(address),
            None => Address::Unix(unix_path(address)),
        }
    }
}

fn unix_path(address: &SockAddr) -> PathBuf {
    #[cfg(target_os = "linux")]
    if let Some(name) = address.as_abstract_namespace() {
        let name: Vec<u8> = std::iter::once(0).chain(name.iter().copied()).collect();
        return PathBuf::from(std::ffi::OsStr::from_bytes(&name));
    }
    address.as_pathname().map(Path::to_path_buf).unwrap_or_default()
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address::Tcp(address)
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Address {
        Address::Unix(path.into())
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Address {
        Address::Unix(path)
    }
}

/// What [`Address`] parses from: `127.0.0.1:80`, `[::1]:80`, `unix:/a/path`, `unix:@name`.
const UNIX: &str = "unix:";

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => match path.as_os_str().as_bytes().split_first() {
                Some((0, name)) => write!(f, "{UNIX}@{}", String::from_utf8_lossy(name)),
                _ => write!(f, "{UNIX}{}", path.display()),
            },
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Address, Error> {
        let Some(path) = text.strip_prefix(UNIX) else {
            return text.parse().map(Address::Tcp).map_err(|_| {
                let expected = "an IP address and a port (127.0.0.1:80, [::1]:80), or unix: and a path";
                Error::InvalidArgument(format!("{text:?} is no address: it takes {expected}"))
            });
        };
        if path.contains('\0') {
            return Err(Error::InvalidArgument(format!("{text:?} is no address: a path holds no zero byte")));
        }
        Ok(Address::Unix(match path.strip_prefix('@') {
            Some(name) => format!("\0{name}").into(),
            None => path.into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_parsed_again() {
        for text in ["127.0.0.1:80", "[::1]:8080", "unix:/run/x", "unix:@name", "unix:"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "127.0.0.1", "localhost:80", ":80", "127.0.0.1:99999", "unix:a\0b"] {
            assert!(matches!(text.parse::<Address>(), Err(Error::InvalidArgument(_))), "{text:?}");
        }
    }
}
