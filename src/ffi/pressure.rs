//! The load of a loop, and what drives its scaled timers by it, for C.

use std::ffi::c_void;

use super::closure::{Data, call_code};
use super::dispatcher::mcp_event_dispatcher;
use super::duration::{duration, limit};
use super::handle;
use super::status::{Failed, Result, check_size, guard, mcp_event_status};
use crate::dispatcher::closure::Failure;
use crate::pressure::{Driver, PressureConfig, Source, Thresholds};

/// What can be measured of a loop at a moment. Set `size` before asking for it.
#[repr(C)]
pub struct mcp_event_load {
    /// `sizeof(mcp_event_load)` as the caller knows it.
    pub size: usize,
    /// For how many microseconds the loop has been busy with its present iteration, or by how many the timers of this
    /// iteration were late, whichever is more; 0 while it sleeps, and while nobody runs it.
    pub loop_lag_us: u64,
    /// How many microseconds too late the last poll returned.
    pub poll_delay_us: u64,
    /// The posts that wait.
    pub queue_depth: u64,
}

/// Tells how late the loop is at this moment, and how much waits, without disturbing it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_dispatcher_load(
    dispatcher: *const mcp_event_dispatcher,
    out: *mut mcp_event_load,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: valid, and its size set.
        let size = unsafe { (*out).size };
        check_size::<mcp_event_load>(size, "load")?;
        // SAFETY: C's promise: a living handle.
        let load = unsafe { mcp_event_dispatcher::handle(dispatcher) }?.load();
        // SAFETY: as large as checked.
        unsafe {
            out.write(mcp_event_load {
                size,
                loop_lag_us: load.loop_lag.as_micros() as u64,
                poll_delay_us: load.poll_delay.as_micros() as u64,
                queue_depth: load.queue_depth as u64,
            });
        }
        Ok(())
    })
}

/// Where a measurement begins to be pressure, and where it is all of it; linear in between. Both 0: the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_thresholds {
    /// Up to here there is no pressure.
    pub low: i64,
    /// From here on the pressure is 1. Above `low`.
    pub high: i64,
}

impl mcp_event_thresholds {
    /// `what` is their name among the options, for errors.
    fn read<T>(
        self,
        what: &str,
        convert: impl Fn(i64, &str) -> Result<T>,
        default: Thresholds<T>,
    ) -> Result<Thresholds<T>> {
        if (self.low, self.high) == (0, 0) {
            return Ok(default);
        }
        Ok(Thresholds::new(
            convert(self.low, &format!("options.{what}.low"))?,
            convert(self.high, &format!("options.{what}.high"))?,
        ))
    }
}

/// How a pressure is computed. Zero it, then set `size` to `sizeof(mcp_event_pressure_options)`. A source with
/// thresholds that it never reaches does not count.
#[repr(C)]
pub struct mcp_event_pressure_options {
    /// The size of this struct as the caller knows it.
    pub size: usize,
    /// Of `loop_lag_us`, in microseconds; by default 10 and 200 ms.
    pub loop_lag_us: mcp_event_thresholds,
    /// Of `poll_delay_us`, in microseconds; by default 10 and 200 ms.
    pub poll_delay_us: mcp_event_thresholds,
    /// Of the posts that wait; by default 1,000 and 20,000.
    pub queue_depth: mcp_event_thresholds,
    /// The time constant of the exponential smoothing; 0: half a second. One microsecond is as good as none.
    pub smoothing_us: i64,
    /// By how much the smoothed pressure must turn back before the reported one follows, below 1; 0: 0.05.
    pub hysteresis: f64,
    /// How often the load is measured; 0: every 100 ms.
    pub interval_us: i64,
}

impl mcp_event_pressure_options {
    pub(crate) fn config(&self) -> Result<PressureConfig> {
        check_size::<mcp_event_pressure_options>(self.size, "options")?;
        let default = PressureConfig::default();
        let depth = |posts: i64, what: &str| {
            usize::try_from(posts).map_err(|_| Failed::invalid(format!("{what} is negative: {posts} posts")))
        };
        Ok(PressureConfig {
            loop_lag: self.loop_lag_us.read("loop_lag_us", duration, default.loop_lag)?,
            poll_delay: self.poll_delay_us.read("poll_delay_us", duration, default.poll_delay)?,
            queue_depth: self.queue_depth.read("queue_depth", depth, default.queue_depth)?,
            smoothing: limit(self.smoothing_us, "options.smoothing_us")?.unwrap_or(default.smoothing),
            hysteresis: if self.hysteresis == 0.0 { default.hysteresis } else { self.hysteresis },
            interval: limit(self.interval_us, "options.interval_us")?.unwrap_or(default.interval),
        })
    }
}

/// A pressure that the program measures itself; its data is owned as that of an `mcp_event_closure`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct mcp_event_pressure_source {
    /// Tells it, from 0 to 1, on the loop's thread, at each measurement. Not null. What is outside counts as the
    /// nearer end; what is not a number does not count.
    pub call: Option<unsafe extern "C-unwind" fn(data: *mut c_void) -> f64>,
    /// Passed to both functions.
    pub data: *mut c_void,
    /// Frees `data`; null if there is nothing to free. On any thread.
    pub drop: Option<unsafe extern "C-unwind" fn(data: *mut c_void)>,
}

struct CSource {
    call: unsafe extern "C-unwind" fn(*mut c_void) -> f64,
    data: Data,
}

impl Source for CSource {
    fn pressure(&self) -> std::result::Result<f64, Box<Failure>> {
        let (call, data, mut pressure) = (self.call, self.data.data, 0.0);
        // SAFETY: C's promise for as long as the data is not dropped.
        call_code(|| pressure = unsafe { call(data) }).map(|()| pressure)
    }
}

/// Scales the timers of a dispatcher by its load: measures that again and again on the loop, makes a pressure from 0
/// to 1 of it, and sets the scale factor to 1 minus the pressure. All functions from any thread; it may outlive its
/// dispatcher.
pub struct mcp_event_pressure_driver {
    driver: Driver,
}

impl mcp_event_pressure_driver {
    /// # Safety
    /// `driver` is null or a living handle.
    unsafe fn driver<'a>(driver: *const mcp_event_pressure_driver) -> Result<&'a Driver> {
        handle::check(driver, "the pressure driver")?;
        // SAFETY: made by `mcp_event_pressure_driver_create`.
        Ok(unsafe { &(*driver).driver })
    }
}

/// Makes a driver of a dispatcher's scaled timers; `options` may be null. `MCP_EVENT_INVALID_STATE` if the dispatcher
/// has one. While it has, a factor set by hand lasts until the next measurement.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pressure_driver_create(
    dispatcher: *mut mcp_event_dispatcher,
    options: *const mcp_event_pressure_options,
    out: *mut *mut mcp_event_pressure_driver,
) -> mcp_event_status {
    guard(|| {
        handle::check_out(out)?;
        // SAFETY: C's promise: a living handle.
        let dispatcher = unsafe { mcp_event_dispatcher::handle(dispatcher) }?;
        // SAFETY: C's promise: null or valid.
        let config = match unsafe { options.as_ref() } {
            Some(options) => options.config()?,
            None => PressureConfig::default(),
        };
        let driver = Driver::attach(dispatcher, config)?;
        let raw = Box::into_raw(Box::new(mcp_event_pressure_driver { driver }));
        handle::give(raw);
        // SAFETY: checked above.
        unsafe { handle::put(out, raw) }
    })
}

/// Adds a source of pressure; the largest pressure of all sources counts. One that throws is a callback that throws:
/// the loop stops.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pressure_driver_add_source(
    driver: *mut mcp_event_pressure_driver,
    source: mcp_event_pressure_source,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle.
        let driver = unsafe { mcp_event_pressure_driver::driver(driver) }?;
        let call = source.call.ok_or_else(|| Failed::null("the source's call function"))?;
        driver.add(CSource { call, data: Data::new(source.data, source.drop) });
        Ok(())
    })
}

/// The pressure at the last measurement, from 0 to 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pressure_driver_pressure(
    driver: *const mcp_event_pressure_driver,
    out: *mut f64,
) -> mcp_event_status {
    guard(|| {
        // SAFETY: C's promise: a living handle, and an out-parameter that is null or valid.
        unsafe { handle::put(out, mcp_event_pressure_driver::driver(driver)?.pressure()) }
    })
}

/// Ends it, and sets the scale factor to 1. No source is called after this returns, under the rules of
/// `mcp_event_timer_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mcp_event_pressure_driver_destroy(
    driver: *mut mcp_event_pressure_driver,
) -> mcp_event_status {
    guard(|| {
        handle::take(driver, "the pressure driver")?;
        // SAFETY: made by `mcp_event_pressure_driver_create`, and destroyed once.
        drop(unsafe { Box::from_raw(driver) });
        Ok(())
    })
}
