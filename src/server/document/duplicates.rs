//! Keys that stand twice in one object. serde_json keeps the last of them and says nothing.

use std::collections::HashSet;

use super::{Fault, FaultKind, JsonPath};

/// An object or array that the scan is inside of.
struct Container {
    path: JsonPath,
    /// Where in it the scan is.
    position: Position,
    /// The keys that have come.
    keys: HashSet<String>,
}

enum Position {
    BeforeKey,
    AtMember(String),
    AtElement(usize),
}

impl Container {
    fn new(path: JsonPath, position: Position) -> Container {
        Container { path, position, keys: HashSet::new() }
    }

    /// The path of the value that begins here.
    fn place(&self) -> JsonPath {
        match &self.position {
            Position::BeforeKey => self.path.clone(),
            Position::AtMember(key) => self.path.member(key),
            Position::AtElement(index) => self.path.element(*index),
        }
    }
}

/// One fault that names all of them, if there are any. `text` must be valid JSON: then its brackets, commas and
/// strings tell everything.
pub(super) fn find(text: &str) -> Option<Fault> {
    let bytes = text.as_bytes();
    let mut inside: Vec<Container> = Vec::new();
    let mut found: Vec<JsonPath> = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let begin = at;
        at += 1;
        match byte {
            b'{' | b'[' => {
                let path = inside.last().map_or_else(JsonPath::root, Container::place);
                let first = if *byte == b'{' { Position::BeforeKey } else { Position::AtElement(0) };
                inside.push(Container::new(path, first));
            }
            b'}' | b']' => drop(inside.pop()),
            b',' => {
                if let Some(container) = inside.last_mut() {
                    container.position = match container.position {
                        Position::AtElement(index) => Position::AtElement(index + 1),
                        _ => Position::BeforeKey,
                    };
                }
            }
            b'"' => {
                at += string_length(&bytes[at..]);
                if let Some(container) =
                    inside.last_mut().filter(|c| matches!(c.position, Position::BeforeKey))
                {
                    // It is a string in valid JSON, so it can be read.
                    let key: String = serde_json::from_str(&text[begin..at]).unwrap_or_default();
                    let path = container.path.member(&key);
                    if !container.keys.insert(key.clone()) && !found.contains(&path) {
                        found.push(path);
                    }
                    container.position = Position::AtMember(key);
                }
            }
            _ => {}
        }
    }
    let (first, others) = found.split_first()?;
    let others: String = others.iter().map(|path| format!("; so does {path}")).collect();
    Some(Fault::new(FaultKind::Duplicate, first, format!("this key stands here more than once{others}")))
}

/// How many bytes a string has after its opening quote, the closing one included.
fn string_length(bytes: &[u8]) -> usize {
    let mut escaped = false;
    let closing = bytes.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    closing.map_or(bytes.len(), |closing| closing + 1)
}
