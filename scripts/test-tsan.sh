#!/bin/sh
# Unit tests and test suites in Rust under ThreadSanitizer. The standard library is built with it too: otherwise the
# sanitizer knows nothing of what its locks and channels order, and reports races where there are none.
#
#   scripts/test-tsan.sh SUITE ...
set -eu
cd "$(dirname "$0")/.."

if [ ! -d "$(rustc +nightly --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library" ]; then
  echo "This needs a nightly toolchain and its sources: rustup toolchain install nightly --component rust-src" >&2
  exit 1
fi
scripts/ensure-tools.sh build

suites=
for suite in "$@"; do
  suites="$suites --test $suite"
done
export RUSTFLAGS="-Zsanitizer=thread"
export CARGO_TARGET_DIR="$PWD/target/tsan"
# Tests of forks start threads in the child, which the sanitizer allows only if told so.
export TSAN_OPTIONS="die_after_fork=0"
# A backtrace takes the instrumented standard library longer than tests wait.
export RUST_BACKTRACE=0

# shellcheck disable=SC2086 # One word a suite.
cargo +nightly test --quiet --locked -Zbuild-std --target "$(rustc -vV | sed -n 's/^host: //p')" --lib $suites
