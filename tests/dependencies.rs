//! What the library brings along: no async runtime, and no crate without a reason.

use std::path::Path;
use std::process::Command;

/// What drives futures, or brings such a thing.
const RUNTIMES: [&str; 9] = [
    "actix-rt",
    "async-executor",
    "async-global-executor",
    "async-std",
    "embassy-executor",
    "futures-executor",
    "glommio",
    "smol",
    "tokio",
];

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

/// The crates that the library is built of, itself among them.
fn crates(options: &[&str]) -> Vec<String> {
    let tree = [&["tree", "--edges", "normal", "--prefix", "none"], options].concat();
    let mut crates: Vec<_> =
        cargo(&tree).lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    crates.sort();
    crates.dedup();
    crates
}

#[test]
#[cfg_attr(windows, ignore = "it runs cargo, which wine has not")]
fn no_build_brings_an_async_runtime() {
    for options in [&[][..], &["--no-default-features"], &["--all-features"]] {
        let crates = crates(options);
        assert!(crates.contains(&"mcp-event".into()), "{crates:?}");
        let runtimes: Vec<_> = crates.iter().filter(|name| RUNTIMES.contains(&name.as_str())).collect();
        assert!(runtimes.is_empty(), "{options:?}: {runtimes:?} among {crates:?}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "it runs cargo, which wine has not")]
fn every_direct_dependency_has_a_reason_in_the_architecture() {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("cargo writes JSON");
    let dependencies = metadata["packages"][0]["dependencies"].as_array().expect("a list");
    assert!(!dependencies.is_empty());

    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let (_, section) = page.split_once("## Dependencies").expect("the section is there");
    for dependency in dependencies {
        let name = dependency["name"].as_str().expect("a name");
        let is_named = section.contains(&format!("`{name}`"));
        assert!(is_named, "docs/architecture.md does not say why {name} is there");
    }
}
