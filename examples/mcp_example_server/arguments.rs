//! The arguments of a tool call. An error says which is wrong, and what it must be.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

pub struct Arguments(pub Map<String, Value>);

impl Arguments {
    pub fn text(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).and_then(Value::as_str).ok_or_else(|| format!("\"{name}\" must be a string"))
    }

    pub fn number(&self, name: &str) -> Result<f64, String> {
        self.0.get(name).and_then(Value::as_f64).ok_or_else(|| format!("\"{name}\" must be a number"))
    }

    /// A whole number; `None` when the caller left it out.
    pub fn integer(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, String> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        value.as_i64().filter(|number| range.contains(number)).map(Some).ok_or_else(|| {
            format!("\"{name}\" must be a whole number from {} to {}", range.start(), range.end())
        })
    }
}
