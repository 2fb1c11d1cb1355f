//! Where to connect, and who has connected.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr};

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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) if path.as_os_str().is_empty() => f.write_str("(unnamed)"),
            Address::Unix(path) => match path.as_os_str().as_bytes().split_first() {
                Some((0, name)) => write!(f, "@{}", String::from_utf8_lossy(name)),
                _ => path.display().fmt(f),
            },
        }
    }
}
