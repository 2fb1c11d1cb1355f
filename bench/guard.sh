#!/usr/bin/env bash
# Counts the instructions of our hot paths by callgrind, and compares them with those that bench/instructions.txt holds.
# They repeat on a busy machine too, for no figure depends on time. The kernel's work is not among them, and neither is
# what a cache miss or a locked instruction costs.
#
#   bench/guard.sh             prints a table; 1 if something takes more than it is allowed to
#   bench/guard.sh --record    writes down what it counts: bench/instructions.txt, and the table in docs/performance.md
set -euo pipefail
cd "$(dirname "$0")/.."

# Per cent, and instructions, that a figure may be above the recorded one.
tolerance=3
slack=2
recorded=bench/instructions.txt
build=$PWD/target/bench
counted=$build/counted
# The default one is what is recorded.
unset MCP_EVENT_BACKEND

case "$*" in
  '' | --record) ;;
  *) echo "usage: $0 [--record]" >&2; exit 2 ;;
esac

build_programs() {
  scripts/ensure-tools.sh build valgrind &&
    cmake -S bench -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBENCH_PEERS=OFF \
      -DMCP_EVENT_CARGO_TARGET_DIR="$PWD/target" &&
    cmake --build "$build" --target bench_guard &&
    cargo build --release --locked --no-default-features --manifest-path bench/actors/Cargo.toml \
      --target-dir "$build/actors"
}

# What the counts depend on besides our source, in comments.
versions() {
  printf '# %s\n' "$(rustc --version)" "$(c++ --version | head -n 1)" \
    "$(getconf GNU_LIBC_VERSION 2>/dev/null || echo 'libc unknown')" "$(valgrind --version)" "$(uname -m)"
}

# Runs a program that calls bench_counted() once for each line that it prints, `operations|name`. Prints
# `instructions an operation|name`.
count() {
  rm -rf "$counted"
  mkdir -p "$counted"
  LD_BIND_NOW=1 valgrind --tool=callgrind --callgrind-out-file="$counted/part" --log-file="$counted/log" \
    --toggle-collect=bench_counted --dump-after=bench_counted "$@" >"$counted/operations" ||
    { cat "$counted/log" >&2; return 1; }
  local number=0 operations name instructions
  while IFS='|' read -r operations name; do
    number=$((number + 1))
    instructions=$(sed -n 's/^totals: //p' "$counted/part.$number")
    printf '%s|%s\n' $(((instructions + operations / 2) / operations)) "$name"
  done <"$counted/operations"
}

# What is recorded, as a table of Markdown.
table() {
  printf '| Operation | Instructions |\n|---|---|\n'
  sed -n 's/^\([0-9]*\)|\(.*\)/| \2 | \1 |/p' "$recorded"
}

# Prints a line for each operation of either list; fails if one got worse than it may.
compare() {
  awk -F'|' -v tolerance="$tolerance" -v slack="$slack" -v same_versions="$1" '
    /^#/ { next }
    FNR == NR { recorded[$2] = $1; next }
    function row(name, before, now, difference, verdict) {
      printf "| %-72s | %8s | %6s | %10s | %-20s |\n", name, before, now, difference, verdict
    }
    !headed++ {
      row("operation", "recorded", "now", "difference", "verdict")
      row("---", "---", "---", "---", "---")
    }
    !($2 in recorded) { row($2, "-", $1, "-", "not recorded"); unknown = 1; next }
    {
      before = recorded[$2]
      delete recorded[$2]
      allowed = before * tolerance / 100
      if (allowed < slack) allowed = slack
      verdict = "as recorded"
      if ($1 > before + allowed) { verdict = "WORSE"; worse = 1 }
      if ($1 < before - allowed) { verdict = "better: record it"; better = 1 }
      row($2, before, $1, sprintf("%+.1f %%", 100 * ($1 - before) / before), verdict)
    }
    END {
      for (name in recorded) { row(name, recorded[name], "-", "-", "not counted any more"); unknown = 1 }
      if (better || worse || unknown) print "\nTo record the figures of now: make bench-guard-record"
      if (worse && !same_versions) {
        print "No failure: other versions count otherwise. Compare with a record made here, of the commit before."
      }
      exit (worse || unknown) && same_versions
    }
  ' "$recorded" "$counted.now"
}

mkdir -p "$build"
build_programs >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
{ versions; count "$build/bench_guard"; count "$build/actors/release/bench_actors" --count; } >"$counted.now"
if [ "${1-}" = --record ]; then
  cp "$counted.now" "$recorded"
  table | bench/put_into_page.sh instructions docs/performance.md
  cat "$recorded"
else
  same_versions=1
  if ! diff <(grep '^#' "$recorded") <(grep '^#' "$counted.now") >"$counted.versions"; then
    same_versions=0
    printf 'Recorded with (<) and counted with (>):\n%s\n\n' "$(grep '^[<>]' "$counted.versions")"
  fi
  compare "$same_versions"
fi
