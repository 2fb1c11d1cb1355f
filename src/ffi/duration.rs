//! Durations as C gives and gets them, in microseconds.

use std::time::Duration;

use super::status::{Failed, Result};

/// `what` is its name in the error for a negative one.
pub(crate) fn duration(microseconds: i64, what: &str) -> Result<Duration> {
    let microseconds = u64::try_from(microseconds)
        .map_err(|_| Failed::invalid(format!("{what} is negative: {microseconds} us")))?;
    Ok(Duration::from_micros(microseconds))
}

/// Likewise; 0 means that there is none, or the default.
pub(crate) fn limit(microseconds: i64, what: &str) -> Result<Option<Duration>> {
    let duration = duration(microseconds, what)?;
    Ok((!duration.is_zero()).then_some(duration))
}

/// For C; the largest value for one beyond it.
pub(crate) fn microseconds(duration: Duration) -> i64 {
    duration.as_micros().try_into().unwrap_or(i64::MAX)
}
