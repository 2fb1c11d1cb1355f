//! Many lives leave nothing behind.

use std::fs;

use mcp_event::server::ServerStatus;
use serde_json::json;

use crate::common::alone;
use crate::stage::*;

#[test]
fn two_hundred_lives_leave_no_descriptor_and_no_zombie() {
    alone(|| {
        let stage = Stage::one(example(&[], json!({ "autostart": false })));
        let life = || {
            stage.servers.start_server("it").unwrap();
            stage.until_running("it");
            stage.servers.stop_server("it").unwrap();
        };
        life();
        let before = descriptors();
        for _ in 0..200 {
            life();
        }
        assert_eq!(descriptors(), before);
        assert_eq!(children(), Vec::<String>::new());
    });
}

#[test]
fn failed_starts_leave_no_descriptor_and_no_zombie() {
    alone(|| {
        let stage = Stage::new(config([
            ("dies", example(&["--die-in-handshake"], for_ever())),
            ("missing", json!({ "command": "no-such-command", "restart": for_ever()["restart"] })),
        ]));
        let fail = |times: u32| {
            for name in ["dies", "missing"] {
                (0..times).for_each(|_| drop(stage.until(name, ServerStatus::Backoff)));
            }
            stage.servers.stop_server("dies").unwrap();
            stage.servers.stop_server("missing").unwrap();
        };
        fail(10);
        let before = descriptors();
        stage.servers.start_server("dies").unwrap();
        stage.servers.start_server("missing").unwrap();
        fail(100);
        assert_eq!(descriptors(), before);
        assert_eq!(children(), Vec::<String>::new());
    });
}

/// What the open descriptors of this process are.
fn descriptors() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    // One is the directory's own, and closed by now.
    let links = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let mut kinds: Vec<_> = links
        .map(|link| link.to_string_lossy().trim_end_matches(|c: char| "0123456789[]".contains(c)).to_owned())
        .collect();
    kinds.sort();
    kinds
}

/// The children of this process that have not been reaped.
fn children() -> Vec<String> {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let lists = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).unwrap());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}
