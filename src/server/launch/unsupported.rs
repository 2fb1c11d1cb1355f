//! Where there is no guardian, no server is launched.

use super::{Launch, LaunchError, Launched, Launcher, Leftover, ProcessIdentity};

/// Launches servers as processes on this machine. Not on this system: every launch fails.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalLauncher;

impl LocalLauncher {
    /// A launcher. All are alike.
    pub fn new() -> LocalLauncher {
        LocalLauncher
    }
}

impl Launcher for LocalLauncher {
    fn launch(&self, _: &Launch) -> Result<Launched, LaunchError> {
        let system = format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH);
        Err(LaunchError::Unsupported(format!(
            "servers cannot be launched: there is no guardian for {system}"
        )))
    }

    /// There was no earlier life here.
    fn end_leftover(&self, _: &ProcessIdentity) -> Leftover {
        Leftover::Gone
    }
}
