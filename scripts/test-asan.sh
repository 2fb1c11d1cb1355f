#!/bin/sh
# The C, C++ and Rust tests of a default build, without doc tests, under AddressSanitizer and LeakSanitizer: Rust and
# C++ instrumented alike, on a debug build of the core, which also recognises freed handles.
set -eu
cd "$(dirname "$0")/.."

if ! cargo +nightly --version >/dev/null 2>&1; then
  echo "This needs a nightly toolchain: rustup toolchain install nightly" >&2
  exit 1
fi
scripts/ensure-tools.sh build test

target=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="-Zsanitizer=address"
export LSAN_OPTIONS="suppressions=$PWD/tests/lsan.supp:print_suppressions=0"
# Tests of crash dumps crash on purpose, and look at how the process died: the sanitizer is not to step in.
export ASAN_OPTIONS="handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0"
export CARGO_TARGET_DIR="$PWD/target/asan"

# The servers that tests manage.
cargo +nightly build --quiet --locked --target "$target" --examples
# The sanitizer's runtime must be in the program itself, so doc tests (each a program of its own) stay out.
# One test takes all address space away so that no thread can start; the sanitizer itself cannot live so.
cargo +nightly test --quiet --locked --target "$target" --lib --tests -- \
  --skip o3_a_start_that_the_system_refuses_stops_those_started

cmake -S . -B build/asan -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMCP_EVENT_SANITIZE=address -DMCP_EVENT_CARGO_PROFILE=dev \
  -DMCP_EVENT_CARGO_TOOLCHAIN=nightly -DMCP_EVENT_RUST_TARGET="$target" -DMCP_EVENT_CARGO_TARGET_DIR="$CARGO_TARGET_DIR"
cmake --build build/asan
ctest --test-dir build/asan --output-on-failure
