#!/usr/bin/env bash
# Builds the benchmarks in release mode and runs them one after the other; prints a table for each experiment.
#
#   bench/run.sh [--area NAME]... [what the programs take: --quick, --rounds N, --only EXPERIMENT, ...]
#
# The figures are kept as JSON in target/bench/results, and drawn in target/bench/charts: one file an area each.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$PWD/target/bench
all_areas=(post ping_pong schedule deferred_delete timers file_events echo actors streams)
areas=()
options=()
while [ $# -gt 0 ]; do
  case $1 in
    --area)
      [ $# -gt 1 ] || { echo "$0: --area needs one of: ${all_areas[*]}" >&2; exit 2; }
      areas+=("$2")
      shift
      ;;
    *) options+=("$1") ;;
  esac
  shift
done
[ ${#areas[@]} -gt 0 ] || areas=("${all_areas[@]}")

# The programs of the actors and the streams are cargo's alone; all others are CMake's.
build_area() {
  if [ "$1" = actors ] || [ "$1" = streams ]; then
    cargo build --release --locked --manifest-path "bench/$1/Cargo.toml" --target-dir "$build/$1" &&
      ln -sf "$1/release/bench_$1" "$build/bench_$1"
  else
    scripts/ensure-tools.sh build bench &&
      cmake -S bench -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release &&
      cmake --build "$build" --target "bench_$1"
  fi
}

mkdir -p "$build/results"
for area in "${areas[@]}"; do
  build_area "$area" >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
done
cargo build --quiet --release --locked --manifest-path bench/chart/Cargo.toml --target-dir "$build/chart"
printf 'processors: %s, load before: %s, kernel: %s\n\n' "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)" "$(uname -r)"
for area in "${areas[@]}"; do
  "$build/bench_$area" --json "$build/results/$area.json" ${options[@]+"${options[@]}"}
done
"$build/chart/release/bench_chart" "$build/results" "$build/charts"
