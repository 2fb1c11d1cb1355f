#!/usr/bin/env bash
# Test suites again and again on every backend that works here, all backends at a time, so that the machine is busy and
# what goes wrong once in a thousand runs has its chance; beside them the test that compares the backends. Random tests
# try ten thousand scripts in each round. The first failure ends it and is shown.
#
#   scripts/soak.sh FEATURES MINUTES SUITE ...
set -euo pipefail
cd "$(dirname "$0")/.."

features=$1 minutes=$2
shift 2
suites=("${@/#/--test=}")
scripts/ensure-tools.sh build test

flags=(--quiet --locked --features "$features")
cargo test "${flags[@]}" "${suites[@]}" --test=differential --no-run
backends=$(cargo run "${flags[@]}" --example backends -- --names)

logs=$PWD/target/soak
rm -rf "$logs"
mkdir -p "$logs"
end=$((SECONDS + minutes * 60))
export PROPTEST_CASES=10000

# Rounds of the named suites, until the time is up or others have failed.
soak() {
  local name=$1 round=0
  shift
  while ((SECONDS < end)) && [ ! -e "$logs/failed" ]; do
    round=$((round + 1))
    if ! cargo test "${flags[@]}" "$@" >"$logs/$name.log" 2>&1; then
      touch "$logs/failed"
      echo "$name, round $round:" && cat "$logs/$name.log"
      return 1
    fi
  done
  echo "$name: $round rounds"
}

for backend in $backends; do
  MCP_EVENT_BACKEND=$backend soak "$backend" "${suites[@]}" &
done
soak differential --test=differential &
wait
[ ! -e "$logs/failed" ]
