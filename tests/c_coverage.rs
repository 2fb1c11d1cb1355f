//! The C tests in `tests/c` use every function, type and constant that `include/mcp_event.h` declares.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of ours in C code, its comments left out.
fn names(code: &str) -> BTreeSet<String> {
    let code = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with("mcp_event_") || word.starts_with("MCP_EVENT_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_c_tests_use_all_of_the_header() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = fs::read_to_string(root.join("include/mcp_event.h")).unwrap();
    let mut unused = names(&header);
    unused.remove("MCP_EVENT_H");
    assert!(unused.len() > 60, "the header holds only {unused:?}");
    for entry in fs::read_dir(root.join("tests/c")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "c" || extension == "h") {
            for name in names(&fs::read_to_string(&path).unwrap()) {
                unused.remove(&name);
            }
        }
    }
    assert!(unused.is_empty(), "no C test uses {unused:?}");
}
