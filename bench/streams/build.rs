//! Compiles the servers on asio, where there is a C++ compiler and what they include.

fn main() {
    println!("cargo::rerun-if-changed=src/asio.cc");
    println!("cargo::rustc-check-cfg=cfg(asio, asio_io_uring)");
    if compile("asio_on_epoll", &[]) {
        println!("cargo::rustc-cfg=asio");
    }
    // In a namespace of its own: the same names mean other things there.
    if compile("asio_on_io_uring", &["ASIO_HAS_IO_URING", "ASIO_DISABLE_EPOLL"]) {
        println!("cargo::rustc-cfg=asio_io_uring");
        println!("cargo::rustc-link-lib=uring");
    }
}

/// Whether `server` is there to be called.
fn compile(server: &str, definitions: &[&str]) -> bool {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").opt_level(3).file("src/asio.cc").cargo_warnings(false);
    build
        .define("ECHO_SERVER", &*format!("{server}_echo"))
        .define("ACCEPT_SERVER", &*format!("{server}_accept"));
    build.define("asio", &*format!("{server}_namespace"));
    for definition in definitions {
        build.define(definition, None);
    }
    let done = build.try_compile(server);
    if done.is_err() {
        println!(
            "cargo::warning={server} is not compiled: it takes a C++ compiler, asio, and liburing for io_uring"
        );
    }
    done.is_ok()
}
