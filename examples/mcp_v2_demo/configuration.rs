//! The configuration of the three servers, as it would stand in a file.

use std::env;
use std::error::Error;

use mcp_event::server::Config;

use super::SERVER;

const TEXT: &str = r#"{
    "mcpServers": {
        "docker": {
            "command": "${PROGRAM}",
            "args": ["${SERVER}", "--name", "docker-mcp", "--tools", "docker"],
            "category": "containers"
        },
        "kubernetes": {
            "command": "${PROGRAM}",
            "args": ["${SERVER}", "--name", "kubernetes-mcp", "--tools", "kubernetes"],
            "category": "orchestration"
        },
        "prometheus": {
            "command": "${PROGRAM}",
            "args": ["${SERVER}", "--name", "prometheus-mcp", "--tools", "prometheus"],
            "category": "monitoring"
        }
    },
    "defaults": {
        "healthIntervalMs": 500,
        "restart": {"policy": "on-failure", "maxRestarts": 5, "backoff": {"initialMs": 500}}
    }
}"#;

/// Reads it; the program of the servers is this one.
pub fn read() -> Result<Config, Box<dyn Error>> {
    let program = env::current_exe()?;
    let program = program.to_str().ok_or_else(|| format!("{} is no text", program.display()))?;
    let config = Config::parse(TEXT, |name| match name {
        "PROGRAM" => Some(program.to_owned()),
        "SERVER" => Some(SERVER.to_owned()),
        _ => None,
    })?;
    Ok(config)
}
