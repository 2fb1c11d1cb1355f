//! Launching servers on this machine.

use super::check::check;
#[cfg(all(unix, not(mcp_event_guardian)))]
use super::group as system;
#[cfg(mcp_event_guardian)]
use super::guardian as system;
#[cfg(windows)]
use super::job as system;
use super::{Launch, LaunchError, Launched, Launcher, Leftover, ProcessIdentity};

/// Launches servers as processes on this machine, so that nothing of them outlives us: docs/no-orphans.md tells how,
/// and what each system holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalLauncher;

impl LocalLauncher {
    /// A launcher. All are alike.
    pub fn new() -> LocalLauncher {
        LocalLauncher
    }
}

impl Launcher for LocalLauncher {
    fn launch(&self, launch: &Launch) -> Result<Launched, LaunchError> {
        check(launch)?;
        system::launch(launch)
    }

    fn end_leftover(&self, identity: &ProcessIdentity) -> Leftover {
        system::end_leftover(identity)
    }
}
