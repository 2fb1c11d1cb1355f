//! JSON documents that people and earlier lives write, read strictly: every fault is reported with its place,
//! and a key that stands twice in one object is a fault, not a matter of luck.

mod duplicates;
mod fault;
mod item;
mod path;
mod resemblance;

use serde_json::Value;

pub use fault::{Fault, FaultKind};
pub(crate) use item::{Item, Object};
pub(crate) use path::JsonPath;

/// Parses one JSON document. A byte order mark before it is skipped.
pub(crate) fn parse(text: &[u8]) -> Result<Value, Fault> {
    let text = str::from_utf8(text).map_err(|error| {
        let offset = error.valid_up_to();
        Fault::new(
            FaultKind::NotUtf8 { offset },
            &JsonPath::root(),
            format!("invalid UTF-8 at byte {offset}"),
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = serde_json::from_str(text).map_err(syntax_fault)?;
    duplicates::find(text).map_or(Ok(value), Err)
}

/// serde_json ends its messages with the position, which is a part of ours already.
fn syntax_fault(error: serde_json::Error) -> Fault {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let message = format!("line {line}, column {column}: {text}");
    Fault::new(FaultKind::Syntax { line, column }, &JsonPath::root(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_is_parsed_is_what_serde_json_parses() {
        let text = r#"{"z": [1, -2, 2.5, 18446744073709551615, null, true], "a": {"deep": ["\u00e9"]}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        assert!(parse(b"\xef\xbb\xbf{}").is_ok(), "a byte order mark");
    }

    #[test]
    fn duplicate_keys_are_found_at_every_level_and_all_named() {
        let fault = fault(r#"{"a": [{"b": 1, "b": 2, "b": 3}], "c d": 1, "c d": 2}"#);
        assert_eq!(fault.kind, FaultKind::Duplicate);
        assert_eq!(fault.to_string(), r#"$.a[0].b: this key stands here more than once; so does $["c d"]"#);
    }

    #[test]
    fn keys_are_compared_as_they_are_read() {
        assert_eq!(fault(r#"{"\u0061\\\"": 1, "a\\\"": ",{["}"#).kind, FaultKind::Duplicate);
        assert!(parse(br#"{"a\\": "a\\", "b": ["a\\", "a\\", "\",\"b\":"], "c": "b"}"#).is_ok());
        assert_eq!(fault(r#"[{}, [], {"x": {"y": [[0, {"z": 1, "z": {}}]]}}]"#).path, "$[2].x.y[0][1].z");
    }

    #[test]
    fn one_key_in_different_objects_is_no_duplicate() {
        assert!(parse(br#"[{"a": 1}, {"a": 1}, {"A": {"a": 1}}]"#).is_ok());
    }

    #[test]
    fn syntax_errors_name_line_and_column() {
        let fault = fault("{\n  \"a\": 1\n  \"b\": 2\n}");
        assert_eq!(fault.kind, FaultKind::Syntax { line: 3, column: 3 });
        assert_eq!(fault.to_string(), "line 3, column 3: expected `,` or `}`");
    }

    #[test]
    fn what_follows_the_document_is_a_syntax_error() {
        assert!(matches!(fault("{} {}").kind, FaultKind::Syntax { line: 1, column: 4 }));
        assert!(matches!(fault("").kind, FaultKind::Syntax { .. }));
    }

    #[test]
    fn too_deep_a_document_is_an_error_not_an_overflow() {
        assert!(matches!(fault(&"[".repeat(100_000)).kind, FaultKind::Syntax { .. }));
    }

    #[test]
    fn invalid_utf8_is_reported_with_its_offset() {
        let fault = parse(b"{\"a\": \"\xff\"}").unwrap_err();
        assert_eq!(fault.kind, FaultKind::NotUtf8 { offset: 7 });
    }
}
