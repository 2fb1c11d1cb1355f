#!/usr/bin/env bash
# Builds the release library as CMake installs it, and tells how large it is, what it needs, how fast it starts, and which
# crates are in it.
#
#   bench/size.sh             prints tables
#   bench/size.sh --record    puts them into docs/performance.md as well
set -euo pipefail
cd "$(dirname "$0")/.."

build=$PWD/target/bench
starts=101

case "$*" in
  '' | --record) ;;
  *) echo "usage: $0 [--record]" >&2; exit 2 ;;
esac

build_library() {
  scripts/ensure-tools.sh build &&
    cmake -S bench -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBENCH_PEERS=OFF \
      -DMCP_EVENT_CARGO_TARGET_DIR="$PWD/target" &&
    cmake --build "$build" --target mcp_event bench_startup &&
    strip -o "$build/libmcp_event.stripped.so" "$build/library/libmcp_event.so"
}

exported() { nm -D --defined-only "$build/libmcp_event.stripped.so" | awk '$2 != "A" { print $3 }' | grep -c "$1"; }

relocations() {
  readelf -rW "$build/libmcp_event.stripped.so" | awk '$3 ~ /^R_/ { all++; relative += $3 ~ /RELATIVE/ }
    END { printf "%d, of which %d are relative\n", all, relative }'
}

needed() {
  readelf -dW "$build/libmcp_event.stripped.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/`\1`/p' | paste -sd, | sed 's/,/, /g'
}

# The median of each column, in microseconds.
startup() {
  for _ in $(seq "$starts"); do "$build/bench_startup" "$build/libmcp_event.stripped.so"; done >"$build/starts"
  for column in 1 2 3; do
    cut -d' ' -f$column "$build/starts" | sort -n | awk -v middle=$(((starts + 1) / 2)) \
      'NR == middle { printf "%.0f µs\n", $1 / 1000 }'
  done
}

# How many crates there are in a build, without ours.
count_crates() {
  cargo tree --locked --edges normal --prefix none "$@" | cut -d' ' -f1 | sort -u | grep -vc '^mcp-event$'
}

# A row for each crate that ours names, with those that it brings along.
crates() {
  cargo tree --locked --edges normal --prefix depth --no-dedupe "$@" | awk '
    { name = $1; depth = name + 0; sub(/^[0-9]+/, "", name) }
    depth == 1 { direct[++count] = name }
    depth > 1 && !seen[count, name]++ { brings[count] = brings[count] (brings[count] ? ", " : "") "`" name "`" }
    END { for (i = 1; i <= count; i++) printf "| `%s` | %s |\n", direct[i], brings[i] }'
}

tables() {
  local times
  mapfile -t times < <(startup)
  printf '| The shared library, release, stripped | |\n|---|---|\n'
  printf '| size | %s KiB |\n' $(($(stat -Lc %s "$build/libmcp_event.stripped.so") / 1024))
  printf '| relocations | %s |\n' "$(relocations)"
  printf '| exported symbols of C, of C++ | %s, %s |\n' "$(exported '^mcp_event_')" "$(exported '^_Z')"
  printf '| needs | %s |\n' "$(needed)"
  printf '| to load it into a C++ program | %s |\n' "${times[0]}"
  printf '| the first dispatcher of a process | %s |\n' "${times[1]}"
  printf '| one more, made and destroyed | %s |\n\n' "${times[2]}"
  printf 'A default build consists of ours and %s crates; one with `--no-default-features` of %s.\n\n' \
    "$(count_crates)" "$(count_crates --no-default-features)"
  printf '| Crate | The crates that it brings |\n|---|---|\n'
  crates
}

mkdir -p "$build"
build_library >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
tables >"$build/size.md"
cat "$build/size.md"
if [ "${1-}" = --record ]; then
  bench/put_into_page.sh size docs/performance.md <"$build/size.md"
fi
