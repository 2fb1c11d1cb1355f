//! The tools: what each is called and takes, and what it does.

use std::{process, str::FromStr, time::Duration};

use serde_json::{Value, json};

use super::arguments::Arguments;
use super::signals;
use super::slow_calls::Cancellation;

/// What a server offers beside the tools that all have.
#[derive(Clone, Copy)]
pub enum Theme {
    Basic,
    Docker,
    Kubernetes,
    Prometheus,
}

impl FromStr for Theme {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Theme, &'static str> {
        match name {
            "basic" => Ok(Theme::Basic),
            "docker" => Ok(Theme::Docker),
            "kubernetes" => Ok(Theme::Kubernetes),
            "prometheus" => Ok(Theme::Prometheus),
            _ => Err("must be basic, docker, kubernetes or prometheus"),
        }
    }
}

/// A server's tools. The list grows.
pub struct Tools {
    theme: Theme,
    grown: usize,
}

/// What came of a call.
pub enum Called {
    Done(Value),
    /// Takes its time.
    Slow(Slow),
    /// The list of tools has changed; the result.
    Grown(Value),
}

/// A call that waits, step by step.
pub struct Slow {
    duration: Duration,
    steps: u32,
}

/// Why a call did not work.
pub enum CallError {
    UnknownTool,
    /// What is wrong with its arguments.
    Arguments(String),
}

impl From<String> for CallError {
    fn from(reason: String) -> CallError {
        CallError::Arguments(reason)
    }
}

impl Tools {
    pub fn new(theme: Theme) -> Tools {
        Tools { theme, grown: 0 }
    }

    /// As `tools/list` gives it.
    pub fn list(&self) -> Value {
        let mut tools = common_tools();
        tools.extend(themed_tools(self.theme));
        tools.extend((1..=self.grown).map(|number| {
            tool(&grown_name(number), "Tells which of the grown tools it is.", json!({}), &[])
        }));
        tools.into()
    }

    pub fn call(&mut self, name: &str, arguments: &Arguments) -> Result<Called, CallError> {
        let result = match (self.theme, name) {
            (_, "echo") => text_result(arguments.text("text")?),
            (_, "add") => add(arguments)?,
            (_, "slow") => return Ok(Called::Slow(Slow::new(arguments)?)),
            (_, "crash") => crash(arguments)?,
            (_, "grow") => {
                self.grown += 1;
                return Ok(Called::Grown(text_result(&grown_name(self.grown))));
            }
            (_, "stderr") => write_to_stderr(arguments)?,
            (Theme::Docker, "list_containers") => text_result("web running\ndatabase running\nbackup exited"),
            (Theme::Docker, "container_logs") => {
                text_result(&format!("{}: nothing to report", arguments.text("container")?))
            }
            (Theme::Kubernetes, "list_pods") => {
                text_result("web-0 Running\nweb-1 Running\nbackup-7 Completed")
            }
            (Theme::Kubernetes, "describe_pod") => {
                text_result(&format!("{}: Running on node-1, no restarts", arguments.text("pod")?))
            }
            (Theme::Prometheus, "query") => text_result(&format!("{} => 1", arguments.text("expression")?)),
            (Theme::Prometheus, "list_alerts") => text_result("no alert is firing"),
            _ if (1..=self.grown).any(|number| name == grown_name(number)) => text_result(name),
            _ => return Err(CallError::UnknownTool),
        };
        Ok(Called::Done(result))
    }
}

impl Slow {
    fn new(arguments: &Arguments) -> Result<Slow, String> {
        const MOST_MS: i64 = 600_000;
        const MOST_STEPS: i64 = 10_000;
        let milliseconds = arguments.integer("ms", 0..=MOST_MS)?.unwrap_or(1000);
        let steps = arguments.integer("steps", 1..=MOST_STEPS)?.unwrap_or(1);
        Ok(Slow { duration: Duration::from_millis(milliseconds.unsigned_abs()), steps: steps as u32 })
    }

    /// Waits, and tells after each step how many of how many are done; `None` when cancelled.
    pub fn run(self, cancellation: &Cancellation, progress: impl Fn(u32, u32)) -> Option<Value> {
        for done in 1..=self.steps {
            if cancellation.comes_within(self.duration / self.steps) {
                return None;
            }
            progress(done, self.steps);
        }
        Some(text_result(&format!("waited {} ms", self.duration.as_millis())))
    }
}

/// A result that is an error tells the model, not the client, what went wrong.
pub fn error_result(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}], "isError": true})
}

fn text_result(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}], "isError": false})
}

fn add(arguments: &Arguments) -> Result<Value, String> {
    let sum = to_number(arguments.number("a")? + arguments.number("b")?);
    let mut result = text_result(&sum.to_string());
    result["structuredContent"] = json!({"sum": sum});
    Ok(result)
}

/// Whole numbers are written without a decimal point, as far as a double holds them exactly.
fn to_number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT { json!(value as i64) } else { json!(value) }
}

fn crash(arguments: &Arguments) -> Result<Value, String> {
    let code = arguments.integer("code", 0..=255)?.unwrap_or(1);
    let Some(signal) = arguments.integer("signal", 1..=64)? else {
        process::exit(code as i32);
    };
    signals::die_of(signal as i32).map_err(|error| format!("signal {signal}: {error}"))?;
    Ok(error_result(&format!("signal {signal} does not end a process")))
}

fn write_to_stderr(arguments: &Arguments) -> Result<Value, String> {
    const MOST: i64 = 1_000_000;
    let lines = arguments.integer("lines", 0..=MOST)?.unwrap_or(1);
    for line in 1..=lines {
        eprintln!("line {line} of {lines}");
    }
    Ok(text_result(&format!("wrote {lines} lines")))
}

fn grown_name(number: usize) -> String {
    format!("grown_{number}")
}

fn tool(name: &str, description: &str, properties: Value, required: &[&str]) -> Value {
    json!({
        "name": name,
        "description": description,
        "inputSchema": {"type": "object", "properties": properties, "required": required},
    })
}

fn common_tools() -> Vec<Value> {
    let (text, number, integer) =
        (json!({"type": "string"}), json!({"type": "number"}), json!({"type": "integer"}));
    let mut add = tool("add", "Adds two numbers.", json!({"a": number, "b": number}), &["a", "b"]);
    add["outputSchema"] = json!({"type": "object", "properties": {"sum": number}, "required": ["sum"]});
    vec![
        tool("echo", "Gives a text back.", json!({"text": text}), &["text"]),
        add,
        tool("slow", "Waits, telling its progress.", json!({"ms": integer, "steps": integer}), &[]),
        tool("crash", "Ends the server.", json!({"code": integer, "signal": integer}), &[]),
        tool("grow", "Adds a tool to this list.", json!({}), &[]),
        tool("stderr", "Writes lines to stderr.", json!({"lines": integer}), &[]),
    ]
}

fn themed_tools(theme: Theme) -> Vec<Value> {
    let text = json!({"type": "string"});
    match theme {
        Theme::Basic => Vec::new(),
        Theme::Docker => vec![
            tool("list_containers", "Lists the containers and their states.", json!({}), &[]),
            tool("container_logs", "Gives a container's log.", json!({"container": text}), &["container"]),
        ],
        Theme::Kubernetes => vec![
            tool("list_pods", "Lists the pods and their phases.", json!({}), &[]),
            tool("describe_pod", "Tells how a pod is.", json!({"pod": text}), &["pod"]),
        ],
        Theme::Prometheus => vec![
            tool("query", "Evaluates an expression.", json!({"expression": text}), &["expression"]),
            tool("list_alerts", "Lists the alerts that fire.", json!({}), &[]),
        ],
    }
}
