//! What the tests share.

#![allow(dead_code, reason = "each test file uses its own part of it")]

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(windows, path = "windows.rs")]
mod system;

use std::any::type_name;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::process::{Command, Output};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{env, mem, thread};

pub use system::*;

use mcp_event::{
    AsOsFd, Dispatcher, FileEvent, FileReady, Handle, RunType, SimulatedClock, Trigger, Watchdog,
};
use proptest::prelude::ProptestConfig;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

pub const MS: Duration = Duration::from_millis(1);

/// A dispatcher in simulated time, and its clock.
pub fn simulated() -> (Dispatcher, SimulatedClock) {
    let clock = SimulatedClock::new();
    (Dispatcher::builder("test").clock(&clock).build().unwrap(), clock)
}

/// A dispatcher on which time stands still.
pub fn dispatcher() -> Dispatcher {
    simulated().0
}

/// So many random scripts for a property, unless `PROPTEST_CASES` says more or less.
pub fn cases(usual: u32) -> ProptestConfig {
    let cases = env::var("PROPTEST_CASES").map_or(usual, |cases| cases.parse().unwrap());
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs what is due, without waiting.
pub fn pump(dispatcher: &Dispatcher) {
    dispatcher.run(RunType::NonBlock).unwrap();
}

/// Runs `work` in one iteration, before its posts.
pub fn in_one_iteration(dispatcher: &Dispatcher, work: impl FnOnce() + Send + 'static) {
    dispatcher.post(work).unwrap();
    pump(dispatcher);
}

/// What happened, in order.
pub struct Log<T = &'static str>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Log<T> {
        Log(self.0.clone())
    }
}

impl<T> Default for Log<T> {
    fn default() -> Log<T> {
        Log(Arc::default())
    }
}

impl<T: Clone + Send + 'static> Log<T> {
    pub fn new() -> Log<T> {
        Log::default()
    }

    pub fn add(&self, item: T) {
        self.0.lock().unwrap().push(item);
    }

    /// All since the last call.
    pub fn take(&self) -> Vec<T> {
        mem::take(&mut self.0.lock().unwrap())
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// A callback that logs `item`.
    pub fn note(&self, item: T) -> impl FnMut() + Clone + Send + use<T> {
        let log = self.clone();
        move || log.add(item.clone())
    }

    /// An object that logs `item` when it is destroyed.
    pub fn on_drop(&self, item: T) -> OnDrop {
        OnDrop::new(self.note(item))
    }
}

/// Runs a closure when it is destroyed.
pub struct OnDrop(Box<dyn FnMut() + Send>);

impl OnDrop {
    pub fn new(action: impl FnMut() + Send + 'static) -> OnDrop {
        OnDrop(Box::new(action))
    }

    pub fn boxed(action: impl FnMut() + Send + 'static) -> Box<OnDrop> {
        Box::new(OnDrop::new(action))
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Holds a handle that its own or another's callback uses or destroys.
pub struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Slot<T> {
        Slot(self.0.clone())
    }
}

impl<T> Slot<T> {
    pub fn new() -> Slot<T> {
        Slot(Arc::new(Mutex::new(None)))
    }

    pub fn put(&self, value: T) {
        *self.0.lock().unwrap() = Some(value);
    }

    pub fn with<R>(&self, work: impl FnOnce(&T) -> R) -> R {
        work(self.0.lock().unwrap().as_ref().expect("the slot is empty"))
    }

    pub fn take(&self) -> T {
        self.0.lock().unwrap().take().expect("the slot is empty")
    }

    /// Destroys what it holds, outside the lock.
    pub fn destroy(&self) {
        let value = self.0.lock().unwrap().take();
        drop(value);
    }
}

/// A loop on a thread of its own, until this is dropped.
pub struct Background {
    pub dispatcher: Arc<Dispatcher>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub fn start(dispatcher: Dispatcher) -> Background {
        let dispatcher = Arc::new(dispatcher);
        let runner = dispatcher.clone();
        let thread = thread::spawn(move || runner.run(RunType::Block).unwrap());
        let background = Background { dispatcher, thread: Some(thread) };
        background.on_loop(|| ());
        background
    }

    /// Waits until the loop is left, after an `exit()`.
    pub fn join(mut self) {
        self.wait();
    }

    fn wait(&mut self) {
        let result = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            result.unwrap().unwrap();
        }
    }

    /// Runs `work` on the loop and waits for it.
    pub fn on_loop<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> R {
        let (done, result) = mpsc::channel();
        self.dispatcher.post(move || drop(done.send(work()))).unwrap();
        soon(&result)
    }

    /// Keeps the loop inside one callback until the guard is dropped.
    pub fn keep_busy(&self) -> OnDrop {
        let (busy, is_busy) = mpsc::channel();
        let (go, may_go) = mpsc::channel();
        let work = move || {
            busy.send(()).unwrap();
            soon(&may_go);
        };
        self.dispatcher.post(work).unwrap();
        soon(&is_busy);
        OnDrop::new(move || go.send(()).unwrap())
    }

    /// Waits until callbacks that were running have returned, and a whole iteration was made since.
    pub fn settle(&self) {
        let iterations = || self.dispatcher.stats().iterations;
        let before = iterations();
        while iterations() < before + 2 {
            self.on_loop(|| ());
        }
        self.on_loop(|| ());
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.dispatcher.exit();
            self.wait();
        }
    }
}

/// The next message. The limit is there only so that a lost wake-up fails a test instead of hanging it.
#[track_caller]
pub fn soon<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(Duration::from_secs(30)).expect("nothing came")
}

/// A watchdog that logs its touches.
pub struct Dog(pub Log);

impl Watchdog for Dog {
    fn touch(&self) {
        self.0.add("touch");
    }
}

/// Takes the log: calls a closure with the target of each event.
pub struct OnLog<F>(pub F);

impl<F: Fn(&str) + 'static> Subscriber for OnLog<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        (self.0)(event.metadata().target());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Calls all that can be called on a dispatcher from anywhere, but what would end its run.
pub fn use_everything(handle: &Handle) {
    let _ = handle.post(|| ());
    handle.deferred_delete(Box::new(0));
    handle.create_timer(|| ()).enable(Duration::ZERO);
    handle.create_periodic_timer(|| ()).enable(MS);
    let scheduled = handle.create_schedulable_callback(|| ());
    scheduled.schedule_current_iteration();
    scheduled.cancel();
    scheduled.schedule_next_iteration();
    let (reader, _writer) = pipe();
    let event = handle.create_file_event(reader.os_fd(), Trigger::Level, FileReady::READ, |_| ()).unwrap();
    event.activate(FileReady::READ).unwrap();
    event.set_enabled(FileReady::WRITE).unwrap();
    drop(event);
    drop(handle.listen_for_signal(SIGNAL, || ()).unwrap());
    handle.register_watchdog(Arc::new(Dog(Log::new())), MS);
    handle.unregister_watchdog();
    handle.update_approximate_monotonic_time();
    handle.clear_deferred_delete_list();
    let _ =
        (handle.stats(), handle.queue_depth(), handle.next_timeout(), handle.approximate_monotonic_time());
    let _ = (handle.is_running(), handle.is_thread_safe(), handle.name(), handle.poll_fd());
}

/// A pipe with `bytes` in it.
pub fn pipe_with(bytes: &[u8]) -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe();
    writer.write_all(bytes).unwrap();
    (reader, writer)
}

/// Reads one byte.
pub fn read_byte(mut from: impl Read) -> u8 {
    let mut byte = [0];
    from.read_exact(&mut byte).unwrap();
    byte[0]
}

/// Watches `fd` and logs what is delivered.
pub fn watch(
    handle: &Handle,
    fd: &impl AsOsFd,
    trigger: Trigger,
    events: FileReady,
    log: &Log<FileReady>,
) -> FileEvent {
    let log = log.clone();
    handle.create_file_event(fd.os_fd(), trigger, events, move |ready| log.add(ready)).unwrap()
}

/// Sends `signal` to this thread.
pub fn raise(signal: i32) {
    // SAFETY: plain system call.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

/// The system's answer to a failed call.
#[track_caller]
pub fn os_code<T>(result: Result<T, mcp_event::Error>) -> i32 {
    match result.map(|_| ()) {
        Err(mcp_event::Error::Os { source, .. }) => source.raw_os_error().unwrap(),
        other => panic!("expected an error of the system, got {other:?}"),
    }
}

const ALONE: &str = "MCP_EVENT_TEST_ALONE";

/// Runs the body of the calling test in a process of its own, for what is process-wide: descriptor limits and
/// numbers, signal dispositions, the environment, aborts. `None` in that process; its output in the test's.
pub fn in_own_process<F: FnOnce()>(prepare: impl FnOnce(&mut Command), body: F) -> Option<Output> {
    // "file::test::{{closure}}"
    let name = type_name::<F>().trim_end_matches("::{{closure}}").split_once("::").unwrap().1;
    if env::var_os(ALONE).is_some_and(|alone| alone == name) {
        body();
        return None;
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(ALONE, name);
    prepare(&mut command);
    Some(command.output().unwrap())
}

/// As [`in_own_process`], for a body that must succeed.
#[track_caller]
pub fn alone(body: impl FnOnce()) {
    if let Some(output) = in_own_process(|_| (), body) {
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("1 passed"), "{}\n{text}\n{errors}", output.status);
    }
}

/// Asserts on a panic's message.
#[track_caller]
pub fn assert_panics_with<R: Debug>(message: &str, work: impl FnOnce() -> R) {
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).expect_err("no panic came");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&message));
}
