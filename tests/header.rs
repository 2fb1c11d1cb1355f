//! `include/mcp_event.h` is what `src/ffi` says. `MCP_EVENT_UPDATE_HEADER=1 cargo test --test header` writes it.

use std::path::Path;

#[test]
#[cfg_attr(windows, ignore = "it runs cargo, which wine has not")]
fn the_checked_in_header_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut generated = Vec::new();
    cbindgen::generate_with_config(root, config).unwrap().write(&mut generated);
    let mut generated = String::from_utf8(generated).unwrap();
    while generated.contains("\n\n\n") {
        generated = generated.replace("\n\n\n", "\n\n");
    }
    let header = root.join("include/mcp_event.h");
    if std::env::var_os("MCP_EVENT_UPDATE_HEADER").is_some() {
        std::fs::write(&header, &generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(&header).unwrap_or_default();
    assert!(
        checked_in == generated,
        "include/mcp_event.h is stale: run `MCP_EVENT_UPDATE_HEADER=1 cargo test --test header`"
    );
}

#[test]
fn the_header_declares_nothing_without_our_prefix() {
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/mcp_event.h");
    let header = std::fs::read_to_string(header).unwrap();
    let begins_a_declaration =
        |line: &&str| ["typedef ", "#define ", "extern ", "enum "].iter().any(|word| line.starts_with(word));
    for line in header.lines().filter(begins_a_declaration).filter(|line| *line != "extern \"C\" {") {
        assert!(line.contains("mcp_event_") || line.contains("MCP_EVENT_"), "{line}");
    }
}
