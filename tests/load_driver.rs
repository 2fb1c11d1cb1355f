//! The driver that scales timers by the load of their loop (K5).

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::*;
use mcp_event::pressure::{Driver, PressureConfig, Thresholds};
use mcp_event::{Dispatcher, Error, ScaledTimerMinimum, SimulatedClock};

const INTERVAL: Duration = Duration::from_millis(100);

/// Without smoothing and hysteresis: each measurement shows as it is.
fn plain() -> PressureConfig {
    PressureConfig {
        loop_lag: Thresholds::new(10 * MS, 110 * MS),
        poll_delay: Thresholds::new(10 * MS, 110 * MS),
        queue_depth: Thresholds::new(10, 30),
        smoothing: Duration::ZERO,
        hysteresis: 0.0,
        interval: INTERVAL,
    }
}

fn pass(dispatcher: &Dispatcher, clock: &SimulatedClock, time: Duration) {
    clock.advance(time);
    pump(dispatcher);
}

/// A pressure that tests set.
#[derive(Clone, Default)]
struct Dial(Arc<AtomicU64>);

impl Dial {
    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::SeqCst);
    }

    fn source(&self) -> impl Fn() -> f64 + Send + Sync + use<> {
        let value = self.0.clone();
        move || f64::from_bits(value.load(Ordering::SeqCst))
    }
}

#[track_caller]
fn assert_close(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

#[test]
fn k5_loop_lag_is_the_lateness_of_the_drivers_own_timer() {
    let (dispatcher, clock) = simulated();
    let driver = Driver::attach(&dispatcher, plain()).unwrap();
    assert_eq!(driver.pressure(), 0.0);
    pass(&dispatcher, &clock, INTERVAL);
    assert_eq!((driver.pressure(), dispatcher.timer_scale_factor()), (0.0, 1.0));
    pass(&dispatcher, &clock, INTERVAL + 60 * MS);
    assert_close(driver.pressure(), 0.5);
    assert_close(dispatcher.timer_scale_factor(), 0.5);
    // On time again.
    pass(&dispatcher, &clock, 40 * MS);
    assert_eq!((driver.pressure(), dispatcher.timer_scale_factor()), (0.0, 1.0));
}

#[test]
fn k5_posts_that_wait_are_pressure() {
    let (dispatcher, clock) = simulated();
    let driver = Driver::attach(&dispatcher, plain()).unwrap();
    let handle = dispatcher.handle();
    // They come between the poll and the driver's timer, so that the driver finds them waiting.
    let poster = dispatcher.create_timer(move || (0..20).for_each(|_| handle.post(|| ()).unwrap()));
    poster.enable(INTERVAL - MS);
    pass(&dispatcher, &clock, INTERVAL);
    assert_close(driver.pressure(), 0.5);
}

#[test]
fn k5_the_largest_source_counts_and_senseless_values_do_no_harm() {
    let (dispatcher, clock) = simulated();
    let driver = Driver::attach(&dispatcher, plain()).unwrap();
    let dials = [Dial::default(), Dial::default()];
    dials.iter().for_each(|dial| driver.add_source(dial.source()));
    for (values, expected) in [
        ([0.25, 0.5], 0.5),
        ([0.75, 0.5], 0.75),
        ([f64::NAN, 0.5], 0.5),
        ([f64::NAN, f64::NAN], 0.0),
        ([-1.0, -0.0], 0.0),
        ([0.5, 7.0], 1.0),
        ([f64::INFINITY, f64::NEG_INFINITY], 1.0),
    ] {
        dials.iter().zip(values).for_each(|(dial, value)| dial.set(value));
        pass(&dispatcher, &clock, INTERVAL);
        assert_eq!(driver.pressure(), expected, "{values:?}");
        assert_eq!(dispatcher.timer_scale_factor(), 1.0 - expected);
    }
}

#[test]
fn k5_timers_fire_earlier_under_pressure() {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let driver = Driver::attach(&dispatcher, plain()).unwrap();
    let dial = Dial::default();
    driver.add_source(dial.source());
    let timer = dispatcher.create_scaled_timer(ScaledTimerMinimum::absolute(3 * INTERVAL), log.note("fired"));
    timer.enable(9 * INTERVAL);
    for _ in 0..5 {
        pass(&dispatcher, &clock, INTERVAL);
    }
    assert_eq!(log.take(), [""; 0]);
    dial.set(0.5);
    // At 6 of 9 intervals.
    pass(&dispatcher, &clock, INTERVAL);
    assert_eq!(log.take(), ["fired"]);
}

#[test]
fn k5_smoothing_and_hysteresis_are_the_gauges() {
    let (dispatcher, clock) = simulated();
    let config = PressureConfig { smoothing: INTERVAL, hysteresis: 0.2, ..plain() };
    let driver = Driver::attach(&dispatcher, config).unwrap();
    let dial = Dial::default();
    driver.add_source(dial.source());
    dial.set(1.0);
    pass(&dispatcher, &clock, INTERVAL);
    let first = driver.pressure();
    assert!(first > 0.5 && first < 0.7, "{first}");
    for _ in 0..20 {
        pass(&dispatcher, &clock, INTERVAL);
    }
    assert_close(driver.pressure(), 1.0);
    dial.set(0.85);
    for _ in 0..20 {
        pass(&dispatcher, &clock, INTERVAL);
    }
    assert_close(driver.pressure(), 1.0);
}

#[test]
fn k5_a_dispatcher_has_one_driver_at_a_time_and_then_its_factor_back() {
    let (dispatcher, clock) = simulated();
    let driver = Driver::attach(&dispatcher, plain()).unwrap();
    match Driver::attach(&dispatcher, plain()) {
        Err(Error::InvalidState(text)) => assert!(text.contains("\"test\""), "{text}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    driver.add_source(|| 1.0);
    pass(&dispatcher, &clock, INTERVAL);
    assert_eq!(dispatcher.timer_scale_factor(), 0.0);
    drop(driver);
    assert_eq!(dispatcher.timer_scale_factor(), 1.0);
    pass(&dispatcher, &clock, 10 * INTERVAL);
    assert_eq!(dispatcher.timer_scale_factor(), 1.0);
    let driver = Driver::attach(&dispatcher, plain()).unwrap();
    assert_eq!(driver.pressure(), 0.0);
}

#[test]
fn k5_a_factor_set_by_hand_lasts_until_the_next_measurement() {
    let (dispatcher, clock) = simulated();
    let _driver = Driver::attach(&dispatcher, plain()).unwrap();
    dispatcher.set_timer_scale_factor(0.25).unwrap();
    pass(&dispatcher, &clock, INTERVAL - MS);
    assert_eq!(dispatcher.timer_scale_factor(), 0.25);
    pass(&dispatcher, &clock, MS);
    assert_eq!(dispatcher.timer_scale_factor(), 1.0);
}

#[test]
fn k5_a_senseless_configuration_is_refused() {
    let dispatcher = dispatcher();
    for config in [
        PressureConfig { loop_lag: Thresholds::new(2 * MS, MS), ..plain() },
        PressureConfig { interval: Duration::ZERO, ..plain() },
        PressureConfig { hysteresis: f64::NAN, ..plain() },
    ] {
        assert!(matches!(Driver::attach(&dispatcher, config), Err(Error::InvalidArgument(_))));
    }
    // None of them counts as attached.
    drop(Driver::attach(&dispatcher, plain()).unwrap());
}

#[test]
fn p11_a_source_that_panics_stops_the_loop_once_a_measurement() {
    let (dispatcher, clock) = simulated();
    let driver = Driver::attach(&dispatcher, plain()).unwrap();
    driver.add_source(|| panic!("a bad source"));
    for _ in 0..2 {
        clock.advance(INTERVAL);
        assert_panics_with("a bad source", || pump(&dispatcher));
        pump(&dispatcher);
    }
    assert_eq!(driver.pressure(), 0.0);
}

#[test]
fn h1_a_source_may_add_sources_and_end_the_driver() {
    let (dispatcher, clock) = simulated();
    let driver = Arc::new(Mutex::new(Some(Driver::attach(&dispatcher, plain()).unwrap())));
    let (mine, handle) = (driver.clone(), dispatcher.handle());
    driver.lock().unwrap().as_ref().unwrap().add_source(move || {
        let driver = mine.lock().unwrap().take();
        if let Some(driver) = &driver {
            driver.add_source(|| 0.0);
            use_everything(&handle);
        }
        drop(driver);
        1.0
    });
    pass(&dispatcher, &clock, INTERVAL);
    // The measurement that was under way does not count any more.
    assert_eq!(dispatcher.timer_scale_factor(), 1.0);
    assert!(driver.lock().unwrap().is_none());
}

#[test]
fn h1_a_driver_is_attached_and_dropped_by_other_threads_while_the_loop_runs() {
    let background = Background::start(Dispatcher::new("real time").unwrap());
    for round in 0..100 {
        let config = PressureConfig { interval: Duration::from_micros(50), ..plain() };
        let driver = Driver::attach(&background.dispatcher, config).unwrap();
        let (measured, is_measured) = mpsc::channel();
        driver.add_source(move || {
            let _ = measured.send(());
            1.0
        });
        if round % 2 == 0 {
            soon(&is_measured);
        }
        drop(driver);
        assert_eq!(background.dispatcher.timer_scale_factor(), 1.0);
        background.on_loop(|| ());
        assert_eq!(background.dispatcher.timer_scale_factor(), 1.0);
    }
}

#[test]
fn h2_a_driver_outlives_its_dispatcher() {
    let (dispatcher, clock) = simulated();
    let handle = dispatcher.handle();
    let driver = Driver::attach(&dispatcher, plain()).unwrap();
    driver.add_source(|| 1.0);
    pass(&dispatcher, &clock, INTERVAL);
    drop(dispatcher);
    clock.advance(INTERVAL);
    driver.add_source(|| 0.5);
    assert_eq!(driver.pressure(), 1.0);
    drop(driver);
    assert_eq!(handle.timer_scale_factor(), 1.0);
    // One that comes too late is never asked.
    let late = Driver::attach(&handle, plain()).unwrap();
    assert_eq!(late.pressure(), 0.0);
}
