//! JSON documents that people and earlier lives write, read strictly: every fault is reported with its place,
//! and a key that stands twice in one object is a fault, not a matter of luck.

mod fault;
mod item;
mod path;
mod resemblance;

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

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
    let duplicates = RefCell::default();
    let mut deserializer = serde_json::Deserializer::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let place = Place { path: JsonPath::root(), duplicates: &duplicates };
    let value = place.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    let value = value.map_err(syntax_fault)?;
    duplicates.into_inner().map_or(Ok(value), Err)
}

/// serde_json ends its messages with the position, which is a part of ours already.
fn syntax_fault(error: serde_json::Error) -> Fault {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let message = format!("line {line}, column {column}: {text}");
    Fault::new(FaultKind::Syntax { line, column }, &JsonPath::root(), message)
}

/// A value that is still to be read. serde_json's own objects keep the last of two equal keys and say nothing.
struct Place<'a> {
    path: JsonPath,
    /// The fault that names all that were found.
    duplicates: &'a RefCell<Option<Fault>>,
}

impl Place<'_> {
    fn report(&self, path: &JsonPath) {
        let mut duplicates = self.duplicates.borrow_mut();
        match &mut *duplicates {
            None => {
                *duplicates =
                    Some(Fault::new(FaultKind::Duplicate, path, "this key stands here more than once"))
            }
            Some(first) => first.message.push_str(&format!("; so does {path}")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        let place = |index| Place { path: self.path.element(index), duplicates: self.duplicates };
        while let Some(value) = elements.next_element_seed(place(array.len()))? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut reported = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            let path = self.path.member(&key);
            if object.contains_key(&key) && reported.insert(key.clone()) {
                self.report(&path);
            }
            let value = members.next_value_seed(Place { path, duplicates: self.duplicates })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
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
