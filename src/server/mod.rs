//! MCP servers as supervised actors.
