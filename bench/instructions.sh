#!/usr/bin/env bash
# Counts the instructions that an operation of ours takes, by callgrind. They repeat to the third digit or so,
# on a busy machine too: compare them before and after a change. The kernel's work is not among them, and neither
# is what a cache miss or a locked instruction costs.
#
#   bench/instructions.sh          after bench/run.sh has built the programs
set -euo pipefail
cd "$(dirname "$0")/.."

build=$PWD/target/bench
json=$build/instructions.json
# Start-up counts the same in both runs, so it cancels out.
short=2
long=12

scripts/ensure-tools.sh valgrind

# Prints how many instructions $3 rounds of experiment $2 in area $1 take.
count() {
  local ours=mcp::event
  [ "$1" != actors ] || ours=mcp_event
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$build/bench_$1" --contender "$ours" --quick \
    --only "$2" --rounds "$3" --json "$json" 2>&1 | awk '/Collected :/ { print $4 }'
}

printf '| instructions an operation of ours | |\n|---|---|\n'
while IFS='|' read -r area experiment operation; do
  less=$(count "$area" "$experiment" $short)
  more=$(count "$area" "$experiment" $long)
  operations=$(sed -n 's/.*"operations": \([0-9]*\).*/\1/p' "$json" | head -n 1)
  printf '| %s | %s |\n' "$operation" $(((more - less) / (operations * (long - short))))
done <<'END'
post|to itself, chained|a post to the own loop, and its run
schedule|chained callbacks|scheduling a callback, half of them for the next iteration, and its run
deferred_delete|batches of 1000|deferring a deletion, with the object's own new and delete
timers|in a callback|a timer's life: create, arm, rearm, disarm, destroy
timers|while the loop does not run|the same while the loop does not run
file_events|in a callback|a file event's life: create, destroy
file_events|setEnabled|a change of a mask, 2 or 100 of them in an iteration
file_events|from a ready fd|a ready fd, its eventfd's write and read included
actors|tell, same thread|a message to an actor of the same loop, and its handling
actors|ask, same thread|a request to an actor of the same loop, and its reply, awaited by a task there
END
