//! The state file: always a whole state, the former one or the new one, whenever the writer or the system dies.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

use self::system::{Lock, private, replace, synchronize_directory};
use super::encoding::{self, Decoded};
use super::{State, StateError};

/// A state file that is ours for as long as this value lives. Beside it lie a `.lock`, which keeps a second
/// manager from taking our servers for left over ones, and while it is written a `.tmp`. All three are readable
/// for their owner alone; on Windows, for whom their directory says.
///
/// All functions block, `save` for as long as the disk takes to be sure: call them on a worker.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    _lock: Lock,
}

impl StateFile {
    /// Takes the file at `path`, which need not exist; its directory must.
    ///
    /// # Errors
    /// [`StateError::InUse`] if somebody else has it, [`StateError::Io`] if its directory is missing or not
    /// writable.
    pub fn open(path: impl Into<PathBuf>) -> Result<StateFile, StateError> {
        let path = path.into();
        let lock_path = with_suffix(&path, ".lock");
        let lock = private(OpenOptions::new().create(true).truncate(false))
            .open(&lock_path)
            .map_err(StateError::io("opening", &lock_path))?;
        match Lock::take(lock) {
            Ok(lock) => Ok(StateFile { path, _lock: lock }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(StateError::InUse { file: path }),
            Err(error) => Err(StateError::io("locking", &lock_path)(error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the state; an empty one if there is no file.
    ///
    /// # Errors
    /// [`StateError::Corrupt`] and [`StateError::ForeignVersion`], after which the file is still there; see
    /// [`set_aside`](StateFile::set_aside). [`StateError::Io`] if it cannot be read.
    pub fn load(&self) -> Result<State, StateError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::default()),
            Err(error) => return Err(StateError::io("reading", &self.path)(error)),
        };
        match encoding::decode(&bytes) {
            Ok(Decoded::State(state)) => Ok(state),
            Ok(Decoded::ForeignVersion(version)) => {
                Err(StateError::ForeignVersion { file: self.path.clone(), version })
            }
            Err(fault) => Err(StateError::Corrupt { file: self.path.clone(), fault }),
        }
    }

    /// Replaces the file by one that holds `state`. When it returns, the new file survives a power cut.
    ///
    /// # Errors
    /// [`StateError::Io`]. The former file is as it was, unless it was only the directory that could not be
    /// brought to the disk: then the new one has replaced it, but might not survive a power cut.
    pub fn save(&self, state: &State) -> Result<(), StateError> {
        let temporary = with_suffix(&self.path, ".tmp");
        let replaced = write(&temporary, encoding::encode(state).as_bytes())
            .map_err(StateError::io("writing", &temporary))
            .and_then(|()| replace(&temporary, &self.path).map_err(StateError::io("replacing", &self.path)));
        if let Err(error) = replaced {
            // The first error is the one to report.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        synchronize_directory(directory).map_err(StateError::io("synchronizing", directory))
    }

    /// Moves a file that cannot be used to `<path>.bad-<n>`, with the first `n` from 1 on that is free, and
    /// returns its new path. The next `load` gives an empty state.
    ///
    /// # Errors
    /// [`StateError::Io`], also if there is no file.
    pub fn set_aside(&self) -> Result<PathBuf, StateError> {
        let taken = |path: &PathBuf| path.symlink_metadata().is_ok();
        let mut number = 1_u64;
        let aside = loop {
            let aside = with_suffix(&self.path, &format!(".bad-{number}"));
            if !taken(&aside) {
                break aside;
            }
            number += 1;
        };
        fs::rename(&self.path, &aside).map_err(StateError::io("setting aside", &self.path))?;
        Ok(aside)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(suffix);
    path.into()
}

/// Makes a file anew, and brings it to the disk.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One is left here by a writer that was killed; its mode and owner are not to be trusted.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private(OpenOptions::new().create_new(true)).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
