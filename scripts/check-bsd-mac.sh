#!/usr/bin/env bash
# Checks what can be checked of macOS and the BSDs without their machines. For each target:
#
#   rust   the library, its tests and its examples pass the type checker
#   c++    the C header, the C++ headers and the C++ wrapper compile (where zig has the system's headers)
#   link   an example is linked (likewise)
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

# Says how a check ends; its output only if it fails.
check() {
  local name=$1 log=$work/log
  shift
  if "$@" >"$log" 2>&1; then
    printf '%-60s ok\n' "$name"
  else
    printf '%-60s FAILED\n' "$name"
    cat "$log" >&2
    failures=$((failures + 1))
  fi
}

skip() { printf '%-60s not checked: %s\n' "$1" "$2"; }

# zig is a C and C++ compiler with the headers of other systems; cargo-zigbuild has cargo use it.
find_zig() {
  PATH=$work/zig/bin:$PATH
  command -v cargo-zigbuild >/dev/null && return
  echo "installing zig and cargo-zigbuild into $work/zig"
  python3 -m venv "$work/zig" && "$work/zig/bin/pip" --quiet install ziglang cargo-zigbuild
}

zig() {
  if type -P zig >/dev/null; then command zig "$@"; else python3 -m ziglang "$@"; fi
}

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

for_target() {
  local target=$1
  shift
  case $target in
    *-openbsd) RUSTC_BOOTSTRAP=1 "$@" -Zbuild-std=std,panic_abort,panic_unwind,test --target "$target" ;;
    *) "$@" --target "$target" ;;
  esac
}

compile_cpp() {
  local target source
  target=$(zig_target "$1")
  for source in cpp/*.cc; do
    zig c++ -target "$target" -std=c++14 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -Iinclude -Icpp "$source" \
      || return 1
  done
  echo '#include "mcp_event.h"' | zig cc -target "$target" -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
    -Iinclude -x c -
}

has_headers() {
  echo '#include <functional>' | zig c++ -target "$(zig_target "$1")" -std=c++14 -fsyntax-only -x c++ - 2>/dev/null
}

if ! command -v rustup >/dev/null; then
  echo "rustup is needed, which has the standard libraries of other systems" >&2
  exit 1
fi
has_zig=true
if ! find_zig; then
  has_zig=false
  echo "no zig: python3 -m venv V && V/bin/pip install ziglang cargo-zigbuild, then PATH=V/bin:\$PATH" >&2
fi

for target in $targets; do
  can_link=false
  if $has_zig && has_headers "$target"; then can_link=true; fi
  if ! standard_library "$target"; then
    skip "$target" "its standard library is missing: rustup target add $target"
    continue
  fi
  for part in $checks; do
    name="$target: $part"
    case $part in
      rust)
        # The tests' dependencies have parts in C.
        if $can_link; then
          check "$name" for_target "$target" cargo-zigbuild check --locked --lib --tests --examples
        else
          check "$name (library)" for_target "$target" cargo check --locked --lib
          skip "$name (tests, examples)" "zig has no headers of this system for the C in their dependencies"
        fi
        ;;
      c++)
        if $can_link; then check "$name" compile_cpp "$target"; else skip "$name" "zig has no headers of this system"; fi
        ;;
      link)
        if $can_link; then
          check "$name" for_target "$target" cargo-zigbuild zigbuild --locked --lib --example pipe_and_timer
        else
          skip "$name" "zig has no libraries of this system"
        fi
        ;;
    esac
  done
done
exit $((failures > 0))
