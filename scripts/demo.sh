#!/usr/bin/env bash
# Shows the library at work: installs it into a prefix of its own, builds the examples against that as any other
# project would, and runs them all.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/target/demo
prefix=$work/prefix
bin=$work/examples
log=$work/log
# Where the examples in Rust are, whatever the environment says.
export CARGO_TARGET_DIR=$PWD/target
rust_examples=$CARGO_TARGET_DIR/debug/examples

headline() { printf '\n== %s\n' "$*"; }

# What a build says is of interest only if it fails.
quietly() {
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "failed: $*" >&2
    exit 1
  fi
}

install_library() {
  quietly cmake -S . -B "$work/library" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DMCP_EVENT_CARGO_TARGET_DIR="$PWD/target" -DMCP_EVENT_BUILD_TESTS=OFF
  quietly cmake --build "$work/library"
  quietly cmake --install "$work/library"
}

build_examples() {
  quietly cmake -S examples/cpp -B "$bin" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix"
  quietly cmake --build "$bin"
  quietly cargo build --quiet --example pipe_and_timer --example mcp_client --example mcp_example_server \
    --example logging_actor --example mcp_supervisor --example mcp_v2_demo
}

# Talks to the echo server: a line, then more than any buffer holds; both must come back as they were.
talk_to_echo_server() {
  local server port reply
  rm -f "$work/greeting"
  mkfifo "$work/greeting"
  "$bin/echo_server" >"$work/greeting" 2>"$work/last_words" &
  server=$!
  trap 'kill "$server" 2>/dev/null' EXIT
  read -r reply <"$work/greeting"
  port=${reply##*:}
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  echo "  -> Is anybody there?"
  echo "Is anybody there?" >&3
  read -r -t 10 reply <&3
  echo "  <- $reply"
  [ "$reply" = "Is anybody there?" ]

  seq 1000000 >"$work/numbers"
  cat "$work/numbers" >&3 &
  head -c "$(wc -c <"$work/numbers")" <&3 | cmp - "$work/numbers"
  wait $!
  echo "  <- $(wc -c <"$work/numbers") bytes more, all as they were sent"
  exec 3>&-

  kill -TERM "$server"
  wait "$server"
  trap - EXIT
  sed 's/^/  -- /' "$work/last_words"
}

# Talks to a server that is stalled by one request, and shows what its guard dog reports.
talk_to_stalled_server() {
  local server port reply line
  rm -f "$work/greeting"
  mkfifo "$work/greeting"
  "$bin/stalled_server" >"$work/greeting" 2>"$work/report" &
  server=$!
  trap 'kill "$server" 2>/dev/null' EXIT
  read -r reply <"$work/greeting"
  port=${reply##*:}
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  for line in hello stall goodbye; do
    echo "  -> $line"
    echo "$line" >&3
    read -r -t 30 reply <&3
    echo "  <- $reply"
    [ "$reply" = "$line" ]
  done
  exec 3>&-

  until grep -q 'recovered: ' "$work/report"; do sleep 0.1; done
  kill -TERM "$server"
  wait "$server"
  trap - EXIT
  sed 's/^/  -- /' "$work/report"
  grep -q 'stalled_server::Database::query' "$work/report"
}

# Runs the supervisor until its four servers are ready, fetches its metrics, and ends it.
supervise() {
  local supervisor line address='' pid pids=()
  rm -f "$work/news"
  mkfifo "$work/news"
  "$rust_examples/mcp_supervisor" examples/mcp_supervisor/servers.json --metrics 127.0.0.1:0 >"$work/news" &
  supervisor=$!
  trap 'kill "$supervisor" 2>/dev/null' EXIT
  exec 3<"$work/news"
  while [ -z "$address" ] || [ "${#pids[@]}" -lt 4 ]; do
    read -r -t 60 line <&3
    echo "  $line"
    case $line in
      *http://*) address=${line#*http://} address=${address%/metrics} ;;
      *": running (pid "*) pid=${line#*(pid } && pids+=("${pid%%)*}") ;;
    esac
  done

  echo "  -> GET /metrics"
  exec 4<>"/dev/tcp/${address%:*}/${address##*:}"
  printf 'GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n' "$address" >&4
  tr -d '\r' <&4 >"$work/metrics"
  exec 4>&-
  head -n 1 "$work/metrics" | sed 's/^/  <- /'
  grep -E '^mcp_server_status.* 1$' "$work/metrics" | sed 's/^/  <- /'

  echo "  -> SIGTERM"
  kill -TERM "$supervisor"
  sed 's/^/  /' <&3
  exec 3<&-
  wait "$supervisor"
  trap - EXIT
  for pid in "${pids[@]}"; do
    [ ! -e "/proc/$pid" ] || { echo "process $pid is left" >&2 && exit 1; }
  done
  echo "  none of the processes ${pids[*]} is left"
}

# Runs the manager in C++ until its two servers, the C++ example's, are ready, and ends it.
manage() {
  local manager line running=0
  rm -f "$work/news"
  mkfifo "$work/news"
  MCP_STDIO_SERVER=$bin/mcp_stdio_server "$bin/server_manager" examples/cpp/server_manager/servers.json >"$work/news" &
  manager=$!
  trap 'kill "$manager" 2>/dev/null' EXIT
  exec 3<"$work/news"
  while [ "$running" -lt 2 ]; do
    read -r -t 60 line <&3
    echo "  $line"
    case $line in
      *": running ("*) running=$((running + 1)) ;;
    esac
  done

  echo "  -> SIGTERM"
  kill -TERM "$manager"
  sed 's/^/  /' <&3
  exec 3<&-
  wait "$manager"
  trap - EXIT
}

mkdir -p "$work"
scripts/ensure-tools.sh build demo

headline "Building the library and installing it into $(realpath --relative-to=. "$prefix" 2>/dev/null || echo "$prefix")"
install_library

headline "Building the examples against it, with find_package(McpEvent)"
build_examples

headline "From C: a timer and a pipe"
"$bin/timer_and_pipe"

headline "From Rust: a pipe and a timer"
"$rust_examples/pipe_and_timer"

headline "From C++: an echo server"
talk_to_echo_server

headline "From C++: a server on asio and timers of ours, in one thread"
"$bin/asio_server"

headline "From C++: a server that stalls, and its guard dog"
talk_to_stalled_server

headline "From C++: an MCP server, over stdio and over TCP, driven by the official Rust SDK"
"$rust_examples/mcp_client" "$bin/mcp_stdio_server" "$bin/mcp_tcp_server"

headline "From Rust: an actor that keeps a log"
"$rust_examples/logging_actor"

headline "From Rust: a supervisor of MCP servers, with metrics"
supervise

headline "From C++: a manager of MCP servers"
manage

headline "From Rust: MCP servers as supervised actors"
"$rust_examples/mcp_v2_demo"
