//! Names for launches, where the system has none to give.

use std::sync::LazyLock;

use crate::chance::Chance;

/// The environment variable with the launch's name.
pub(super) const LAUNCH_VARIABLE: &str = "MCP_EVENT_LAUNCH";

/// A name that no launch had before.
pub(super) fn new_launch_name() -> String {
    // Two rows, each begun by the system's randomness.
    static NAMES: LazyLock<[Chance; 2]> = LazyLock::new(|| [Chance::new(), Chance::new()]);
    let [first, second] = &*NAMES;
    format!("{:016x}{:016x}", first.bits(), second.bits())
}
