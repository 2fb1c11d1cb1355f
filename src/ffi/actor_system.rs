//! Systems of actors for C.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::{Arc, Mutex, MutexGuard};

use super::actor::mcp_event_actor;
use super::actor_message::Mail;
use super::actor_options::{MCP_EVENT_ONE_FOR_ONE, mcp_event_backoff, mcp_event_intensity, supervision};
use super::actor_reason::{mcp_event_actor_event, show_event};
use super::actor_tree::mcp_event_actor_tree;
use super::closure::{Pledge, call_code};
use super::dispatcher::{mcp_event_dispatcher, text};
use super::duration::duration;
use super::handle;
use super::status::{Failed, Result, check_size, guard, mcp_event_status};
use crate::actor::{ActorRef, System, SystemHandle};
use crate::dispatcher::Handle;

/// Actors, and the dispatchers that they live on.
pub struct mcp_event_actor_system {
    pub(crate) system: System,
    pub(crate) loops: Arc<Loops>,
}

/// What C knows of a system: its dispatchers, and what the messages of its actors are called.
pub(crate) struct Loops {
    /// Lent to C; they live as long as the system and its actors.
    dispatchers: Vec<*mut mcp_event_dispatcher>,
    /// By the ids of actors that can be found.
    message_types: Mutex<HashMap<u64, Option<CString>>>,
}

// SAFETY: the pointers are to handles, which any thread may use.
unsafe impl Send for Loops {}
// SAFETY: as above.
unsafe impl Sync for Loops {}

impl Loops {
    fn of(system: &System) -> Loops {
        let handles = (0..system.workers()).filter_map(|worker| system.dispatcher(worker));
        Loops {
            dispatchers: handles.map(mcp_event_dispatcher::lend).collect(),
            message_types: Mutex::default(),
        }
    }

    /// What C knows this dispatcher by; null if it is none of the system's.
    pub(crate) fn lent(&self, handle: &Handle) -> *mut mcp_event_dispatcher {
        let is_it = |lent: &&*mut mcp_event_dispatcher| {
            // SAFETY: lent, so it lives.
            unsafe { mcp_event_dispatcher::core(**lent) }.is_ok_and(|core| Arc::ptr_eq(core, handle.core()))
        };
        self.dispatchers.iter().find(is_it).copied().unwrap_or(std::ptr::null_mut())
    }

    fn message_types(&self) -> MutexGuard<'_, HashMap<u64, Option<CString>>> {
        self.message_types.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Notes what the messages of a new actor are called, for as long as it can be found.
    pub(crate) fn note(self: &Arc<Self>, actor: &ActorRef<Mail>, message_type: Option<&CStr>) {
        if actor.name().is_none() {
            return;
        }
        let id = actor.id().get();
        self.message_types().insert(id, message_type.map(CStr::to_owned));
        let loops = Arc::downgrade(self);
        actor.when_ended(move |_| {
            if let Some(loops) = loops.upgrade() {
                loops.message_types().remove(&id);
            }
        });
    }

    /// # Safety
    /// The strings are null or zero-terminated.
    pub(crate) unsafe fn find(
        &self,
        system: &SystemHandle,
        name: *const c_char,
        message_type: *const c_char,
    ) -> Result<*mut mcp_event_actor> {
        // SAFETY: the caller's promise.
        let name = unsafe { text(name, "the name") }?;
        // SAFETY: the caller's promise.
        let asked = (!message_type.is_null()).then(|| unsafe { CStr::from_ptr(message_type) });
        let actor = system.find::<Mail>(name)?;
        let known = self.message_types().get(&actor.id().get()).cloned();
        match known {
            // Between its first moment and the return of the call that makes it.
            None => Err(Failed::new(
                mcp_event_status::MCP_EVENT_NOT_FOUND,
                format!("the actor named {name:?} is being made, or has just ended"),
            )),
            Some(known) if known.as_deref() == asked => Ok(mcp_event_actor::give(actor)),
            Some(known) => {
                let say = |of: Option<&CStr>| of.map_or("nothing".into(), |of| format!("{of:?}"));
                let (known, asked) = (say(known.as_deref()), say(asked));
                let text =
                    format!("the messages of the actor named {name:?} are called {known}, not {asked}");
                Err(Failed::invalid(text))
            }
        }
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        for dispatcher in self.dispatchers.drain(..) {
            // SAFETY: lent by `of`; C may not use them any more. It cannot fail.
            let _ = unsafe { mcp_event_dispatcher::take(dispatcher) };
        }
    }
}

/// Takes what happens to actors, under the rules of `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_actor_event_closure {
    /// Called on the threads where it happens, several at a time. It must not wait. Null: nobody is told.
    pub call: Option<unsafe extern "C-unwind" fn(data: *mut c_void, event: *const mcp_event_actor_event)>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

/// Settings of a system. Zero it, then set `size` to `sizeof(mcp_event_actor_system_options)`: fields that a later
/// version adds then keep their defaults.
#[repr(C)]
pub struct mcp_event_actor_system_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// How many workers, each a thread with a dispatcher of its own; 0: one for each processor.
    pub workers: usize,
    /// No workers, but these dispatchers, which you run for as long as there are actors. The first also counts the
    /// time for actors without a parent. Null: workers.
    pub dispatchers: *const *mut mcp_event_dispatcher,
    /// How many dispatchers there are.
    pub dispatcher_count: usize,
    /// For each actor without a parent by itself; by default three restarts within five seconds.
    pub intensity: mcp_event_intensity,
    /// For actors without a parent that have none of their own; by default they do not wait.
    pub backoff: mcp_event_backoff,
    /// Told what happens to actors.
    pub on_event: mcp_event_actor_event_closure,
}

impl mcp_event_actor_system {
    /// # Safety
    /// `system` is null or a living handle.
    pub(crate) unsafe fn get<'a>(
        system: *const mcp_event_actor_system,
    ) -> Result<&'a mcp_event_actor_system> {
        handle::check(system, "the system")?;
        // SAFETY: made by `mcp_event_actor_system_create`.
        Ok(unsafe { &*system })
    }
}

/// # Safety
/// As `mcp_event_actor_system_options` says.
unsafe fn build(options: &mcp_event_actor_system_options) -> Result<System> {
    check_size::<mcp_event_actor_system_options>(options.size, "options")?;
    let mut builder = System::builder();
    if !options.dispatchers.is_null() {
        if options.workers > 0 {
            return Err(Failed::invalid(
                "options say both workers and dispatchers; a system has one or the other",
            ));
        }
        // SAFETY: C's promise: that many.
        let dispatchers =
            unsafe { std::slice::from_raw_parts(options.dispatchers, options.dispatcher_count) };
        let handles = dispatchers.iter().map(|dispatcher| {
            // SAFETY: C's promise: living handles.
            unsafe { mcp_event_dispatcher::handle(*dispatcher) }.cloned()
        });
        builder = builder.on(handles.collect::<Result<Vec<_>>>()?);
    } else if options.dispatcher_count > 0 {
        return Err(Failed::null("options.dispatchers"));
    } else if options.workers > 0 {
        builder = builder.workers(options.workers);
    }
    builder = builder.supervise(supervision(MCP_EVENT_ONE_FOR_ONE, &options.intensity, &options.backoff)?);
    let Some(call) = options.on_event.call else { return Ok(builder.build()?) };
    let pledge = Pledge::new(options.on_event.data, options.on_event.drop);
    let shared = pledge.clone();
    builder = builder.on_event(move |event| {
        let data = shared.data();
        // SAFETY: C's promise for as long as the data is not dropped.
        let outcome = show_event(event, |event| call_code(|| unsafe { call(data, event) }));
        if let Err(failure) = outcome {
            tracing::error!("the event callback of a system: {}", failure.describe());
        }
    });
    builder.build().map_err(|error| {
        pledge.give_back();
        error.into()
    })
}

/// Makes a system, whose workers run; `options` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_system_create(
    options: *const mcp_event_actor_system_options,
    out: *mut *mut mcp_event_actor_system,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: null or valid.
        let system = match unsafe { options.as_ref() } {
            // SAFETY: C's promise.
            Some(options) => unsafe { build(options) }?,
            None => System::builder().build()?,
        };
        let loops = Arc::new(Loops::of(&system));
        let system = Box::into_raw(Box::new(mcp_event_actor_system { system, loops }));
        handle::give(system);
        // SAFETY: checked above.
        unsafe { handle::put(out, system) }
    })
}

/// Stops all actors, the youngest first, each after the messages that are queued for it, and waits for them.
/// `MCP_EVENT_INVALID_STATE` in a callback of a loop, whose thread must not wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_system_stop(
    system: *mut mcp_event_actor_system,
) -> mcp_event_status {
    // SAFETY: C's promise: a living handle.
    guard(|| Ok(unsafe { mcp_event_actor_system::get(system) }?.system.stop()?))
}

/// Begins to stop all actors, the youngest first. No new ones are made from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_system_begin_stop(
    system: *mut mcp_event_actor_system,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        unsafe { mcp_event_actor_system::get(system) }?.system.begin_stop();
        Ok(())
    })
}

/// Waits until all actors have stopped, no longer than `limit_us`; `*out` says whether they have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_system_wait_stopped(
    system: *mut mcp_event_actor_system,
    limit_us: i64,
    out: *mut bool,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        let limit = duration(limit_us, "the limit")?;
        // SAFETY: C's promise: a living handle.
        let stopped = unsafe { mcp_event_actor_system::get(system) }?.system.wait_stopped(limit);
        // SAFETY: checked above.
        unsafe { handle::put(out, stopped) }
    })
}

/// How many dispatchers actors are placed on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_system_workers(
    system: *const mcp_event_actor_system,
    out: *mut usize,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_actor_system::get(system)?.system.workers()) }
    })
}

/// The dispatcher of worker `index`; it stays the system's. `MCP_EVENT_OUT_OF_RANGE` for an index too large.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_system_dispatcher(
    system: *const mcp_event_actor_system,
    index: usize,
    out: *mut *mut mcp_event_dispatcher,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let dispatchers = &unsafe { mcp_event_actor_system::get(system) }?.loops.dispatchers;
        let dispatcher = dispatchers.get(index).copied().ok_or_else(|| {
            let text = format!("there is no worker {index}: the system has {}", dispatchers.len());
            Failed::new(mcp_event_status::MCP_EVENT_OUT_OF_RANGE, text)
        })?;
        // SAFETY: C's promise: null or valid.
        unsafe { handle::put(out, dispatcher) }
    })
}

/// The actor of this name, as a handle of your own. `MCP_EVENT_NOT_FOUND` if there is none;
/// `MCP_EVENT_INVALID_ARGUMENT` if its `message_type` is another one (null is one too).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_system_find(
    system: *const mcp_event_actor_system,
    name: *const c_char,
    message_type: *const c_char,
    out: *mut *mut mcp_event_actor,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let system = unsafe { mcp_event_actor_system::get(system) }?;
        // SAFETY: C's promise.
        let actor = unsafe { system.loops.find(&system.system, name, message_type) }?;
        // SAFETY: checked above.
        unsafe { handle::put(out, actor) }
    })
}

/// All actors at this moment.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_system_tree(
    system: *const mcp_event_actor_system,
    out: *mut *mut mcp_event_actor_tree,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let tree = unsafe { mcp_event_actor_system::get(system) }?.system.tree();
        // SAFETY: checked above.
        unsafe { handle::put(out, mcp_event_actor_tree::give(tree)) }
    })
}

/// Stops all actors and destroys the system. With workers it waits for the actors, unless it is called in a
/// callback; dispatchers of yours must run until the actors have stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_actor_system_destroy(
    system: *mut mcp_event_actor_system,
) -> mcp_event_status {
    guard(|| {
        handle::take(system, "the system")?;
        // SAFETY: made by `mcp_event_actor_system_create`, and destroyed once.
        drop(unsafe { Box::from_raw(system) });
        Ok(())
    })
}
