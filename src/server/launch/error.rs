//! Why a server could not be launched.

use std::path::PathBuf;
use std::{error, fmt, io};

/// Why [`Launcher::launch`](super::Launcher::launch) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum LaunchError {
    /// Something in the launch makes no sense; the text names it and says why.
    InvalidArgument(String),
    /// The working directory cannot be used.
    WorkingDirectory {
        /// As it was given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system refused; `operation` says what was asked of it.
    Os {
        /// What was being done, e.g. `starting the guardian of weather`.
        operation: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Servers cannot be launched on this system.
    Unsupported(String),
}

impl LaunchError {
    pub(super) fn os(operation: impl Into<String>, source: io::Error) -> LaunchError {
        LaunchError::Os { operation: operation.into(), source }
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LaunchError::InvalidArgument(text) | LaunchError::Unsupported(text) => f.write_str(text),
            LaunchError::WorkingDirectory { path, source } => {
                write!(f, "the working directory {}: {source}", path.display())
            }
            LaunchError::Os { operation, source } => write!(f, "{operation}: {source}"),
        }
    }
}

impl error::Error for LaunchError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            LaunchError::WorkingDirectory { source, .. } | LaunchError::Os { source, .. } => Some(source),
            LaunchError::InvalidArgument(_) | LaunchError::Unsupported(_) => None,
        }
    }
}
