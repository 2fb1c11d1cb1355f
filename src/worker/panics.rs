//! What becomes of panics in callbacks of workers.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, RwLock};

use crate::dispatcher::closure::{Failure, panic_message};

type PanicHandler = Arc<dyn Fn(&str, Box<dyn Any + Send>) + Send + Sync>;

static PANIC_HANDLER: RwLock<Option<PanicHandler>> = RwLock::new(None);

/// Sets what is called, on the worker's thread, with the worker's name and the payload, when a callback on it
/// panics. When it returns, the worker goes on with what is queued.
///
/// Without one, the panic is logged and the process aborted, as for an uncaught C++ exception: a worker that
/// silently stopped would be worse.
pub fn set_worker_panic_handler(handler: impl Fn(&str, Box<dyn Any + Send>) + Send + Sync + 'static) {
    *PANIC_HANDLER.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Arc::new(handler));
}

pub(super) fn report_panic(worker: &str, payload: Box<dyn Any + Send>) {
    let handler = PANIC_HANDLER.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    match handler {
        Some(handler) => {
            if catch_unwind(AssertUnwindSafe(|| handler(worker, payload))).is_err() {
                terminate(worker, "the handler of worker panics panicked itself");
            }
        }
        None => {
            let text = panic_message(&*payload);
            terminate(worker, &format!("a callback panicked, and no handler is set: {text}"));
        }
    }
}

/// Reports what a callback on a worker ended with, to the handler of its language.
pub(super) fn report_failure(worker: &str, failure: Failure) {
    match failure {
        Failure::Panic(payload) => report_panic(worker, payload),
        Failure::Foreign(exception) => exception.report(worker),
        other => tracing::error!(worker, "{}", other.describe()),
    }
}

fn terminate(worker: &str, why: &str) -> ! {
    tracing::error!(worker, "{why}");
    eprintln!("mcp_event: {worker}: {why}");
    std::process::abort();
}
