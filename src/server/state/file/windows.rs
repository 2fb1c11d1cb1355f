use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// A file that is locked for as long as this value and the process live.
#[derive(Debug)]
pub(super) struct Lock;

impl Lock {
    pub(super) fn take(_: File) -> io::Result<Lock> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// To be written.
pub(super) fn private(options: &mut OpenOptions) -> &OpenOptions {
    options.write(true)
}

/// Makes sure that a name which was changed in it survives a power cut.
pub(super) fn synchronize_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
