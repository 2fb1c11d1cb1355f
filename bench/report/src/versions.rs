//! Which versions of crates the benchmarks were built with: this library's, and those of the peers in Rust.

use std::collections::BTreeMap;

const LOCK_FILES: [&str; 2] =
    [include_str!("../../actors/Cargo.lock"), include_str!("../../crossbeam_peer/Cargo.lock")];

const CRATES: [&str; 6] = ["mcp-event", "crossbeam-channel", "tokio", "actix", "ractor", "kameo"];

pub fn of_crates() -> BTreeMap<String, String> {
    let locked = |name: &str| LOCK_FILES.iter().find_map(|lock| version(lock, name));
    CRATES.iter().filter_map(|name| Some((name.to_string(), locked(name)?.to_owned()))).collect()
}

/// The version of a crate that a lock file names.
fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, entry) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    entry.split_once('"').map(|(version, _)| version)
}
