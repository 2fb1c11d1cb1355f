#!/usr/bin/env bash
# Builds the benchmarks in release mode and runs them one after the other; prints a table for each experiment.
#
#   bench/run.sh [--area NAME]... [what the programs take: --quick, --rounds N, --only EXPERIMENT, ...]
#
# The figures of a full run are kept as JSON in target/bench/results, one file an area.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$PWD/target/bench
all_areas=(post ping_pong schedule deferred_delete timers file_events echo)
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

scripts/ensure-tools.sh build bench
cmake -S bench -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >"$build.log" 2>&1 &&
  cmake --build "$build" "${areas[@]/#/--target=bench_}" >>"$build.log" 2>&1 ||
  { cat "$build.log" >&2; exit 1; }

mkdir -p "$build/results"
printf 'processors: %s, load before: %s, kernel: %s\n\n' "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)" "$(uname -r)"
for area in "${areas[@]}"; do
  "$build/bench_$area" --json "$build/results/$area.json" ${options[@]+"${options[@]}"}
done
