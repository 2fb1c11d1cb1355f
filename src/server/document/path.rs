//! Where something stands in a JSON document: `$.mcpServers.docker.args[2]`.

use std::fmt;

use serde_json::Value;

/// A JSON path (RFC 9535, normal use of its shorthand): keys that are no identifiers are written `["a b"]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonPath(String);

impl JsonPath {
    /// The document itself.
    pub(crate) fn root() -> JsonPath {
        JsonPath("$".into())
    }

    /// A member of the object that stands here.
    pub(crate) fn member(&self, key: &str) -> JsonPath {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !key.is_empty() && key.chars().all(word) && !key.starts_with(|c: char| c.is_ascii_digit()) {
            JsonPath(format!("{}.{key}", self.0))
        } else {
            JsonPath(format!("{}[{}]", self.0, Value::from(key)))
        }
    }

    /// An element of the array that stands here.
    pub(crate) fn element(&self, index: usize) -> JsonPath {
        JsonPath(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::JsonPath;

    #[test]
    fn keys_that_are_no_identifiers_are_quoted() {
        let path = JsonPath::root().member("mcpServers").member("my-server").member("args").element(2);
        assert_eq!(path.to_string(), r#"$.mcpServers["my-server"].args[2]"#);
        assert_eq!(
            JsonPath::root().member("").member("1").member("a\"\n").to_string(),
            r#"$[""]["1"]["a\"\n"]"#
        );
    }
}
