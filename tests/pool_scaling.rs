//! Pools that follow the load, as a user sees them: promise O7. When they do is tested in `src/worker/scaling.rs`
//! and `src/worker/supervisor.rs`.

mod common;

use std::sync::{Arc, mpsc};
use std::time::Duration;

use common::*;
use mcp_event::pressure::{PressureConfig, Thresholds};
use mcp_event::{Error, Handle, Pool, ScalingConfig, SimulatedClock, WorkerObserver, WorkerOptions};

const SECOND: Duration = Duration::from_secs(1);

/// A queue is all the pressure there is, since how late a loop is depends in simulated time on its thread.
fn config() -> ScalingConfig {
    let never = Thresholds::new(Duration::MAX - Duration::from_nanos(1), Duration::MAX);
    ScalingConfig {
        grow_after: SECOND,
        retire_after: SECOND,
        cool_down: Duration::ZERO,
        pressure: PressureConfig {
            loop_lag: never,
            poll_delay: never,
            queue_depth: Thresholds::new(4, 8),
            smoothing: Duration::ZERO,
            ..PressureConfig::default()
        },
        ..ScalingConfig::default()
    }
}

/// Sends who comes and who goes.
struct Gate(mpsc::Sender<String>);

impl WorkerObserver for Gate {
    fn on_join(&self, worker: &Handle) {
        let _ = self.0.send(format!("+{}", worker.name()));
    }

    fn on_leave(&self, worker: &Handle) {
        let _ = self.0.send(format!("-{}", worker.name()));
    }
}

#[test]
fn o7_a_pool_follows_its_load_on_its_own_thread() {
    let (clock, (news, all_news)) = (SimulatedClock::new(), mpsc::channel());
    let options = WorkerOptions { clock: Some(clock.clone()), ..WorkerOptions::default() };
    let pool = Pool::builder().scaling(1, 2, config()).worker_options(options).build().unwrap();
    pool.observe(Arc::new(Gate(news)));
    let touches = Log::new();
    // Until there is news, time passes, as slowly as it takes the supervisor to see it.
    let pass_until = |expected: &str| {
        let next = loop {
            clock.advance(SECOND / 2);
            if let Ok(next) = all_news.recv_timeout(MS) {
                break next;
            }
        };
        assert_eq!(next, expected);
    };
    for _ in 0..2 {
        pool.start(Some(Arc::new(Dog(touches.clone())))).unwrap();
        assert_eq!(soon(&all_news), "+worker_0");
        let (busy, is_busy) = mpsc::channel();
        let (free, is_free) = mpsc::channel::<()>();
        let callback = move || {
            busy.send(()).unwrap();
            let _ = is_free.recv();
        };
        let worker = pool.next_worker().unwrap();
        worker.dispatcher().post(callback).unwrap();
        soon(&is_busy);
        (0..8).for_each(|_| worker.dispatcher().post(|| ()).unwrap());
        pass_until("+worker_1");
        touches.take();
        let worker = loop {
            // It joins a moment after its thread has begun.
            if let Ok(worker) = pool.worker(1) {
                break worker;
            }
        };
        // The watchdog of the start is its, too.
        let (done, is_done) = mpsc::channel();
        worker.dispatcher().post(move || done.send(()).unwrap()).unwrap();
        soon(&is_done);
        assert!(touches.len() > 0);
        drop((free, worker));
        pass_until("-worker_1");
        assert_eq!(pool.len(), 1);
        pool.stop();
        assert_eq!(soon(&all_news), "-worker_0");
    }
}

#[test]
fn o7_bounds_and_marks_that_make_no_sense_are_refused() {
    #[track_caller]
    fn refused(min: usize, max: usize, config: ScalingConfig) -> String {
        match Pool::builder().scaling(min, max, config).build() {
            Err(Error::InvalidArgument(text)) => text,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("accepted"),
        }
    }
    let text = refused(3, 2, config());
    assert!(text.contains("at least 3") && text.contains("at most 2"), "{text}");
    assert!(refused(0, 2, config()).contains("at least one worker"));
    assert!(refused(1, 2, ScalingConfig { low: 0.9, ..config() }).contains("low mark"));
    assert!(refused(1, 2, ScalingConfig { high: 1.1, ..config() }).contains("1.1"));
    assert!(refused(1, 2, ScalingConfig { grow_after: Duration::ZERO, ..config() }).contains("zero"));
    let pressure = PressureConfig { interval: Duration::ZERO, ..config().pressure };
    assert!(refused(1, 2, ScalingConfig { pressure, ..config() }).contains("interval"));
    // Also where nothing can be scaled.
    assert!(refused(2, 2, ScalingConfig { low: 0.9, ..config() }).contains("low mark"));
}

#[test]
fn o7_a_pool_without_room_to_scale_has_a_fixed_number() {
    let pool = Pool::builder().scaling(2, 2, config()).build().unwrap();
    pool.start(None).unwrap();
    assert_eq!(pool.len(), 2);
    assert!(pool.retiring().is_empty());
    assert!(pool.shutdown(Duration::MAX).unwrap().is_drained());
}

#[test]
fn o7_a_scaling_pool_starts_stops_and_shuts_down_at_any_time() {
    let quick = ScalingConfig {
        low: 0.4,
        retire_after: Duration::from_nanos(1),
        grow_after: Duration::from_nanos(1),
        pressure: PressureConfig { interval: Duration::from_micros(1), ..PressureConfig::default() },
        ..config()
    };
    let pool = Pool::builder().scaling(1, 3, quick).build().unwrap();
    for round in 0..30 {
        pool.start(None).unwrap();
        (0..100).for_each(|_| pool.next_worker().unwrap().dispatcher().post(|| ()).unwrap());
        if round % 2 == 0 {
            pool.stop();
        } else {
            assert!(pool.shutdown(Duration::MAX).unwrap().is_drained());
        }
        assert!((1..=3).contains(&pool.len()));
    }
}

#[cfg(unix)]
#[test]
fn o7_a_forked_child_leaves_the_pool_alone() {
    let pool = Pool::builder().scaling(1, 2, config()).build().unwrap();
    pool.start(None).unwrap();
    in_forked_child(|| {
        assert!(matches!(pool.start(None), Err(Error::Forked)));
        assert!(matches!(pool.shutdown(Duration::MAX), Err(Error::Forked)));
        pool.stop();
    });
    assert!(pool.next_worker().unwrap().dispatcher().is_running());
}
