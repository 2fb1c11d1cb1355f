//! The library's log for C: its `tracing` events, as lines of text to a function.

use std::ffi::{CString, c_char, c_int, c_void};
use std::fmt::{self, Write};
use std::sync::{Arc, Once, RwLock};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::closure::Data;
use super::status::{Failed, guard, mcp_event_status};

/// Something failed.
pub const MCP_EVENT_LOG_ERROR: c_int = 1;
/// Something is odd.
pub const MCP_EVENT_LOG_WARN: c_int = 2;
/// Something worth knowing happened.
pub const MCP_EVENT_LOG_INFO: c_int = 3;
/// For debugging.
pub const MCP_EVENT_LOG_DEBUG: c_int = 4;
/// For debugging the library itself.
pub const MCP_EVENT_LOG_TRACE: c_int = 5;

/// Takes one message (UTF-8, without a line end). It may be called on any thread, and must not throw.
pub type mcp_event_log =
    Option<unsafe extern "C-unwind" fn(data: *mut c_void, level: c_int, message: *const c_char)>;

struct Sink {
    log: unsafe extern "C-unwind" fn(*mut c_void, c_int, *const c_char),
    level: c_int,
    data: Data,
}

static SINK: RwLock<Option<Arc<Sink>>> = RwLock::new(None);

fn level(level: &Level) -> c_int {
    match *level {
        Level::ERROR => MCP_EVENT_LOG_ERROR,
        Level::WARN => MCP_EVENT_LOG_WARN,
        Level::INFO => MCP_EVENT_LOG_INFO,
        Level::DEBUG => MCP_EVENT_LOG_DEBUG,
        Level::TRACE => MCP_EVENT_LOG_TRACE,
    }
}

fn current(wanted: c_int) -> Option<Arc<Sink>> {
    let sink = SINK.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    sink.filter(|sink| wanted <= sink.level)
}

/// Turns events into lines. The library has no spans.
struct Forward;

impl Subscriber for Forward {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && current(level(metadata.level())).is_some()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let level = level(event.metadata().level());
        if let Some(sink) = current(level) {
            let mut line = Line::default();
            event.record(&mut line);
            let text = CString::new((line.message + &line.fields).replace('\0', "?")).unwrap_or_default();
            // SAFETY: C's promise for as long as the data is not dropped, which `sink` prevents.
            unsafe { (sink.log)(sink.data.data, level, text.as_ptr()) };
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

/// Sends the library's messages up to `max_level` to `log(data, ...)`. `drop(data)`, unless null, is called when it
/// is replaced. A null `log` only ends that; the other arguments are not looked at. `MCP_EVENT_INVALID_STATE` if the
/// program has a `tracing` subscriber of its own, which then gets them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_set_log(
    log: mcp_event_log,
    max_level: c_int,
    data: *mut c_void,
    drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
) -> mcp_event_status {
    static INSTALL: Once = Once::new();
    static INSTALLED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    guard(|| {
        if log.is_some() && !(MCP_EVENT_LOG_ERROR..=MCP_EVENT_LOG_TRACE).contains(&max_level) {
            return Err(Failed::invalid(format!("there is no log level {max_level}; there are 1 to 5")));
        }
        INSTALL.call_once(|| {
            let installed = tracing::subscriber::set_global_default(Forward).is_ok();
            INSTALLED.store(installed, std::sync::atomic::Ordering::Relaxed);
        });
        if !INSTALLED.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Failed::new(
                mcp_event_status::MCP_EVENT_INVALID_STATE,
                "this program has a tracing subscriber, which gets the messages",
            ));
        }
        let sink = log.map(|log| Arc::new(Sink { log, level: max_level, data: Data::new(data, drop) }));
        let former =
            std::mem::replace(&mut *SINK.write().unwrap_or_else(|poisoned| poisoned.into_inner()), sink);
        std::mem::drop(former);
        tracing::callsite::rebuild_interest_cache();
        Ok(())
    })
}
