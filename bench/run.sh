#!/usr/bin/env bash
# Builds the benchmarks in release mode and runs them one after the other; prints a table for each experiment, and
# in the end every goal with its verdict.
#
#   bench/run.sh [--area NAME]... [--json FILE] [--update-docs] [what the programs take: --quick, --rounds N, ...]
#
#   --area         this area only; can be repeated
#   --json         writes all that was measured into FILE: docs/performance.md says how to read it
#   --update-docs  puts the tables and the charts into docs/; of all areas, so not with --area
#
# Without it, the charts are in target/bench/charts, one an area.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$PWD/target/bench
all_areas=(post ping_pong schedule deferred_delete timers latency file_events echo growth actors streams)
areas=()
options=()
reports=()
charts=$build/charts
update_docs=
value_of() { [ $# -gt 1 ] || { echo "$0: $1 needs a value" >&2; exit 2; }; }
while [ $# -gt 0 ]; do
  case $1 in
    --area)
      value_of "$@"
      [[ " ${all_areas[*]} " == *" $2 "* ]] || { echo "$0: --area needs one of: ${all_areas[*]}" >&2; exit 2; }
      areas+=("$2")
      shift
      ;;
    --json)
      value_of "$@"
      reports+=(--json "$2")
      shift
      ;;
    --update-docs) update_docs=yes ;;
    *) options+=("$1") ;;
  esac
  shift
done
if [ -n "$update_docs" ]; then
  [ ${#areas[@]} -eq 0 ] || { echo "$0: --update-docs shows one run of all areas: no --area" >&2; exit 2; }
  charts=docs/charts
  reports+=(--page docs/performance.md)
fi
[ ${#areas[@]} -gt 0 ] || areas=("${all_areas[@]}")

# The programs of the actors and the streams are cargo's; all others are CMake's.
build_area() {
  scripts/ensure-tools.sh build bench || return
  if [ "$1" = actors ] || [ "$1" = streams ]; then
    cargo build --release --locked --manifest-path "bench/$1/Cargo.toml" --target-dir "$build/$1" &&
      ln -sf "$1/release/bench_$1" "$build/bench_$1"
  else
    cmake -S bench -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBENCH_PEERS=ON \
      -DMCP_EVENT_CARGO_TARGET_DIR="$PWD/target" &&
      cmake --build "$build" --target "bench_$1"
  fi
}

# When, on what and of what the figures are, and which areas there are: the report's frame.
describe_run() {
  printf '{"date": "%s", "commit": "%s", "processor": "%s", "processors": %s, "load": %s, ' \
    "$(date -u +%Y-%m-%dT%H:%MZ)" "$(git describe --always --dirty 2>/dev/null || echo unknown)" \
    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
  printf '"kernel": "%s", "rustc": "%s", "areas": [%s]}\n' \
    "$(uname -r | cut -d- -f1)" "$(rustc --version | cut -d' ' -f2)" "$(printf '"%s"\n' "${areas[@]}" | paste -sd,)"
}

mkdir -p "$build/results"
for area in "${areas[@]}"; do
  build_area "$area" >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
done
cargo build --quiet --release --locked --manifest-path bench/report/Cargo.toml --target-dir "$build/report"
describe_run >"$build/results/run.json"
printf 'processors: %s, load before: %s, kernel: %s\n\n' "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)" "$(uname -r)"
for area in "${areas[@]}"; do
  "$build/bench_$area" --json "$build/results/$area.json" ${options[@]+"${options[@]}"}
done
"$build/report/release/bench_report" "$build/results" --charts "$charts" ${reports[@]+"${reports[@]}"}
