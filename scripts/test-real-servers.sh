#!/usr/bin/env bash
# Tries the management of servers out on MCP servers that others wrote, in TypeScript and Python. Installs them
# into target/, from the registries that npm and pip are set up with; nothing else is touched.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/target/real-servers
log=$work/log

headline() { printf '\n== %s\n' "$*"; }

# What an installation says is of interest only if it fails.
quietly() {
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "failed: $*" >&2
    exit 1
  fi
}

install_from_npm() {
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  if [ "$major" -lt 18 ]; then
    echo "the servers need Node.js 18 or newer; here is $(node --version)" >&2
    exit 1
  fi
  quietly npm install --no-fund --no-audit --prefix "$work/npm" \
    @modelcontextprotocol/server-everything @modelcontextprotocol/server-memory
}

install_from_pypi() {
  if ! python3 -m venv "$work/venv" >"$log" 2>&1; then
    cat "$log" >&2
    echo "python3 cannot make a virtual environment; on Debian that is in the package python3-venv" >&2
    exit 1
  fi
  quietly "$work/venv/bin/python" -m pip install --quiet mcp-server-time
}

# One is started by a launcher, as most are configured; the memory of the other is new each time.
write_configuration() {
  rm -f "$work/memory.jsonl"
  cat >"$work/servers.json" <<END
{
  "mcpServers": {
    "everything": {"command": "npx", "args": ["--no-install", "mcp-server-everything"], "cwd": "$work/npm"},
    "memory": {
      "command": "$work/npm/node_modules/.bin/mcp-server-memory",
      "env": {"MEMORY_FILE_PATH": "$work/memory.jsonl"}
    },
    "time": {"command": "$work/venv/bin/mcp-server-time"}
  },
  "defaults": {"healthIntervalMs": 500, "restart": {"policy": "always", "backoff": {"initialMs": 100}}}
}
END
}

mkdir -p "$work"
scripts/ensure-tools.sh real-servers

headline "Installing the servers"
install_from_npm
install_from_pypi
write_configuration

headline "Managing them"
cargo run --quiet --example real_servers -- "$work/servers.json"

headline "All went as it should"
