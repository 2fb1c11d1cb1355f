//! Values of a document that know where they stand, so that what is wrong with one is reported with its place.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value};

use super::resemblance::nearest;
use super::{Fault, FaultKind, JsonPath};

/// A value and its place.
pub(crate) struct Item<'a> {
    value: &'a Value,
    path: JsonPath,
}

impl<'a> Item<'a> {
    /// A whole document.
    pub(crate) fn root(value: &'a Value) -> Item<'a> {
        Item { value, path: JsonPath::root() }
    }

    /// A fault of this value.
    pub(crate) fn fault(&self, kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault::new(kind, &self.path, message)
    }

    /// A value of the right type that is refused nevertheless.
    pub(crate) fn refuse(&self, message: impl Into<String>) -> Fault {
        self.fault(FaultKind::BadValue, message)
    }

    fn expected(&self, what: impl fmt::Display) -> Fault {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.fault(FaultKind::WrongType, format!("expected {what}, found {found}"))
    }

    pub(crate) fn object(&self) -> Result<Object<'a>, Fault> {
        let members = self.value.as_object().ok_or_else(|| self.expected("an object"))?;
        Ok(Object { members, path: self.path.clone(), known: Vec::new() })
    }

    pub(crate) fn array(&self) -> Result<impl ExactSizeIterator<Item = Item<'a>> + use<'a>, Fault> {
        let elements = self.value.as_array().ok_or_else(|| self.expected("an array"))?;
        let path = self.path.clone();
        let item = move |(index, value)| Item { value, path: path.element(index) };
        Ok(elements.iter().enumerate().map(item))
    }

    pub(crate) fn string(&self) -> Result<&'a str, Fault> {
        self.value.as_str().ok_or_else(|| self.expected("a string"))
    }

    pub(crate) fn boolean(&self) -> Result<bool, Fault> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    /// A whole number.
    pub(crate) fn integer(&self, range: RangeInclusive<u64>) -> Result<u64, Fault> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let Value::Number(number) = self.value else { return Err(self.expected(expected)) };
        let valid = number.as_u64().filter(|value| range.contains(value));
        valid.ok_or_else(|| self.refuse(format!("expected {expected}, found {number}")))
    }

    /// A number that need not be whole.
    pub(crate) fn number(&self, range: RangeInclusive<f64>) -> Result<f64, Fault> {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let Value::Number(number) = self.value else { return Err(self.expected(expected)) };
        let valid = number.as_f64().filter(|value| range.contains(value));
        valid.ok_or_else(|| self.refuse(format!("expected {expected}, found {number}")))
    }

    /// A number of milliseconds, from one to a week of them.
    pub(crate) fn milliseconds(&self) -> Result<Duration, Fault> {
        self.integer(1..=7 * 24 * 3_600_000).map(Duration::from_millis)
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Fault> {
        let text = self.string()?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.refuse(format!("expected {}", words.join(" or ")))
        })
    }

    /// A value, or null for none.
    pub(crate) fn or_null<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        if self.value.is_null() { Ok(None) } else { read(self).map(Some) }
    }
}

/// An object, its place, and the keys that somebody has asked for: all others are unknown.
pub(crate) struct Object<'a> {
    members: &'a Map<String, Value>,
    path: JsonPath,
    known: Vec<&'static str>,
}

impl<'a> Object<'a> {
    /// The member `key`, which is known from now on.
    pub(crate) fn optional(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.known.push(key);
        self.members.get(key).map(|value| Item { value, path: self.path.member(key) })
    }

    /// As `optional`, for one that must be there.
    pub(crate) fn required(&mut self, key: &'static str) -> Result<Item<'a>, Fault> {
        self.optional(key).ok_or_else(|| {
            let similar = nearest(key, self.members.keys().map(String::as_str));
            let hint = similar.map(|found| format!("; is \"{found}\" meant to be it?")).unwrap_or_default();
            self.fault(FaultKind::Missing, format!("\"{key}\" is missing{hint}"))
        })
    }

    /// Reads the member `key` into `place`, which stays as it is if there is none.
    pub(crate) fn read<T>(
        &mut self,
        key: &'static str,
        place: &mut T,
        read: impl FnOnce(&Item<'a>) -> Result<T, Fault>,
    ) -> Result<(), Fault> {
        if let Some(item) = self.optional(key) {
            *place = read(&item)?;
        }
        Ok(())
    }

    /// All members, for an object whose keys are the user's.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'a str, Item<'a>)> {
        self.members.iter().map(|(key, value)| (key.as_str(), Item { value, path: self.path.member(key) }))
    }

    /// A fault of this object.
    pub(crate) fn fault(&self, kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault::new(kind, &self.path, message)
    }

    /// The place of each member that nobody asked for, and the known key that is meant, if one is like it.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = (JsonPath, Option<&'static str>)> {
        let unknown = self.members.keys().filter(|key| !self.known.contains(&key.as_str()));
        unknown.map(|key| (self.path.member(key), nearest(key, self.known.iter().copied())))
    }
}
