//! The figures of loops and pools, handed to the recorder of the crate `metrics`.

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use mcp_event::metrics::{Publisher, Registry};
use mcp_event::{Error, Pool};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit, with_local_recorder,
};

/// A recorder that keeps the last value of counters and gauges, and all values of histograms.
#[derive(Clone, Default)]
struct Book {
    values: Arc<Mutex<BTreeMap<String, Vec<f64>>>>,
    descriptions: Arc<Mutex<Vec<String>>>,
}

impl Book {
    fn values(&self, key: &str) -> Vec<f64> {
        self.values.lock().unwrap().get(key).cloned().unwrap_or_default()
    }
}

struct Page {
    key: String,
    book: Book,
}

impl Page {
    fn new(key: &Key, book: &Book) -> Arc<Page> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let key = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::new(Page { key, book: book.clone() })
    }

    fn put(&self, value: f64) {
        self.book.values.lock().unwrap().insert(self.key.clone(), vec![value]);
    }
}

impl CounterFn for Page {
    fn increment(&self, _: u64) {
        panic!("the counters are absolute");
    }

    fn absolute(&self, value: u64) {
        self.put(value as f64);
    }
}

impl GaugeFn for Page {
    fn increment(&self, _: f64) {
        panic!("the gauges are set");
    }

    fn decrement(&self, _: f64) {
        panic!("the gauges are set");
    }

    fn set(&self, value: f64) {
        self.put(value);
    }
}

impl HistogramFn for Page {
    fn record(&self, value: f64) {
        self.book.values.lock().unwrap().entry(self.key.clone()).or_default().push(value);
    }
}

impl Recorder for Book {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.descriptions.lock().unwrap().push(key.as_str().into());
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, _: SharedString) {
        self.descriptions.lock().unwrap().push(key.as_str().into());
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        assert_eq!(unit, Some(Unit::Seconds));
        self.descriptions.lock().unwrap().push(key.as_str().into());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Page::new(key, self))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Page::new(key, self))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Page::new(key, self))
    }
}

#[test]
fn counters_stand_as_they_are_and_histograms_hold_each_value_once() {
    let (dispatcher, clock) = simulated();
    dispatcher.enable_stats();
    let registry = Registry::new();
    registry.add_dispatcher(&dispatcher).unwrap();
    let (book, publisher) = (Book::default(), Publisher::new(&registry));
    let work = |duration: Duration| {
        let clock = clock.clone();
        let timer = dispatcher.create_timer(move || clock.advance(duration));
        timer.enable(Duration::ZERO);
        dispatcher.exit();
        dispatcher.run(mcp_event::RunType::Block).unwrap();
    };
    with_local_recorder(&book, || {
        work(MS * 100);
        publisher.publish();
        work(MS * 100);
        work(MS * 200);
        publisher.publish();
        publisher.publish();
    });
    assert_eq!(book.values("mcp_event_loop_timers_fired_total{dispatcher=test}"), [3.0]);
    assert_eq!(book.values("mcp_event_loop_queue_depth{dispatcher=test}"), [0.0]);
    let durations = book.values("mcp_event_loop_duration_seconds{dispatcher=test}");
    assert_eq!(durations.len(), 3);
    for (recorded, exact) in durations.iter().zip([0.1, 0.1, 0.2]) {
        assert!(*recorded <= exact && *recorded > exact * 0.98, "{recorded} is not {exact}");
    }
}

#[test]
fn everything_that_is_published_is_described_once() {
    let pool = Pool::new(1).unwrap();
    pool.worker(0).unwrap().dispatcher().enable_stats();
    let registry = Registry::new();
    registry.add_pool("io", &pool).unwrap();
    let (book, publisher) = (Book::default(), Publisher::new(&registry));
    with_local_recorder(&book, || {
        publisher.publish();
        publisher.publish();
    });
    let mut described = book.descriptions.lock().unwrap().clone();
    described.sort();
    let count = described.len();
    described.dedup();
    assert_eq!(described.len(), count);
    for key in book.values.lock().unwrap().keys() {
        let name = key.split('{').next().unwrap();
        assert!(described.iter().any(|described| described == name), "{name} is not described");
    }
    assert_eq!(book.values("mcp_event_pool_workers{pool=io}"), [1.0]);
    assert_eq!(book.values("mcp_event_loop_iterations_total{pool=io,dispatcher=worker_0}"), [0.0]);
    assert_eq!(book.values("mcp_event_pool_iterations_total{pool=io}"), [0.0]);
}

#[test]
fn a_publication_goes_by_the_clock_until_it_is_dropped() {
    let (dispatcher, clock) = simulated();
    let registry = Registry::new();
    registry.add_dispatcher(&dispatcher).unwrap();
    let key = "mcp_event_loop_timers_fired_total{dispatcher=test}";
    let publication = Publisher::new(&registry).publish_every(&dispatcher, MS * 10).unwrap();
    let after = |duration: Duration| {
        let book = Book::default();
        clock.advance(duration);
        with_local_recorder(&book, || pump(&dispatcher));
        book.values(key)
    };
    assert_eq!(after(MS * 9), [0.0; 0]);
    assert_eq!(after(MS), [1.0]);
    assert_eq!(after(MS * 10), [2.0]);
    drop(publication);
    assert_eq!(after(MS * 100), [0.0; 0]);
}

#[test]
fn an_interval_of_zero_is_refused() {
    let dispatcher = dispatcher();
    let publication = Publisher::new(&Registry::new()).publish_every(&dispatcher, Duration::ZERO);
    assert!(matches!(publication, Err(Error::InvalidArgument(text)) if text.contains("zero")));
}

/// A recorder that publishes while it is published to.
struct Nested(Arc<Publisher>);

impl Recorder for Nested {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.0.publish();
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.0.publish();
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn a_recorder_that_publishes_in_turn_does_not_hang() {
    let registry = Registry::new();
    registry.add_dispatcher(&dispatcher()).unwrap();
    let publisher = Arc::new(Publisher::new(&registry));
    with_local_recorder(&Nested(publisher.clone()), || publisher.publish());
}
