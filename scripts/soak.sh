#!/usr/bin/env bash
# Test suites again and again on every backend that works here, all backends at a time, so that the machine is busy and
# what goes wrong once in a thousand runs has its chance; random tests try ten thousand scripts in each round. The first
# failure ends it and is shown.
#
#   scripts/soak.sh FEATURES MINUTES SUITE ...
set -euo pipefail
cd "$(dirname "$0")/.."

features=$1 minutes=$2
shift 2
scripts/ensure-tools.sh build test

# shellcheck disable=SC2206 # One word a suite.
tests=(${*/#/--test=})
build=(--quiet --locked --features "$features")
cargo test "${build[@]}" "${tests[@]}" --no-run
backends=$(cargo run "${build[@]}" --example backends -- --names)

logs=$PWD/target/soak
rm -rf "$logs"
mkdir -p "$logs"
end=$((SECONDS + minutes * 60))

# Rounds on one backend, until the time is up or another has failed.
soak() {
  local round
  export MCP_EVENT_BACKEND=$1
  for ((round = 1; SECONDS < end; round++)); do
    if ! cargo test "${build[@]}" "${tests[@]}" >"$logs/$1.log" 2>&1; then
      touch "$logs/failed"
      echo "$1, round $round:" && cat "$logs/$1.log"
      return 1
    fi
    [ ! -e "$logs/failed" ] || break
  done
  echo "$1: $((round - 1)) rounds"
}

export PROPTEST_CASES=10000
for backend in $backends; do
  soak "$backend" &
done
status=0
for _ in $backends; do
  wait -n || status=1
done
exit $status
