//! Text as the system wants it: UTF-16, with a zero at its end.

use std::ffi::OsStr;
use std::os::windows::ffi::OsStrExt;

pub(super) fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}
