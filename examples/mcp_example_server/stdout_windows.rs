//! Closing stdout while the server goes on.

use std::{fs::File, os::windows::io::IntoRawHandle};

use windows_sys::Win32::{
    Foundation::CloseHandle,
    System::Console::{GetStdHandle, STD_OUTPUT_HANDLE, SetStdHandle},
};

/// What is written from now on goes nowhere.
pub fn close() {
    if let Ok(null) = File::options().write(true).open("NUL") {
        // SAFETY: the handle that is closed is used by nobody else; nobody writes meanwhile.
        unsafe {
            let stdout = GetStdHandle(STD_OUTPUT_HANDLE);
            SetStdHandle(STD_OUTPUT_HANDLE, null.into_raw_handle());
            CloseHandle(stdout);
        }
    }
}
