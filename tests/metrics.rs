//! Figures of dispatchers, pools and the program in Prometheus' text format.

mod common;

#[path = "common/exposition.rs"]
mod exposition;

use std::sync::Mutex;
use std::time::Duration;

use common::*;
use exposition::Parsed;
use mcp_event::metrics::Registry;
use mcp_event::{Dispatcher, Error, Pool, RunType};

#[test]
fn q3_all_figures_of_a_loop_are_shown_under_its_name() {
    let (dispatcher, clock) = simulated();
    dispatcher.enable_stats();
    dispatcher.set_slow_callback_threshold(Some(MS));
    let timer = dispatcher.create_timer(move || clock.advance(20 * MS));
    timer.enable(Duration::ZERO);
    (0..2).for_each(|_| dispatcher.post(|| ()).unwrap());
    pump(&dispatcher);
    dispatcher.post(|| ()).unwrap();

    let registry = Registry::new();
    registry.add_dispatcher(&dispatcher).unwrap();
    let page = Parsed::new(&registry.prometheus());
    assert_eq!(page.kinds.len(), 18);
    let value = |name: &str| page.value(&format!("mcp_event_loop_{name}"), &[("dispatcher", "test")]);
    let stats = dispatcher.stats();
    for (name, expected) in [
        ("iterations_total", stats.iterations),
        ("timers_fired_total", 1),
        ("posts_run_total", 2),
        ("slow_callbacks_total", 1),
        ("queue_depth", 1),
        ("duration_seconds_count", stats.loop_duration.count),
        ("poll_delay_seconds_count", stats.poll_delay.count),
    ] {
        assert_eq!(value(name), expected as f64, "{name}");
    }
    assert_eq!(value("duration_seconds_sum"), 0.02);
}

#[test]
fn q1_the_buckets_are_cumulative_and_end_with_the_count() {
    let (dispatcher, clock) = simulated();
    dispatcher.enable_stats();
    for micros in [0, 1, 10, 90, 3_000, 40_000, 20_000_000] {
        let clock = clock.clone();
        let timer = dispatcher.create_timer(move || clock.advance(Duration::from_micros(micros)));
        timer.enable(Duration::ZERO);
        dispatcher.exit();
        dispatcher.run(RunType::Block).unwrap();
    }
    let histogram = dispatcher.stats().loop_duration_histogram();
    assert_eq!(histogram.summary, dispatcher.stats().loop_duration);
    let at_most = |micros| {
        let bound = Duration::from_micros(micros);
        histogram.buckets.iter().find(|bucket| bucket.0 == bound).unwrap().1
    };
    assert_eq!([10, 50, 100, 2_500, 5_000, 50_000, 10_000_000].map(at_most), [3, 3, 4, 4, 5, 6, 6]);
    assert_eq!(histogram.summary.count, 7);
    assert!(histogram.buckets.is_sorted());
}

#[test]
fn q3_the_figures_of_a_pool_are_shown_by_worker_and_summed() {
    let pool = Pool::new(3).unwrap();
    for (index, posts) in [1, 2, 4].into_iter().enumerate() {
        let worker = pool.worker(index).unwrap();
        let worker = worker.dispatcher();
        (0..posts).for_each(|_| worker.post(|| ()).unwrap());
        worker.run(RunType::NonBlock).unwrap();
    }
    let stats = pool.stats();
    assert_eq!((stats.total.posts_run, stats.retired.posts_run), (7, 0));
    let workers: Vec<_> =
        stats.workers.iter().map(|worker| (worker.name.as_str(), worker.stats.posts_run)).collect();
    assert_eq!(workers, [("worker_0", 1), ("worker_1", 2), ("worker_2", 4)]);

    let registry = Registry::new();
    registry.add_pool("one", &pool).unwrap();
    // Its workers have the same names.
    registry.add_pool("other", &Pool::new(3).unwrap()).unwrap();
    let page = Parsed::new(&registry.prometheus());
    let labels = [("pool", "one"), ("dispatcher", "worker_2")];
    assert_eq!(page.value("mcp_event_loop_posts_run_total", &labels), 4.0);
    assert_eq!(page.value("mcp_event_pool_posts_run_total", &[("pool", "one")]), 7.0);
    assert_eq!(page.value("mcp_event_pool_posts_run_total", &[("pool", "other")]), 0.0);
}

#[test]
fn each_has_a_name_of_its_own() {
    let (registry, dispatcher, pool) = (Registry::new(), dispatcher(), Pool::new(1).unwrap());
    registry.add_dispatcher(&dispatcher).unwrap();
    for second in [
        registry.add_dispatcher(&dispatcher),
        registry.add_pool("test", &pool),
        registry.add_source("test", |_| ()),
    ] {
        assert!(matches!(second, Err(Error::InvalidArgument(text)) if text.contains("\"test\" already")));
    }
    assert!(registry.remove("test"));
    assert!(!registry.remove("test"));
    registry.add_pool("test", &pool).unwrap();
}

#[test]
fn the_last_figures_of_what_is_gone_stay() {
    let registry = Registry::new();
    let dispatcher = Dispatcher::new("gone").unwrap();
    dispatcher.post(|| ()).unwrap();
    pump(&dispatcher);
    registry.add_dispatcher(&dispatcher).unwrap();
    drop(dispatcher);
    let page = Parsed::new(&registry.prometheus());
    assert_eq!(page.value("mcp_event_loop_posts_run_total", &[("dispatcher", "gone")]), 1.0);
}

#[test]
fn sources_may_use_the_registry_and_are_dropped_when_removed() {
    let (registry, log) = (Registry::new(), Log::new());
    let (own, dropped) = (registry.clone(), Mutex::new(log.on_drop("dropped")));
    let source = move |page: &mut mcp_event::metrics::Exposition| {
        let _keeps = &dropped;
        own.add_source("another", |page| page.append("another 1")).unwrap();
        own.remove("suicidal");
        page.append("suicidal 1");
    };
    registry.add_source("suicidal", source).unwrap();
    assert_eq!(registry.prometheus(), "suicidal 1\n");
    assert_eq!(log.take(), ["dropped"]);
    assert_eq!(registry.prometheus(), "another 1\n");
}

#[test]
fn the_figures_of_servers_may_be_a_source() {
    let snapshot = mcp_event::server::MetricsSnapshot::default();
    let registry = Registry::new();
    registry.add_source("servers", move |page| snapshot.write_to(page)).unwrap();
    assert_eq!(registry.prometheus(), "");
}
