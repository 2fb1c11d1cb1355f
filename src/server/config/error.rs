//! Why there is no configuration, and what is odd about one.

use std::path::PathBuf;
use std::{error, fmt, io};

use crate::server::document::Fault;

/// A configuration that cannot be read or used.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Its path.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Something in it is wrong.
    Invalid {
        /// The file, if it was one.
        file: Option<PathBuf>,
        /// What, and where.
        fault: Fault,
    },
}

impl From<Fault> for ConfigError {
    fn from(fault: Fault) -> ConfigError {
        ConfigError::Invalid { file: None, fault }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable { file, source } => write!(f, "reading {}: {source}", file.display()),
            ConfigError::Invalid { file: Some(file), fault } => write!(f, "{}: {fault}", file.display()),
            ConfigError::Invalid { file: None, fault } => fault.fmt(f),
        }
    }
}

impl error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            ConfigError::Unreadable { source, .. } => Some(source),
            ConfigError::Invalid { fault, .. } => Some(fault),
        }
    }
}

/// Something that has no effect, probably not what its author meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Where: a JSON path.
    pub path: String,
    /// What.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
