//! Callbacks that take longer than a threshold are counted, and told to the log.

mod common;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::*;
use mcp_event::{Dispatcher, FileReady, Label, SimulatedClock, Trigger};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// A span, or an event and whether it is inside one.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Span(&'static str, Fields),
    Event(String, bool),
}

type Fields = BTreeMap<&'static str, String>;

/// Logs what is traced on the thread that it is the default of.
#[derive(Default)]
struct Listener {
    log: Log<Told>,
    entered: AtomicU64,
}

struct Reader(Fields);

impl Visit for Reader {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.into());
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut reader = Reader(Fields::new());
        span.record(&mut reader);
        assert_eq!(*span.metadata().level(), Level::WARN);
        self.log.add(Told::Span(span.metadata().name(), reader.0));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut reader = Reader(Fields::new());
        event.record(&mut reader);
        let is_inside = self.entered.load(Ordering::Relaxed) != 0;
        self.log.add(Told::Event(reader.0.remove("message").unwrap_or_default(), is_inside));
    }

    fn enter(&self, _: &Id) {
        self.entered.fetch_add(1, Ordering::Relaxed);
    }

    fn exit(&self, _: &Id) {
        self.entered.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is told while `work` runs.
fn told(work: impl FnOnce()) -> Vec<Told> {
    let listener = Listener::default();
    let log = listener.log.clone();
    tracing::subscriber::with_default(listener, work);
    log.take()
}

/// The fields of the spans among it.
fn spans(told: Vec<Told>) -> Vec<Fields> {
    let span = |told| match told {
        Told::Span(name, fields) => {
            assert_eq!(name, "slow_callback");
            Some(fields)
        }
        Told::Event(..) => None,
    };
    told.into_iter().filter_map(span).collect()
}

fn kinds(told: Vec<Told>) -> Vec<String> {
    spans(told).into_iter().map(|fields| fields["kind"].clone()).collect()
}

/// A dispatcher that tells of callbacks of more than ten milliseconds, and its clock.
fn strict() -> (Dispatcher, SimulatedClock) {
    let (dispatcher, clock) = simulated();
    dispatcher.set_slow_callback_threshold(Some(10 * MS));
    (dispatcher, clock)
}

/// A callback that takes this long.
fn lasting(clock: &SimulatedClock, duration: Duration) -> impl FnMut() + Clone + Send + use<> {
    let clock = clock.clone();
    move || clock.advance(duration)
}

#[test]
fn a_slow_callback_is_told_with_all_that_is_known_about_it() {
    let (dispatcher, clock) = strict();
    let (reader, _writer) = pipe_with(b"x");
    let mut slow = lasting(&clock, 12 * MS);
    let fd = reader.os_fd();
    let event = dispatcher.create_file_event(fd, Trigger::Edge, FileReady::READ, move |_| slow()).unwrap();
    event.set_label(Label::new("read requests").unwrap());
    let told = told(|| pump(&dispatcher));
    let fields = [
        ("dispatcher", "test"),
        ("kind", "file_event"),
        ("label", "read requests"),
        ("fd", &fd.to_string()),
        ("elapsed", "12ms"),
    ];
    let fields = fields.map(|(name, value)| (name, value.to_owned())).into();
    let words = format!("test: file event on fd {fd} (read requests) took 12ms");
    assert_eq!(told, [Told::Span("slow_callback", fields), Told::Event(words, true)]);
    assert_eq!(dispatcher.stats().slow_callbacks, 1);
}

#[test]
fn without_a_label_or_an_fd_there_is_no_such_field() {
    let (dispatcher, clock) = strict();
    dispatcher.post(lasting(&clock, 11 * MS)).unwrap();
    let fields = spans(told(|| pump(&dispatcher))).remove(0);
    let names: Vec<_> = fields.keys().copied().collect();
    assert_eq!(names, ["dispatcher", "elapsed", "kind"]);
}

#[test]
fn every_kind_of_callback_is_timed() {
    let (dispatcher, clock) = strict();
    let slow = lasting(&clock, 11 * MS);
    let timer = dispatcher.create_timer(slow.clone());
    timer.enable(Duration::ZERO);
    let next = dispatcher.create_schedulable_callback(slow.clone());
    next.schedule_next_iteration();
    let _signal = dispatcher.listen_for_signal(SIGNAL, slow.clone()).unwrap();
    raise(SIGNAL);
    dispatcher.post(slow.clone()).unwrap();
    dispatcher.deferred_delete(OnDrop::boxed(slow.clone()));
    let mut polled = slow;
    let task = dispatcher.spawn(async move { polled() }).unwrap();
    task.set_label(Label::new("a slow poll").unwrap());
    let told = kinds(told(|| pump(&dispatcher)));
    assert_eq!(told, ["deferred_delete", "post", "task", "signal", "timer", "scheduled"]);
    assert_eq!(dispatcher.stats().slow_callbacks, 6);
}

#[test]
fn only_what_takes_longer_than_the_threshold_is_told() {
    let (dispatcher, clock) = strict();
    for millis in [9, 10, 11] {
        dispatcher.post(lasting(&clock, millis * MS)).unwrap();
    }
    let elapsed: Vec<_> =
        spans(told(|| pump(&dispatcher))).into_iter().map(|fields| fields["elapsed"].clone()).collect();
    assert_eq!(elapsed, ["11ms"]);
}

#[test]
fn callbacks_in_a_row_are_timed_one_by_one() {
    let (dispatcher, clock) = strict();
    for _ in 0..10 {
        dispatcher.post(lasting(&clock, 9 * MS)).unwrap();
    }
    assert_eq!(kinds(told(|| pump(&dispatcher))), Vec::<String>::new());
}

#[test]
fn time_that_passes_between_iterations_is_no_callbacks() {
    let (dispatcher, clock) = strict();
    for _ in 0..3 {
        dispatcher.post(|| ()).unwrap();
        pump(&dispatcher);
        clock.advance(100 * MS);
    }
    assert_eq!(dispatcher.stats().slow_callbacks, 0);
}

#[test]
fn a_flush_inside_a_callback_counts_for_itself_and_for_the_callback() {
    let (dispatcher, clock) = strict();
    let handle = dispatcher.handle();
    let slow = lasting(&clock, 11 * MS);
    let work = move || {
        handle.deferred_delete(OnDrop::boxed(slow));
        handle.clear_deferred_delete_list();
    };
    dispatcher.post(work).unwrap();
    assert_eq!(kinds(told(|| pump(&dispatcher))), ["deferred_delete", "post"]);
}

#[test]
fn no_threshold_means_silence() {
    let (dispatcher, clock) = strict();
    let run = |expected: u64| {
        dispatcher.post(lasting(&clock, 100 * MS)).unwrap();
        pump(&dispatcher);
        assert_eq!(dispatcher.stats().slow_callbacks, expected);
    };
    run(1);
    dispatcher.set_slow_callback_threshold(None);
    run(1);
    dispatcher.set_slow_callback_threshold(Some(Duration::MAX));
    run(1);
    dispatcher.set_slow_callback_threshold(Some(Duration::ZERO));
    run(2);
}

#[test]
fn a_callback_that_panics_is_timed_too() {
    let (dispatcher, clock) = strict();
    let mut slow = lasting(&clock, 11 * MS);
    let work = move || {
        slow();
        panic!("too late");
    };
    dispatcher.post(work).unwrap();
    assert_panics_with("too late", || pump(&dispatcher));
    assert_eq!(dispatcher.stats().slow_callbacks, 1);
}

#[test]
fn the_threshold_may_be_set_from_any_thread_while_the_loop_runs() {
    let (dispatcher, clock) = simulated();
    let background = Background::start(dispatcher);
    background.dispatcher.set_slow_callback_threshold(Some(MS));
    background.on_loop(lasting(&clock, 2 * MS));
    // The post that asks comes after the one that was slow.
    background.on_loop(|| ());
    assert_eq!(background.dispatcher.stats().slow_callbacks, 1);
}

#[test]
fn time_between_two_runs_is_no_callbacks() {
    let (dispatcher, clock) = strict();
    // After the last poll of the run.
    let poster = dispatcher.handle();
    let later = dispatcher.create_schedulable_callback(move || poster.post(|| ()).unwrap());
    later.schedule_next_iteration();
    pump(&dispatcher);
    clock.advance(20 * MS);
    dispatcher.post(|| ()).unwrap();
    pump(&dispatcher);
    assert_eq!((dispatcher.stats().posts_run, dispatcher.stats().slow_callbacks), (2, 0));
}
