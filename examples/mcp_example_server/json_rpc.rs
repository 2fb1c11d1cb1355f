//! JSON-RPC 2.0 messages: what comes is checked here, what goes is put together here.

use serde_json::{Map, Value, json};

pub const PARSE_ERROR: i32 = -32700;
pub const INVALID_REQUEST: i32 = -32600;
pub const METHOD_NOT_FOUND: i32 = -32601;
pub const INVALID_PARAMS: i32 = -32602;
pub const INTERNAL_ERROR: i32 = -32603;
/// MCP's own.
pub const UNSUPPORTED_PROTOCOL_VERSION: i32 = -32022;

/// What the caller is told when its request cannot be served.
pub struct RpcError {
    pub code: i32,
    pub message: String,
    pub data: Option<Value>,
}

impl RpcError {
    pub fn new(code: i32, message: impl Into<String>) -> RpcError {
        RpcError { code, message: message.into(), data: None }
    }
}

/// A request or, when nobody waits for an answer, a notification.
pub struct Request {
    /// `None` for a notification.
    pub id: Option<Value>,
    pub method: String,
    pub params: Map<String, Value>,
}

impl Request {
    /// The value at `params._meta[key]`.
    pub fn meta(&self, key: &str) -> Option<&Value> {
        self.params.get("_meta")?.get(key)
    }

    /// A parameter that must be there.
    pub fn string(&self, name: &str) -> Result<&str, RpcError> {
        self.params.get(name).and_then(Value::as_str).ok_or_else(|| {
            RpcError::new(INVALID_PARAMS, format!("Invalid params: \"{name}\" must be a string"))
        })
    }
}

/// Reads the text of one message or of a batch.
pub fn parse(text: &[u8]) -> Result<Value, RpcError> {
    serde_json::from_slice(text).map_err(|error| RpcError::new(PARSE_ERROR, format!("Parse error: {error}")))
}

/// Answers to requests of ours look like this. We make none, so nobody waits for them.
pub fn is_response(message: &Value) -> bool {
    message.get("method").is_none() && (message.get("result").is_some() || message.get("error").is_some())
}

/// The id to answer `message` with, whatever else is wrong with it; `None` when it has none that could be used.
pub fn usable_id(message: &Value) -> Option<&Value> {
    message.get("id").filter(|id| id.is_string() || id.is_number())
}

/// Refuses what is no request.
pub fn read_request(mut message: Value) -> Result<Request, RpcError> {
    let invalid = |reason: &str| Err(RpcError::new(INVALID_REQUEST, format!("Invalid request: {reason}")));
    if !message.is_object() {
        return invalid("not an object");
    }
    if message.get("jsonrpc").is_none_or(|version| version != "2.0") {
        return invalid("\"jsonrpc\" must be \"2.0\"");
    }
    let id = usable_id(&message).cloned();
    if id.is_none() && message.get("id").is_some() {
        return invalid("\"id\" must be a string or a number");
    }
    let Some(Value::String(method)) = message.get_mut("method").map(Value::take) else {
        return invalid("\"method\" must be a string");
    };
    let params = match message.get_mut("params").map(Value::take) {
        None => Map::new(),
        Some(Value::Object(params)) => params,
        // The sender of a notification would not know what an error is about.
        Some(_) if id.is_none() => Map::new(),
        Some(_) => return Err(RpcError::new(INVALID_PARAMS, "Invalid params: \"params\" must be an object")),
    };
    Ok(Request { id, method, params })
}

pub fn result(id: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

pub fn error(id: &Value, error: RpcError) -> Value {
    let mut body = json!({"code": error.code, "message": error.message});
    if let Some(data) = error.data {
        body["data"] = data;
    }
    json!({"jsonrpc": "2.0", "id": id, "error": body})
}

pub fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

/// One line of text, with its newline.
pub fn encode(message: &Value) -> Vec<u8> {
    format!("{message}\n").into_bytes()
}
