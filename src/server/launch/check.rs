//! What is wrong with a launch, before anything is started.

use std::ffi::OsStr;
use std::{fs, io};

use super::{Launch, LaunchError};

pub(super) fn check(launch: &Launch) -> Result<(), LaunchError> {
    let invalid = |text: String| Err(LaunchError::InvalidArgument(text));
    if launch.command.is_empty() {
        return invalid(format!("the command of {:?} is empty", launch.name));
    }
    for (name, value) in &launch.env {
        if name.is_empty() || name.as_encoded_bytes().contains(&b'=') {
            return invalid(format!("{name:?} cannot be the name of an environment variable"));
        }
        no_zero("the environment variable", name)?;
        // Its value may be a secret.
        if has_zero(value) {
            return invalid(format!("the value of the environment variable {name:?} contains a zero byte"));
        }
    }
    no_zero("the name", OsStr::new(&launch.name))?;
    no_zero("the command", &launch.command)?;
    for argument in &launch.args {
        no_zero("the argument", argument)?;
    }
    if let Some(path) = &launch.cwd {
        no_zero("the working directory", path.as_os_str())?;
        let unusable = |source| LaunchError::WorkingDirectory { path: path.clone(), source };
        if !fs::metadata(path).map_err(unusable)?.is_dir() {
            return Err(unusable(io::Error::from_raw_os_error(NO_DIRECTORY)));
        }
    }
    Ok(())
}

#[cfg(unix)]
const NO_DIRECTORY: i32 = libc::ENOTDIR;
#[cfg(windows)]
const NO_DIRECTORY: i32 = windows_sys::Win32::Foundation::ERROR_DIRECTORY as i32;

fn no_zero(what: &str, text: &OsStr) -> Result<(), LaunchError> {
    if has_zero(text) {
        return Err(LaunchError::InvalidArgument(format!("{what} {text:?} contains a zero byte")));
    }
    Ok(())
}

fn has_zero(text: &OsStr) -> bool {
    text.as_encoded_bytes().contains(&0)
}
