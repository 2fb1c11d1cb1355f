//! A launcher of the user's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use mcp_event::server::{
    Launch, LaunchError, Launched, Launcher, Leftover, LocalLauncher, ProcessIdentity, ServerStatus,
};
use serde_json::json;

use crate::stage::*;

/// Counts what it has launched, and refuses every launch after `most`.
struct Counting {
    launches: Arc<AtomicU32>,
    most: u32,
    local: LocalLauncher,
}

impl Launcher for Counting {
    fn launch(&self, launch: &Launch) -> Result<Launched, LaunchError> {
        assert_eq!(launch.name, "it");
        if self.launches.load(Ordering::Relaxed) == self.most {
            return Err(LaunchError::InvalidArgument("there were enough of them".into()));
        }
        self.launches.fetch_add(1, Ordering::Relaxed);
        self.local.launch(launch)
    }

    fn end_leftover(&self, identity: &ProcessIdentity) -> Leftover {
        self.local.end_leftover(identity)
    }
}

#[test]
fn every_life_is_launched_by_the_users_launcher() {
    let launches = Arc::new(AtomicU32::new(0));
    let launcher = Counting { launches: launches.clone(), most: 3, local: LocalLauncher::new() };
    let stage = Stage::with(config([("it", example(&[], for_ever()))]), |builder| builder.launcher(launcher));
    stage.until_running("it");
    assert_eq!(launches.load(Ordering::Relaxed), 1);
    stage.servers.restart_server("it").unwrap();
    stage.until("it", ServerStatus::Starting);
    stage.until_running("it");
    assert_eq!(launches.load(Ordering::Relaxed), 2);
    assert!(stage.tool("crash", json!({})).is_err());
    stage.until("it", ServerStatus::Backoff);
    stage.until_running("it");
    assert_eq!(launches.load(Ordering::Relaxed), 3);
    stage.ping("it");
    // What it refuses is a start that failed.
    stage.servers.restart_server("it").unwrap();
    let info = stage.until_it("it", |info| info.reason.contains("there were enough of them"));
    assert_eq!(info.pid, None);
    assert_eq!(launches.load(Ordering::Relaxed), 3);
}
