//! Windows has no fatal signals, but exceptions, which are not dumped.

use super::Options;
use crate::error::Error;

/// The signals that a crash dump can be written for: on Windows, none.
pub const SIGNALS: [i32; 0] = [];

pub(super) fn install(_: &Options) -> Result<(), Error> {
    Err(Error::Unavailable(
        "crash dumps are written in the handlers of fatal signals, which Windows has not".into(),
    ))
}

pub(super) fn uninstall() {}

#[inline]
pub(crate) fn enter_loop() {}
