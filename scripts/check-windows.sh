#!/usr/bin/env bash
# Builds for Windows by MinGW-w64, and runs the tests in Rust, C and C++ under wine. It proves that the code works
# there, not how fast; docs/portability.md tells what wine cannot show.
#
#   scripts/check-windows.sh [rust|cpp ...]   both by default
#
# It ends with what passed and failed, part by part, and fails if any part did.
set -euo pipefail
cd "$(dirname "$0")/.."

parts=${*:-rust cpp}
target=x86_64-pc-windows-gnu
tools=x86_64-w64-mingw32
work=$PWD/target/windows
sysroot=$work/sysroot

scripts/ensure-tools.sh build test windows
rustup --quiet target add "$target"
mkdir -p "$work/dll"

cc=$(command -v $tools-gcc-posix || command -v $tools-gcc)
cxx=$(command -v $tools-g++-posix || command -v $tools-g++)
# Debian keeps it out of the way of its 32-bit sister.
wine=$(command -v wine64 || command -v /usr/lib/wine/wine64 || command -v wine)
wineserver=$(command -v wineserver || command -v /usr/lib/wine/wineserver)

# ---- Wine: a world of its own, in which MinGW's libraries are found, and one that older versions lack.
windows_path() { printf 'Z:%s' "${1//\//\\}"; }
library_dir() { dirname "$("$cxx" -print-file-name="$1")"; }

export WINEPREFIX=$work/wine WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=;winedbg.exe=d'
WINEPATH="$(windows_path "$work/dll");$(windows_path "$(library_dir libstdc++-6.dll)")"
WINEPATH+=";$(windows_path "$(library_dir libwinpthread.a)")"
export WINEPATH
"$cc" -shared -O2 -Wall -Wextra -o "$work/dll/bcryptprimitives.dll" tests/windows/bcryptprimitives.c
# One server for all tests, instead of one started for each; it does not start beside one that a killed run has left.
# All it says is why it crashed. Wine's services keep the stderr of what started them: no log of tests ever ends then.
start_wine() {
  mkdir -p "$WINEPREFIX"
  "$wineserver" -k || true
  "$wineserver" -p 2>"$work/wineserver.log" &&
    "$wine" wineboot >"$work/wineboot.log" 2>&1 || { cat "$work/wineboot.log" >&2 && exit 1; }
}
trap '"$wineserver" -k || true' EXIT

# ---- Cargo builds for Windows, and runs what it built under wine. Nobody debugs it, and MinGW's linker takes its time.
# What a crash of wine's server leaves behind hangs.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=$cc CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="timeout 1200 $wine"
export CC_x86_64_pc_windows_gnu=$cc CXX_x86_64_pc_windows_gnu=$cxx AR_x86_64_pc_windows_gnu=$tools-gcc-ar

check_rust() {
  # The other examples watch pipes and send signals.
  cargo build --locked --target "$target" --example mcp_example_server &&
    cargo test --locked --target "$target" --lib --tests --no-fail-fast 2>&1 | tee "$work/rust.log"
}

count_rust() {
  awk '/^test result:/ { ++suites; passed += $4; failed += $6; ignored += $8 }
    END { printf "%d suites: %d passed, %d failed, %d ignored\n", suites, passed, failed, ignored }' "$work/rust.log"
}

# GoogleTest, from the sources that its package has.
install_dependencies() {
  [ -e "$sysroot/lib/libgtest.a" ] && return
  cmake -S /usr/src/googletest -B "$work/googletest" -G Ninja --toolchain "$PWD/cmake/mingw-w64.cmake" \
    -DCMAKE_INSTALL_PREFIX="$sysroot" -DBUILD_GMOCK=OFF &&
    cmake --build "$work/googletest" --target install
}

# What is not measured is built quickly: not optimised, with the core that cargo's tests use.
check_cpp() {
  install_dependencies &&
    cmake -S . -B "$work/cpp" -G Ninja --toolchain "$PWD/cmake/mingw-w64.cmake" -DCMAKE_FIND_ROOT_PATH="$sysroot" \
      -DCMAKE_CROSSCOMPILING_EMULATOR="$wine" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG= \
      -DMCP_EVENT_CARGO_TARGET_DIR="$PWD/target" -DMCP_EVENT_CARGO_PROFILE=dev &&
    cmake --build "$work/cpp" &&
    ctest --test-dir "$work/cpp" --output-on-failure --timeout 300 --parallel 2 2>&1 | tee "$work/cpp.log"
}

count_cpp() {
  awk '/ Passed +[0-9.]+ sec/ { ++passed } /\*\*\*Skipped/ { ++skipped } /\*\*\*(Failed|Exception|Timeout|Not Run)/ { ++failed }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$work/cpp.log"
}

# ---- Each part, though one before it failed; then what came of them.
summary=
status=0
for part in $parts; do
  rm -f "$work/$part.log"
  outcome=passes
  start_wine
  "check_$part" || { outcome=FAILS status=1; }
  # The programs of a server that is gone end at once, some of them as if all were well.
  if [ -s "$work/wineserver.log" ]; then
    outcome="FAILS, as wine's own server crashed ($(tail -n 1 "$work/wineserver.log"))" status=1
  fi
  [ -e "$work/$part.log" ] && counts=$("count_$part") || counts='not built'
  summary+="check-windows: $part $outcome: $counts"$'\n'
done
printf '\n%s' "$summary"
exit "$status"
