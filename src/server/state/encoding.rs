//! The state as JSON, with a version.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::{Desired, Event, EventKind, LATEST, ServerState, State, unix_millis};
use crate::server::document::{self, Fault, Item};
use crate::server::launch::{ProcessId, ProcessIdentity};

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

const DESIRED: [(&str, Desired); 2] = [("running", Desired::Running), ("stopped", Desired::Stopped)];

const EVENTS: [(&str, EventKind); 3] =
    [("started", EventKind::Started), ("stopped", EventKind::Stopped), ("failed", EventKind::Failed)];

fn word<T: PartialEq>(words: &[(&'static str, T)], meaning: &T) -> &'static str {
    words.iter().find(|(_, known)| known == meaning).map_or("", |(word, _)| *word)
}

/// What a file that is not damaged holds.
pub(super) enum Decoded {
    State(State),
    ForeignVersion(u64),
}

pub(super) fn encode(state: &State) -> String {
    let servers: Map<_, _> =
        state.servers.iter().map(|(name, server)| (name.clone(), encode_server(server))).collect();
    format!("{:#}\n", json!({"version": VERSION, "servers": servers}))
}

fn encode_server(server: &ServerState) -> Value {
    let event = |event: &Event| json!({"atMs": unix_millis(event.at), "event": word(&EVENTS, &event.kind), "reason": event.reason});
    let process = |process: &ProcessIdentity| {
        json!({
            "server": encode_id(process.server),
            "guardian": encode_id(process.guardian),
            "boot": process.boot,
            "launch": process.launch,
        })
    };
    json!({
        "desired": server.desired.map(|desired| word(&DESIRED, &desired)),
        "restarts": server.restarts,
        "process": server.process.as_ref().map(process),
        "history": server.history().map(event).collect::<Vec<_>>(),
    })
}

fn encode_id(process: ProcessId) -> Value {
    json!({"pid": process.pid, "startTicks": process.start})
}

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, Fault> {
    let document = document::parse(bytes)?;
    let mut root = Item::root(&document).object()?;
    match root.required("version")?.integer(0..=u64::MAX)? {
        VERSION => {}
        foreign => return Ok(Decoded::ForeignVersion(foreign)),
    }
    let servers = root.required("servers")?.object()?;
    let servers = servers.members().map(|(name, item)| Ok((name.to_owned(), decode_server(&item)?)));
    Ok(Decoded::State(State { servers: servers.collect::<Result<_, Fault>>()? }))
}

fn decode_server(item: &Item<'_>) -> Result<ServerState, Fault> {
    let mut object = item.object()?;
    let mut server = ServerState {
        desired: object.required("desired")?.or_null(|item| item.word(&DESIRED))?,
        restarts: object.required("restarts")?.integer(0..=u64::MAX)?,
        process: object.required("process")?.or_null(decode_process)?,
        ..ServerState::default()
    };
    for item in object.required("history")?.array()? {
        server.record(decode_event(&item)?);
    }
    Ok(server)
}

fn decode_event(item: &Item<'_>) -> Result<Event, Fault> {
    let mut object = item.object()?;
    let at = UNIX_EPOCH + Duration::from_millis(object.required("atMs")?.integer(0..=LATEST)?);
    Ok(Event::new(at, object.required("event")?.word(&EVENTS)?, object.required("reason")?.string()?))
}

fn decode_process(item: &Item<'_>) -> Result<ProcessIdentity, Fault> {
    let mut object = item.object()?;
    Ok(ProcessIdentity {
        server: decode_id(&object.required("server")?)?,
        guardian: decode_id(&object.required("guardian")?)?,
        boot: object.required("boot")?.string()?.to_owned(),
        launch: object.required("launch")?.string()?.to_owned(),
    })
}

/// Process numbers that mean something else to `kill` do not get in: a damaged file must not end everything.
fn decode_id(item: &Item<'_>) -> Result<ProcessId, Fault> {
    let mut object = item.object()?;
    Ok(ProcessId {
        pid: object.required("pid")?.integer(1..=i32::MAX as u64)? as u32,
        start: object.required("startTicks")?.integer(0..=u64::MAX)?,
    })
}
