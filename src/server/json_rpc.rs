//! The messages of MCP: JSON-RPC 2.0, one to a line, without batches.

use std::fmt;

use serde_json::{Map, Value};

/// What a request and its response have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id {
    /// A whole number.
    Number(i64),
    /// A string.
    String(String),
}

impl Id {
    /// The number that it is meant to be: some servers write every id as a string.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Id::Number(number) => Some(*number),
            Id::String(text) => text.parse().ok(),
        }
    }

    /// `None` for what is no id: a fraction, `null`, or a value of another type. A whole number may be written
    /// with a decimal point, as some languages do.
    fn from_value(value: &Value) -> Option<Id> {
        match value {
            Value::String(text) => Some(Id::String(text.clone())),
            Value::Number(number) => {
                // Beyond 2^53 a number with a decimal point does not say which whole number it is.
                let whole = |value: &f64| value.fract() == 0.0 && value.abs() <= (1_u64 << 53) as f64;
                let written = || number.as_f64().filter(whole).map(|value| value as i64);
                let exact = number.as_i64().or_else(|| if number.is_f64() { written() } else { None });
                exact.map(Id::Number)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Id {
    /// As in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(number) => number.fmt(f),
            Id::String(text) => Text(text).fmt(f),
        }
    }
}

/// A string, shown as in JSON.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

/// The error that a response carries.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    /// What sort of error; those from -32768 to -32000 are JSON-RPC's own.
    pub code: i64,
    /// A short description.
    pub message: String,
    /// More about it.
    pub data: Option<Value>,
}

impl RpcError {
    /// The receiver has no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;

    fn from_value(value: &Value) -> Option<RpcError> {
        let error = value.as_object()?;
        Some(RpcError {
            code: error.get("code")?.as_i64()?,
            message: error.get("message")?.as_str()?.to_owned(),
            data: error.get("data").cloned(),
        })
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)
    }
}

impl std::error::Error for RpcError {}

/// A message to send. Shown, it is its JSON, in which no line ends.
pub(crate) enum Outgoing<'a> {
    Request { id: &'a Id, method: &'a str, params: Option<&'a Value> },
    Notification { method: &'a str, params: Option<&'a Value> },
    Response { id: &'a Id, outcome: Result<&'a Value, &'a RpcError> },
}

impl Outgoing<'_> {
    /// The message with its end of line.
    pub(crate) fn to_line(&self) -> String {
        format!("{self}\n")
    }
}

impl fmt::Display for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"{"jsonrpc":"2.0""#)?;
        match self {
            Outgoing::Request { id, .. } | Outgoing::Response { id, .. } => write!(f, r#","id":{id}"#)?,
            Outgoing::Notification { .. } => {}
        }
        match self {
            Outgoing::Request { method, params, .. } | Outgoing::Notification { method, params } => {
                write!(f, r#","method":{}"#, Text(method))?;
                if let Some(params) = params {
                    write!(f, r#","params":{params}"#)?;
                }
            }
            Outgoing::Response { outcome: Ok(result), .. } => write!(f, r#","result":{result}"#)?,
            Outgoing::Response { outcome: Err(error), .. } => {
                write!(f, r#","error":{{"code":{},"message":{}"#, error.code, Text(&error.message))?;
                if let Some(data) = &error.data {
                    write!(f, r#","data":{data}"#)?;
                }
                f.write_str("}")?;
            }
        }
        f.write_str("}")
    }
}

/// A message that came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    /// The answer to a request of ours. Only an error may be without an id: its sender could not read ours.
    Response { id: Option<Id>, outcome: Result<Value, RpcError> },
    /// The server wants an answer.
    Request { id: Id, method: String, params: Option<Value> },
    /// The server wants none.
    Notification { method: String, params: Option<Value> },
}

/// A line that is no message of MCP.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Malformed {
    /// What is wrong with it.
    pub(crate) defect: Defect,
    /// The id, where it could be read and there is no method: whose request this was meant to answer.
    pub(crate) answers: Option<Id>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Defect {
    /// The bytes from this offset on are not UTF-8.
    NotUtf8(usize),
    /// It is not JSON, for the reason given.
    NotJson(String),
    /// It is a value that is no object.
    NotAnObject,
    /// It is an array: a batch, which MCP does not have any more.
    Batch,
    /// `jsonrpc` is not there, or not "2.0".
    Version,
    /// `id` is neither a whole number nor a string, or is not there where it must be.
    Id,
    /// `method` is no string.
    Method,
    /// `params` is neither an object nor an array.
    Params,
    /// Both `result` and `error`, or one of them and `method`.
    Ambiguous,
    /// None of `method`, `result` and `error`.
    Empty,
    /// `error` is not an object with a whole number `code` and a string `message`.
    Error,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.defect {
            Defect::NotUtf8(offset) => write!(f, "invalid UTF-8 at byte {offset}"),
            Defect::NotJson(why) => write!(f, "not JSON: {why}"),
            Defect::NotAnObject => f.write_str("a JSON value that is no object"),
            Defect::Batch => f.write_str("a batch, which MCP does not allow"),
            Defect::Version => f.write_str("\"jsonrpc\" is not \"2.0\""),
            Defect::Id => f.write_str("\"id\" is missing, or neither a whole number nor a string"),
            Defect::Method => f.write_str("\"method\" is no string"),
            Defect::Params => f.write_str("\"params\" is neither an object nor an array"),
            Defect::Ambiguous => f.write_str("more than one of \"method\", \"result\" and \"error\""),
            Defect::Empty => f.write_str("none of \"method\", \"result\" and \"error\""),
            Defect::Error => f.write_str("\"error\" has no whole number \"code\" or no string \"message\""),
        }
    }
}

impl Incoming {
    /// Decodes one line, given without its end.
    pub(crate) fn decode(line: &[u8]) -> Result<Incoming, Malformed> {
        let unread = |defect| Malformed { defect, answers: None };
        let text = str::from_utf8(line).map_err(|error| unread(Defect::NotUtf8(error.valid_up_to())))?;
        let value = serde_json::from_str(text).map_err(|error| unread(Defect::NotJson(error.to_string())))?;
        match value {
            Value::Object(message) => {
                let answers = if message.contains_key("method") { None } else { message.get("id") };
                let answers = answers.and_then(Id::from_value);
                Incoming::from_object(message).map_err(|defect| Malformed { defect, answers })
            }
            Value::Array(_) => Err(unread(Defect::Batch)),
            _ => Err(unread(Defect::NotAnObject)),
        }
    }

    fn from_object(mut message: Map<String, Value>) -> Result<Incoming, Defect> {
        if message.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(Defect::Version);
        }
        let id = message.get("id").map(|id| Id::from_value(id).ok_or(id.is_null()));
        match (message.remove("method"), message.remove("result"), message.remove("error")) {
            (Some(method), None, None) => {
                let Value::String(method) = method else { return Err(Defect::Method) };
                // Some servers write `null` for no parameters.
                let params = message.remove("params").filter(|params| !params.is_null());
                if !params.as_ref().is_none_or(|params| params.is_object() || params.is_array()) {
                    return Err(Defect::Params);
                }
                match id {
                    None => Ok(Incoming::Notification { method, params }),
                    Some(Ok(id)) => Ok(Incoming::Request { id, method, params }),
                    Some(Err(_)) => Err(Defect::Id),
                }
            }
            (None, Some(result), None) => match id {
                Some(Ok(id)) => Ok(Incoming::Response { id: Some(id), outcome: Ok(result) }),
                _ => Err(Defect::Id),
            },
            (None, None, Some(error)) => {
                let outcome = Err(RpcError::from_value(&error).ok_or(Defect::Error)?);
                match id {
                    Some(Ok(id)) => Ok(Incoming::Response { id: Some(id), outcome }),
                    None | Some(Err(true)) => Ok(Incoming::Response { id: None, outcome }),
                    Some(Err(false)) => Err(Defect::Id),
                }
            }
            (None, None, None) => Err(Defect::Empty),
            _ => Err(Defect::Ambiguous),
        }
    }
}

/// Whose request a message answers of which only the beginning is known. Not all can be told: some servers write
/// the id at the end.
pub(crate) fn answered_by_head(head: &[u8]) -> Option<Id> {
    let mut rest = head.trim_ascii_start().strip_prefix(b"{")?;
    let mut id = None;
    loop {
        let (key, after) = first_value(rest)?;
        let after = after.trim_ascii_start().strip_prefix(b":")?;
        match key.as_str()? {
            "result" | "error" => return id,
            "method" => return None,
            _ => {}
        }
        let (value, after) = first_value(after)?;
        if key == "id" {
            id = Id::from_value(&value);
        }
        rest = after.trim_ascii_start().strip_prefix(b",")?;
    }
}

/// The JSON value that `bytes` begin with, and what follows it.
fn first_value(bytes: &[u8]) -> Option<(Value, &[u8])> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some((value, &bytes[values.byte_offset()..]))
}

#[cfg(test)]
mod tests;
