//! What is wrong with a document, and where.

use std::{error, fmt};

use super::JsonPath;

/// One thing that makes a document unusable. Its text never repeats a string of the document, which may be a
/// secret; numbers and keys it does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// What sort of thing.
    pub kind: FaultKind,
    /// Where: a JSON path such as `$.mcpServers.docker.args[2]`; `$` for the whole document.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// The sorts of [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The bytes from `offset` on are not UTF-8.
    NotUtf8 {
        /// In bytes, from 0.
        offset: usize,
    },
    /// It is not JSON.
    Syntax {
        /// From 1.
        line: usize,
        /// In bytes, from 1.
        column: usize,
    },
    /// A key stands twice in one object.
    Duplicate,
    /// A value of another type is expected there.
    WrongType,
    /// The type is right, the value is not.
    BadValue,
    /// Something that must be there is not.
    Missing,
    /// A `${VARIABLE}` that is not set and has no default.
    UnknownVariable,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, path: &JsonPath, message: impl Into<String>) -> Fault {
        Fault { kind, path: path.to_string(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FaultKind::NotUtf8 { .. } | FaultKind::Syntax { .. } => f.write_str(&self.message),
            _ => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

impl error::Error for Fault {}
