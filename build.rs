//! Builds the guardian (guardian/main.rs), a program that the library carries inside and starts as a process of its
//! own, for systems that have what it needs. It is made by the compiler alone, for the target and with the linker
//! that cargo uses; flags for the library (sanitizers, instrumentation) are not its own.
//!
//! With the feature `asio`, also compiles the C++ side of that backend.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, exit};

/// Whose system call numbers and constants are those that guardian/sys.rs declares.
const ARCHITECTURES: [&str; 8] =
    ["x86_64", "x86", "aarch64", "arm", "riscv64", "loongarch64", "powerpc64", "s390x"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=guardian");
    println!("cargo::rustc-check-cfg=cfg(mcp_event_guardian)");
    #[cfg(feature = "asio")]
    build_asio();
    let wanted = env::var_os("CARGO_FEATURE_SERVERS").is_some()
        && variable("CARGO_CFG_TARGET_OS") == "linux"
        && ARCHITECTURES.contains(&variable("CARGO_CFG_TARGET_ARCH").as_str());
    if !wanted {
        return;
    }
    if let Err(why) = build_guardian() {
        eprintln!("the guardian of server processes (guardian/main.rs) cannot be built: {why}");
        exit(1);
    }
    println!("cargo::rustc-cfg=mcp_event_guardian");
}

/// One file, since asio's headers take their time.
#[cfg(feature = "asio")]
fn build_asio() {
    let headers =
        ["asio", "asio_loop", "event_loop", "foreign_loop"].map(|name| format!("include/mcp/event/{name}.h"));
    for path in headers.iter().map(String::as_str).chain(["src/poller/asio", "src/poller/asio.rs"]) {
        println!("cargo::rerun-if-changed={path}");
    }
    let mut compiler = cxx_build::bridge("src/poller/asio.rs");
    compiler.file("src/poller/asio/builtin.cc").include(".").include("include").std("c++14");
    // Symbols that are unique in the process cannot be made local to the library.
    compiler.flag_if_supported("-fno-gnu-unique");
    if let Err(why) = compiler.try_compile("mcp-event-asio") {
        eprintln!("the backend asio (src/poller/asio/builtin.cc) cannot be built: {why}");
        exit(1);
    }
}

fn build_guardian() -> Result<(), String> {
    let mut compiler = Command::new(variable("RUSTC"));
    compiler
        .args(["--edition=2024", "--crate-name=mcp_guardian", "--crate-type=bin"])
        .args(["-Cpanic=abort", "-Copt-level=s", "-Clto=fat", "-Cstrip=symbols"])
        .args(["--target", &variable("TARGET")])
        .arg("-o")
        .arg(Path::new(&variable("OUT_DIR")).join("mcp-guardian"))
        .arg("guardian/main.rs");
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = OsString::from("-Clinker=");
        option.push(linker);
        compiler.arg(option);
    }
    let status = compiler.status().map_err(|error| format!("{compiler:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{compiler:?}: {status}")) }
}

/// What cargo always sets.
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
