//! The beginning of a conversation: the revision of the protocol, and who is there.

use serde_json::{Value, json};

use super::status::Peer;

/// The revisions that we speak, the newest first. All begin with `initialize`.
pub(crate) const REVISIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The parameters of our `initialize`.
pub(crate) fn initialize_params() -> Value {
    json!({
        "protocolVersion": REVISIONS[0],
        "capabilities": {},
        "clientInfo": { "name": "mcp-event", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// Reads a server's answer to `initialize`; or says what is wrong with it.
pub(crate) fn read_peer(result: &Value) -> Result<Peer, String> {
    let text = |place: &Value| place.as_str().map(str::to_owned);
    let Some(protocol_version) = text(&result["protocolVersion"]) else {
        return Err("its answer to initialize names no protocolVersion".into());
    };
    if !REVISIONS.contains(&protocol_version.as_str()) {
        return Err(format!(
            "it speaks revision {protocol_version:?} of the protocol; we speak {}",
            REVISIONS.join(", ")
        ));
    }
    Ok(Peer {
        // Required, but nothing depends on them.
        name: text(&result["serverInfo"]["name"]).unwrap_or_default(),
        version: text(&result["serverInfo"]["version"]).unwrap_or_default(),
        protocol_version,
        capabilities: result["capabilities"].clone(),
        instructions: text(&result["instructions"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_a_revision_that_we_speak() {
        let answer = json!({
            "protocolVersion": "2024-11-05",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "x", "version": "1" },
            "instructions": "be kind",
        });
        let peer = read_peer(&answer).unwrap();
        assert_eq!((peer.name.as_str(), peer.protocol_version.as_str()), ("x", "2024-11-05"));
        assert_eq!(peer.instructions.as_deref(), Some("be kind"));
        let answer = json!({ "protocolVersion": "1999-12-31" });
        assert!(read_peer(&answer).unwrap_err().contains("1999-12-31"));
        for odd in [json!({}), json!(null), json!([1]), json!({ "protocolVersion": 7 })] {
            assert!(read_peer(&odd).unwrap_err().contains("protocolVersion"));
        }
    }
}
