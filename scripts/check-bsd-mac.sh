#!/usr/bin/env bash
# Checks what can be checked of macOS and the BSDs without their machines. For each target:
#
#   rust   the library with all features, its tests and its examples pass the type checker and the lints
#   c++    the C header and the C++ wrapper, with all its headers, compile
#   link   a program in C is linked with the library
#
# CHECKS=rust does that part alone; TARGETS="x86_64-unknown-freebsd" takes these targets alone. Exits 1 if one fails;
# what cannot be checked here is said, and no failure.
set -euo pipefail
cd "$(dirname "$0")/.."

checks=${CHECKS:-rust c++ link}
targets=${TARGETS:-aarch64-apple-darwin x86_64-apple-darwin x86_64-unknown-freebsd x86_64-unknown-netbsd x86_64-unknown-openbsd}
work=$PWD/target/bsd-mac
failures=0

mkdir -p "$work"
# What zig has built of other systems' libraries is kept.
export ZIG_GLOBAL_CACHE_DIR=$work/zig-cache

# Says how a check ends; its output only if it fails.
check() {
  local name=$1 log=$work/log begin=$SECONDS
  shift
  if "$@" >"$log" 2>&1; then
    printf '%-60s ok (%d s)\n' "$name" $((SECONDS - begin))
  else
    printf '%-60s FAILED\n' "$name"
    cat "$log" >&2
    failures=$((failures + 1))
  fi
}

skip() { printf '%-60s not checked: %s\n' "$1" "$2"; }

# zig is a C and C++ compiler, and a linker, with the headers and the libraries' symbols of other systems.
find_zig() {
  PATH=$PATH:$work/zig/bin
  if type -P zig || type -P python-zig; then return; fi >/dev/null
  echo "installing zig into $work/zig"
  python3 -m venv "$work/zig" && "$work/zig/bin/pip" --quiet install ziglang
}

zig() { command "$(type -P zig || type -P python-zig)" "$@"; }

# The name of a Rust target at zig's.
zig_target() {
  case $1 in
    *-apple-darwin) echo "${1%%-*}-macos" ;;
    *-unknown-*) echo "${1%%-*}-${1##*-}" ;;
  esac
}

# The standard library of a target; OpenBSD's is built from source, of which a stable compiler must be told.
standard_library() {
  case $1 in
    *-openbsd) rustup component list --installed | grep -qx rust-src || rustup component add rust-src ;;
    *) rustup target list --installed | grep -qx "$1" || rustup target add "$1" ;;
  esac
}

# Runs cargo for a target.
for_target() {
  local -x CARGO_BUILD_TARGET=$1
  shift
  case $CARGO_BUILD_TARGET in
    *-openbsd)
      local -x RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort,panic_unwind,test
      ;;
  esac
  "$@"
}

# Types and lints ask nothing of what the dependencies have in C: `true` stands in for its compiler.
check_rust() {
  local allowed=()
  # Without native thread-local storage the lint sees what the macro made of an initializer that is constant.
  case $1 in *-openbsd) allowed=(--allow clippy::missing_const_for_thread_local) ;; esac
  TARGET_CC=true TARGET_CXX=true TARGET_AR=true for_target "$1" \
    cargo clippy --locked --all-targets --features asio,http,metrics,prometheus -- --deny warnings "${allowed[@]}"
}

compile_cpp() {
  local target root=$PWD
  target=$(zig_target "$1")
  mkdir -p "$work/$target"
  # Into objects: to check the syntax alone, zig would first build its C++ library.
  (
    cd "$work/$target"
    zig c++ -target "$target" -std=c++14 -Wall -Wextra -Wpedantic -Werror -I"$root/include" -I"$root" -c "$root"/cpp/*.cc
    zig cc -target "$target" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$root/include" -c "$root"/examples/c/*.c
  )
}

link_c() {
  for_target "$1" cargo build --locked --lib
  zig cc -target "$(zig_target "$1")" -std=c11 -Iinclude examples/c/timer_and_pipe.c \
    "target/$1/debug/libmcp_event.a" -lunwind -o "$work/timer_and_pipe"
}

if ! command -v rustup >/dev/null; then
  echo "rustup is needed, which has the standard libraries of other systems" >&2
  exit 1
fi
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
has_zig=true
if ! find_zig; then
  has_zig=false
  echo "no zig: python3 -m venv V && V/bin/pip install ziglang, then PATH=V/bin:\$PATH" >&2
fi

for target in $targets; do
  has_std=true
  standard_library "$target" || has_std=false
  for part in $checks; do
    name="$target: $part"
    case $part in
      rust | link) $has_std || { skip "$name" "Rust's standard library is missing: rustup target add $target"; continue; } ;;
    esac
    case $part in
      c++ | link) $has_zig || { skip "$name" "zig is missing"; continue; } ;;
    esac
    case $part in
      rust) check "$name" check_rust "$target" ;;
      c++) check "$name" compile_cpp "$target" ;;
      link) check "$name" link_c "$target" ;;
      *) echo "unknown check: $part" >&2; exit 2 ;;
    esac
  done
done
exit $((failures > 0))
