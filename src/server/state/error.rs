//! Why a state file cannot be used.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

use crate::server::document::Fault;

/// Why a state file cannot be used. Each names the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateError {
    /// The system refused.
    Io {
        /// What was being done.
        operation: &'static str,
        /// To which file.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another [`StateFile`](super::StateFile), here or in another process, has the file.
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// The file is truncated, damaged, or no state file at all.
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong in it, and where.
        fault: Fault,
    },
    /// The file is one of a version that this library does not know.
    ForeignVersion {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u64,
    },
}

impl StateError {
    pub(super) fn io(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> StateError {
        move |source| StateError::Io { operation, file: file.to_owned(), source }
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StateError::Io { operation, file, source } => {
                write!(f, "{operation} {}: {source}", file.display())
            }
            StateError::InUse { file } => {
                write!(f, "the state file {} is in use, by another manager perhaps", file.display())
            }
            StateError::Corrupt { file, fault } => {
                write!(f, "the state file {} is damaged: {fault}", file.display())
            }
            StateError::ForeignVersion { file, version } => {
                let file = file.display();
                write!(f, "the state file {file} is of version {version}, which is not known here")
            }
        }
    }
}

impl error::Error for StateError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            StateError::Io { source, .. } => Some(source),
            StateError::Corrupt { fault, .. } => Some(fault),
            StateError::InUse { .. } | StateError::ForeignVersion { .. } => None,
        }
    }
}
