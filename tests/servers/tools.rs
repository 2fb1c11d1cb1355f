//! The lists of tools, resources and prompts, which follow the server.

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

#[test]
fn resources_and_prompts_are_listed_again_when_they_have_changed() {
    // A ping changes both. "$${" is how a configuration writes "${".
    let script = r#"which=first
        while read -r line; do
            id=$${line##*'"id":'}; id=$${id%%[,\}]*}
            case $line in
            *'"initialize"'*) result='"protocolVersion":"2025-06-18","capabilities":{"resources":{},"prompts":{}}' ;;
            *'"resources/list"'*) result='"resources":[{"uri":"memo:'$which'","name":"memo"}]' ;;
            *'"prompts/list"'*) result='"prompts":[{"name":"'$which'"}]' ;;
            *'"ping"'*)
                which=second result=
                echo '{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}'
                echo '{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}' ;;
            *) continue ;;
            esac
            echo '{"jsonrpc":"2.0","id":'$id',"result":{'$result'}}'
        done"#;
    let stage = Stage::one(shell(script, json!({ "healthIntervalMs": null })));
    stage.until_it("it", |info| info.resources == ["memo:first"] && info.prompts == ["first"]);
    stage.ping("it");
    let info = stage.until_it("it", |info| info.resources == ["memo:second"] && info.prompts == ["second"]);
    assert!(info.tools.is_empty(), "{:?}", info.tools);
    stage.servers.stop_server("it").unwrap();
    let info = stage.servers.info("it").unwrap();
    assert!(info.resources.is_empty() && info.prompts.is_empty(), "{info:?}");
}
