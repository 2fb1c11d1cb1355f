//! Servers in jobs, under management.

use serde_json::json;

use crate::stage::*;

#[test]
fn a_server_is_spoken_with() {
    let stage = Stage::one(example(&["--tools", "docker"], json!({})));
    let info = stage.until_it("it", |info| !info.tools.is_empty());
    assert!(info.tools.iter().any(|tool| tool == "list_containers"), "{:?}", info.tools);
    for _ in 0..100 {
        stage.ping("it");
    }
    stage.servers.stop_server("it").unwrap();
}

#[test]
fn a_server_that_uses_too_much_memory_is_ended() {
    let settings =
        json!({ "workingSetLimitBytes": 1_048_576, "healthIntervalMs": 1, "restart": { "policy": "never" } });
    let stage = Stage::one(example(&[], settings));
    let info = stage.until_it("it", |info| info.reason.contains("bytes of memory"));
    assert!(info.reason.contains("1048576 are allowed"), "{}", info.reason);
}
