//! The load driver: measures a dispatcher's load again and again, and scales its timers by it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::{Gauge, PressureConfig};
use crate::dispatcher::closure::{Closure, Failure, Outcome, guarded};
use crate::dispatcher::{Handle, Nanos, PeriodicTimer};
use crate::error::Error;

/// Scales the timers of a dispatcher by its load (K5): every [`PressureConfig::interval`] it measures, on the loop, how
/// late that is and how much waits, makes a pressure of it, and sets the
/// [scale factor](Handle::set_timer_scale_factor) to 1 minus the pressure.
///
/// Dropping it ends that and sets the factor to 1. A dispatcher has one driver at most; while it has one, a factor set
/// by hand lasts until the next measurement. All functions may be called from any thread.
///
/// ```
/// use mcp_event::{Dispatcher, RunType, SimulatedClock};
/// use mcp_event::pressure::{Driver, PressureConfig};
/// use std::time::Duration;
///
/// let clock = SimulatedClock::new();
/// let dispatcher = Dispatcher::builder("main").clock(&clock).build()?;
/// let config = PressureConfig { smoothing: Duration::ZERO, hysteresis: 0.0, ..PressureConfig::default() };
/// let driver = Driver::attach(&dispatcher, config)?;
/// driver.add_source(|| 0.25); // How full something else is, say.
/// clock.advance(config.interval);
/// dispatcher.run(RunType::NonBlock)?;
/// assert_eq!(driver.pressure(), 0.25);
/// assert_eq!(dispatcher.timer_scale_factor(), 0.75);
/// # Ok::<(), mcp_event::Error>(())
/// ```
pub struct Driver {
    shared: Arc<Shared>,
    /// Its lateness is part of what is measured.
    _probe: PeriodicTimer,
}

/// A pressure that the user measures, in whatever language.
pub(crate) trait Source: Send + Sync {
    fn pressure(&self) -> Result<f64, Box<Failure>>;
}

struct RustSource<F>(F);

impl<F: Fn() -> f64 + Send + Sync> Source for RustSource<F> {
    fn pressure(&self) -> Result<f64, Box<Failure>> {
        let mut pressure = 0.0;
        guarded(|| pressure = (self.0)()).map(|()| pressure)
    }
}

struct NamedSource {
    source: Box<dyn Source>,
    number: usize,
    /// It gave what is not a number, and the log says so.
    is_reported: AtomicBool,
}

struct Shared {
    handle: Handle,
    sources: Mutex<Vec<Arc<NamedSource>>>,
    state: Mutex<State>,
    /// The bits of the pressure at the last measurement.
    pressure: AtomicU64,
}

struct State {
    gauge: Gauge,
    measured_at: Nanos,
    is_attached: bool,
}

impl Driver {
    /// Begins to drive the scaled timers of a dispatcher.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a configuration that makes no sense, see [`PressureConfig::check`];
    /// [`Error::InvalidState`] if the dispatcher has a driver.
    pub fn attach(dispatcher: &Handle, config: PressureConfig) -> Result<Driver, Error> {
        let gauge = Gauge::new(config)?;
        let core = dispatcher.core();
        if core.scaling.is_driven.swap(true, Ordering::AcqRel) {
            return Err(Error::InvalidState(format!(
                "the dispatcher {:?} has a driver of its scaled timers already",
                dispatcher.name()
            )));
        }
        let shared = Arc::new(Shared {
            handle: dispatcher.clone(),
            sources: Mutex::default(),
            state: Mutex::new(State { gauge, measured_at: core.clock.now(), is_attached: true }),
            pressure: AtomicU64::new(0f64.to_bits()),
        });
        let probe = PeriodicTimer::with_closure(core, Probe(shared.clone()));
        probe.enable(config.interval);
        Ok(Driver { shared, _probe: probe })
    }

    /// Adds a source of pressure: a function that is called at each measurement, on the loop's thread, and tells how
    /// much it wants the timers to hurry, from 0 to 1. What is outside counts as the nearer end; what is not a number
    /// does not count, and the first is logged. The largest pressure of all sources counts. A source that panics is a
    /// callback that panics: the loop stops.
    pub fn add_source(&self, source: impl Fn() -> f64 + Send + Sync + 'static) {
        self.add(RustSource(source));
    }

    pub(crate) fn add(&self, source: impl Source + 'static) {
        let mut sources = lock(&self.shared.sources);
        let number = sources.len();
        sources.push(Arc::new(NamedSource {
            source: Box::new(source),
            number,
            is_reported: AtomicBool::new(false),
        }));
    }

    /// The pressure at the last measurement, from 0 to 1.
    pub fn pressure(&self) -> f64 {
        f64::from_bits(self.shared.pressure.load(Ordering::Relaxed))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A measurement that is under way sets no factor any more. Not under the lock: who reaches a loop that nobody
        // runs may have to destroy what other threads left there.
        lock(&self.shared.state).is_attached = false;
        self.shared.set_factor(1.0);
        self.shared.handle.core().scaling.is_driven.store(false, Ordering::Release);
    }
}

/// The probe's closure.
struct Probe(Arc<Shared>);

impl Closure for Probe {
    fn call(&mut self, _: u32) -> Outcome {
        self.0.measure()
    }
}

impl Shared {
    fn measure(&self) -> Outcome {
        let load = self.handle.load();
        // No lock is held while they run.
        let sources = lock(&self.sources).clone();
        let mut extra = Vec::with_capacity(sources.len());
        for source in sources {
            extra.push(source.source.pressure()?);
            if extra.last().is_some_and(|pressure| pressure.is_nan()) {
                self.report(&source);
            }
        }
        let mut state = lock(&self.state);
        if state.is_attached {
            let now = self.handle.core().clock.now();
            let elapsed = now.saturating_sub(std::mem::replace(&mut state.measured_at, now));
            let pressure = state.gauge.update(&load, extra, Duration::from_nanos(elapsed));
            self.pressure.store(pressure.to_bits(), Ordering::Relaxed);
            // Under the lock, on the loop, where this runs no user code: who detaches the driver has the last word.
            self.set_factor(1.0 - pressure);
        }
        Ok(())
    }

    fn set_factor(&self, factor: f64) {
        if factor != self.handle.timer_scale_factor()
            && let Err(error) = self.handle.set_timer_scale_factor(factor)
        {
            tracing::error!(dispatcher = self.handle.name(), "driving the scaled timers: {error}");
        }
    }

    fn report(&self, source: &NamedSource) {
        if !source.is_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                dispatcher = self.handle.name(),
                source = source.number,
                "a source of pressure gave what is not a number; it does not count"
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
