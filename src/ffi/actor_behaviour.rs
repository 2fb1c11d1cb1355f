//! What actors of C do: callbacks, and the data that they work on.

use std::ffi::c_void;
use std::sync::Arc;

use super::actor_context::{Visit, mcp_event_actor_context};
use super::actor_message::{Mail, Message, mcp_event_message};
use super::actor_reason::{mcp_event_actor_reason, mcp_event_actor_signal, show_reason, show_signal};
use super::actor_system::Loops;
use super::closure::{Data, Pledge, call_code};
use super::status::{Failed, Result, check_size, failure_count, failure_text, mcp_event_status};
use crate::actor::{Actor, ActorResult, BoxError, Context, Reason, Signal, Spec, Stopping};

type Create = unsafe extern "C-unwind" fn(*mut c_void, *mut *mut c_void) -> mcp_event_status;
type Handle = unsafe extern "C-unwind" fn(
    *mut c_void,
    *mut mcp_event_message,
    *mut mcp_event_actor_context,
) -> mcp_event_status;
type Hook = unsafe extern "C-unwind" fn(*mut c_void, *mut mcp_event_actor_context) -> mcp_event_status;
type Stopped = unsafe extern "C-unwind" fn(*mut c_void, *const mcp_event_actor_reason);
type OnSignal = unsafe extern "C-unwind" fn(
    *mut c_void,
    *const mcp_event_actor_signal,
    *mut mcp_event_actor_context,
) -> mcp_event_status;
type Free = unsafe extern "C-unwind" fn(*mut c_void);

/// What an actor does. Zero it, then set `size` to `sizeof(mcp_event_actor_behaviour)`.
///
/// All callbacks run on the thread of the actor's dispatcher, one at a time. One that returns another status than
/// `MCP_EVENT_OK`, or throws, is the failure of this actor alone: its data is dropped, its children are stopped,
/// and its parent decides what comes next. The reason's text is that of `mcp_event_actor_context_fail()`, else
/// that of the last call of ours that failed in the callback, else the status in words.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_actor_behaviour {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// The actor's data, passed to its callbacks: for an actor that has one life, without `create`.
    pub data: *mut c_void,
    /// Makes the data of each life, on the actor's thread. Null: it has one life, on `data`.
    pub create:
        Option<unsafe extern "C-unwind" fn(factory: *mut c_void, data: *mut *mut c_void) -> mcp_event_status>,
    /// Passed to `create`.
    pub factory: *mut c_void,
    /// Frees `factory` once the actor has ended and its last handle is destroyed; null if there is nothing to
    /// free. On any thread.
    pub drop_factory: Option<unsafe extern "C-unwind" fn(factory: *mut c_void)>,
    /// Frees the data when a life ends; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
    /// Called for each message. The message is dropped when it returns, unless it sets `message->drop` to null.
    /// Not null.
    pub handle: Option<
        unsafe extern "C-unwind" fn(
            data: *mut c_void,
            message: *mut mcp_event_message,
            context: *mut mcp_event_actor_context,
        ) -> mcp_event_status,
    >,
    /// Called before the first message of each life; may be null.
    pub started: Option<
        unsafe extern "C-unwind" fn(
            data: *mut c_void,
            context: *mut mcp_event_actor_context,
        ) -> mcp_event_status,
    >,
    /// Called when it is to stop, while its children still live; may be null. Not called after a failure.
    pub stopping: Option<
        unsafe extern "C-unwind" fn(
            data: *mut c_void,
            context: *mut mcp_event_actor_context,
        ) -> mcp_event_status,
    >,
    /// The last call, after its children have ended; may be null. Not called after a failure.
    pub stopped:
        Option<unsafe extern "C-unwind" fn(data: *mut c_void, reason: *const mcp_event_actor_reason)>,
    /// Called with news of an actor that it monitors or is linked to. Null: it fails with those it is linked to.
    pub signal: Option<
        unsafe extern "C-unwind" fn(
            data: *mut c_void,
            signal: *const mcp_event_actor_signal,
            context: *mut mcp_event_actor_context,
        ) -> mcp_event_status,
    >,
}

/// The callbacks, checked.
struct Callbacks {
    handle: Handle,
    started: Option<Hook>,
    stopping: Option<Hook>,
    stopped: Option<Stopped>,
    signal: Option<OnSignal>,
    loops: Arc<Loops>,
}

/// Makes the data of lives.
struct Factory {
    create: Create,
    factory: Pledge,
    drop: Option<Free>,
}

impl Factory {
    fn create(&self) -> std::result::Result<LifeData, String> {
        let mut data = std::ptr::null_mut();
        let (create, factory, out) = (self.create, self.factory.data(), &raw mut data);
        // SAFETY: C's promise for as long as the factory is not dropped.
        call_callback(|| unsafe { create(factory, out) }).map_err(|error| error.to_string())?;
        Ok(LifeData::Made(Data::new(data, self.drop)))
    }
}

enum LifeData {
    Given(Pledge),
    Made(Data),
}

/// One life of an actor of C's.
pub(crate) struct ForeignActor {
    callbacks: Arc<Callbacks>,
    /// What went wrong if it could not be made; it fails with that when it is started.
    data: std::result::Result<LifeData, String>,
}

/// What C gave for an actor, to be given back if the actor cannot be made.
pub(crate) struct Pledges {
    data: Option<Pledge>,
    factory: Option<Pledge>,
}

impl Pledges {
    pub(crate) fn give_back(self) {
        self.data.into_iter().chain(self.factory).for_each(|pledge| pledge.give_back());
    }
}

impl mcp_event_actor_behaviour {
    /// # Safety
    /// `behaviour` is null or valid.
    pub(crate) unsafe fn spec(
        behaviour: *const mcp_event_actor_behaviour,
        loops: &Arc<Loops>,
    ) -> Result<(Spec<ForeignActor>, Pledges)> {
        // SAFETY: the caller's promise.
        let behaviour = unsafe { behaviour.as_ref() }.ok_or_else(|| Failed::null("the behaviour"))?;
        check_size::<mcp_event_actor_behaviour>(behaviour.size, "behaviour")?;
        let callbacks = Arc::new(Callbacks {
            handle: behaviour.handle.ok_or_else(|| Failed::null("the behaviour's handle function"))?,
            started: behaviour.started,
            stopping: behaviour.stopping,
            stopped: behaviour.stopped,
            signal: behaviour.signal,
            loops: loops.clone(),
        });
        let Some(create) = behaviour.create else {
            let data = Pledge::new(behaviour.data, behaviour.drop);
            let actor = ForeignActor { callbacks, data: Ok(LifeData::Given(data.clone())) };
            return Ok((Spec::once(actor), Pledges { data: Some(data), factory: None }));
        };
        let pledge = Pledge::new(behaviour.factory, behaviour.drop_factory);
        let factory = Factory { create, factory: pledge.clone(), drop: behaviour.drop };
        let make = move || ForeignActor { callbacks: callbacks.clone(), data: factory.create() };
        Ok((Spec::new(make), Pledges { data: None, factory: Some(pledge) }))
    }
}

/// Calls a callback that returns a status; what it throws, and any other status than OK, is an error.
fn call_callback(callback: impl FnOnce() -> mcp_event_status) -> ActorResult {
    let mut status = mcp_event_status::MCP_EVENT_OK;
    let returned = &raw mut status;
    let failures = failure_count();
    // SAFETY: `status` outlives the call.
    call_code(|| unsafe { returned.write(callback()) }).map_err(|failure| failure.describe())?;
    if status == mcp_event_status::MCP_EVENT_OK {
        return Ok(());
    }
    let text = if failure_count() != failures { failure_text() } else { None };
    Err(text.unwrap_or_else(|| format!("a callback returned: {}", status.name())).into())
}

impl ForeignActor {
    fn data(&self) -> std::result::Result<*mut c_void, BoxError> {
        match &self.data {
            Ok(LifeData::Given(pledge)) => Ok(pledge.data()),
            Ok(LifeData::Made(data)) => Ok(data.data),
            Err(text) => Err(text.clone().into()),
        }
    }

    /// Calls a callback that may use the actor's context, which `visit` stands for.
    fn call(
        &self,
        visit: &Visit<'_, '_>,
        callback: impl FnOnce(*mut c_void, *mut mcp_event_actor_context) -> mcp_event_status,
    ) -> ActorResult {
        let data = self.data()?;
        let outcome = visit.enter(|context| call_callback(|| callback(data, context)));
        visit.failure().map_or(outcome, Err)
    }
}

impl Actor for ForeignActor {
    type Message = Mail;

    fn started(&mut self, context: &mut Context<'_, Self>) -> ActorResult {
        self.data()?;
        let Some(started) = self.callbacks.started else { return Ok(()) };
        let visit = Visit::new(context, &self.callbacks.loops);
        // SAFETY: C's promise for as long as the data is not dropped.
        self.call(&visit, |data, context| unsafe { started(data, context) })
    }

    fn handle(&mut self, mail: Mail, context: &mut Context<'_, Self>) -> ActorResult {
        let (message, reply) = match mail {
            Mail::Message { message, reply } => (message, reply),
            Mail::Failure(text) => return Err(text.into()),
        };
        let handle = self.callbacks.handle;
        let mut raw = message.into_raw();
        let message = &raw mut raw;
        let visit = Visit::new(context, &self.callbacks.loops).with_reply(reply);
        // SAFETY: C's promise for as long as the data is not dropped; the message outlives the call.
        let outcome = self.call(&visit, |data, context| unsafe { handle(data, message, context) });
        drop(Message::from_raw(raw));
        outcome
    }

    fn signal(&mut self, signal: Signal, context: &mut Context<'_, Self>) -> ActorResult {
        let Some(callback) = self.callbacks.signal else { return signal.into_result() };
        let visit = Visit::new(context, &self.callbacks.loops);
        show_signal(&signal, |shown| {
            // SAFETY: C's promise for as long as the data is not dropped.
            self.call(&visit, |data, context| unsafe { callback(data, shown, context) })
        })?;
        if visit.passes_on() { signal.into_result() } else { Ok(()) }
    }

    fn stopping(&mut self, context: &mut Context<'_, Self>) -> std::result::Result<Stopping, BoxError> {
        let Some(stopping) = self.callbacks.stopping else { return Ok(Stopping::Now) };
        let visit = Visit::new(context, &self.callbacks.loops);
        // SAFETY: C's promise for as long as the data is not dropped.
        self.call(&visit, |data, context| unsafe { stopping(data, context) })?;
        Ok(if visit.finishes_later() { Stopping::Later } else { Stopping::Now })
    }

    fn stopped(&mut self, reason: &Reason) {
        let (Some(stopped), Ok(data)) = (self.callbacks.stopped, self.data()) else { return };
        show_reason(reason, |reason| {
            // SAFETY: C's promise for as long as the data is not dropped.
            if let Err(failure) = call_code(|| unsafe { stopped(data, reason) }) {
                tracing::error!("an actor's stopped callback: {}", failure.describe());
            }
        });
    }
}
