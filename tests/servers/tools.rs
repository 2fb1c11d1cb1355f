//! The list of tools, which follows the server.

use serde_json::json;

use crate::stage::*;

#[test]
fn the_tools_are_listed_again_when_they_have_changed() {
    let stage = Stage::one(example(&["--tools", "docker"], json!({})));
    let info = stage.until_it("it", |info| !info.tools.is_empty());
    assert!(info.tools.iter().any(|tool| tool == "list_containers"), "{:?}", info.tools);
    for _ in 0..10 {
        stage.tool("grow", json!({})).unwrap();
    }
    stage.until_it("it", |info| info.tools.iter().any(|tool| tool == "grown_10"));
    stage.servers.stop_server("it").unwrap();
    assert!(stage.servers.info("it").unwrap().tools.is_empty());
}
