//! Scaled timers against the obvious model: a list of what each timer waits for, looked through at every step.

mod common;

use std::time::Duration;

use common::*;
use mcp_event::ScaledTimerMinimum;
use proptest::prelude::*;

const TIMERS: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    /// For so many units.
    Enable {
        timer: usize,
        max: u64,
    },
    Disable(usize),
    /// In eighths.
    Scale(u8),
    Advance(u64),
}

/// In nanoseconds: whatever an eighth is taken of is a whole number of eighths.
const UNIT: u64 = 64;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = prop_oneof![0u64..4, 0u64..40, 0u64..100_000];
    let step = prop_oneof![
        4 => (0..TIMERS, amount.clone()).prop_map(|(timer, max)| Step::Enable { timer, max }),
        1 => (0..TIMERS).prop_map(Step::Disable),
        2 => (0u8..=8).prop_map(Step::Scale),
        4 => amount.prop_map(Step::Advance),
    ];
    proptest::collection::vec(step, 1..100)
}

struct Waiting {
    timer: usize,
    /// Counts the steps.
    enabled: usize,
    base: u64,
    distance: u64,
}

impl Waiting {
    fn due(&self, eighths: u64) -> u64 {
        self.base + self.distance / 8 * eighths
    }
}

/// The minimum in units of the timers, which are of all kinds.
fn minimum(timer: usize, max: u64) -> u64 {
    match timer % 4 {
        0 => 0,
        1 => max.min(7),
        2 => max / 2,
        _ => max,
    }
}

fn range(timer: usize) -> ScaledTimerMinimum {
    match timer % 4 {
        0 => ScaledTimerMinimum::share(0.0).unwrap(),
        1 => ScaledTimerMinimum::absolute(Duration::from_nanos(7 * UNIT)),
        2 => ScaledTimerMinimum::share(0.5).unwrap(),
        _ => ScaledTimerMinimum::share(1.0).unwrap(),
    }
}

fn check(steps: Vec<Step>) {
    let ((dispatcher, clock), log) = (simulated(), Log::new());
    let timers: Vec<_> = (0..TIMERS).map(|i| dispatcher.create_scaled_timer(range(i), log.note(i))).collect();
    let (mut now, mut eighths) = (0, 8);
    let mut waiting: Vec<Waiting> = Vec::new();
    for (enabled, step) in steps.into_iter().enumerate() {
        match step {
            Step::Enable { timer, max } => {
                let max = max * 2;
                timers[timer].enable(Duration::from_nanos(max * UNIT));
                let minimum = minimum(timer, max);
                waiting.retain(|waiting| waiting.timer != timer);
                let distance = (max - minimum) * UNIT;
                waiting.push(Waiting { timer, enabled, base: now + minimum * UNIT, distance });
            }
            Step::Disable(timer) => {
                timers[timer].disable();
                waiting.retain(|waiting| waiting.timer != timer);
            }
            Step::Scale(factor) => {
                eighths = u64::from(factor);
                dispatcher.set_timer_scale_factor(f64::from(factor) / 8.0).unwrap();
            }
            Step::Advance(units) => {
                now += units * UNIT;
                clock.advance(Duration::from_nanos(units * UNIT));
            }
        }
        pump(&dispatcher);
        // Ties in the order of enabling, those that are not scaled first.
        waiting.sort_by_key(|waiting| (waiting.due(eighths), waiting.distance != 0, waiting.enabled));
        let due = waiting.iter().take_while(|waiting| waiting.due(eighths) <= now).count();
        let expected: Vec<_> = waiting.drain(..due).map(|waiting| waiting.timer).collect();
        assert_eq!(log.take(), expected);
        for (i, timer) in timers.iter().enumerate() {
            assert_eq!(timer.is_enabled(), waiting.iter().any(|waiting| waiting.timer == i));
        }
    }
}

proptest! {
    #[test]
    fn k1_to_k4_as_a_list_that_is_looked_through(steps in steps()) {
        check(steps);
    }
}
