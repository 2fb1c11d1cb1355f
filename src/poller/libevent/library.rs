//! libevent's library, found when the first dispatcher asks for it, and kept for ever.
//!
//! The copy that the process has already comes first: what a program adds to an `event_base`, it adds by the functions
//! of its own copy, and one base must not meet two.

use std::ffi::{CStr, c_char, c_int, c_short, c_void};
use std::sync::OnceLock;

use libloading::os::unix::{Library as File, RTLD_LOCAL, RTLD_NOW};

use crate::error::Error;

/// A function that libevent calls for an event.
pub(super) type Callback = unsafe extern "C" fn(fd: c_int, what: c_short, data: *mut c_void);

/// Declares what we take from the library, each function under its own name.
macro_rules! functions {
    ($($name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of libevent 2 that we call; those that run handlers may be left by an exception.
        pub(super) struct Library {
            $(pub(super) $name: unsafe extern "C-unwind" fn($($argument),*) $(-> $result)?,)*
        }

        impl Library {
            /// All of them, or the name of the first that is missing.
            fn from_file(file: &File) -> Result<Library, &'static str> {
                // SAFETY: these are the types in libevent's headers.
                unsafe { Ok(Library { $($name: *file.get(stringify!($name)).map_err(|_| stringify!($name))?,)* }) }
            }
        }
    };
}

functions! {
    event_add(*mut c_void, *const libc::timeval) -> c_int;
    event_assign(*mut c_void, *mut c_void, c_int, c_short, Callback, *mut c_void) -> c_int;
    event_base_free(*mut c_void);
    event_base_loop(*mut c_void, c_int) -> c_int;
    event_base_loopbreak(*mut c_void) -> c_int;
    event_base_new_with_config(*const c_void) -> *mut c_void;
    event_config_free(*mut c_void);
    event_config_new() -> *mut c_void;
    event_config_set_flag(*mut c_void, c_int) -> c_int;
    event_config_set_max_dispatch_interval(*mut c_void, *const libc::timeval, c_int, c_int) -> c_int;
    event_debug_unassign(*mut c_void);
    event_del(*mut c_void) -> c_int;
    event_get_struct_event_size() -> usize;
    event_priority_set(*mut c_void, c_int) -> c_int;
}

/// What the library is called; the part without bufferevents, HTTP and DNS is enough.
#[cfg(not(target_vendor = "apple"))]
const NAMES: [&str; 6] = [
    "libevent_core-2.1.so.7",
    "libevent-2.1.so.7",
    "libevent_core-2.2.so.1",
    "libevent-2.2.so.1",
    "libevent_core.so",
    "libevent.so",
];
#[cfg(target_vendor = "apple")]
const NAMES: [&str; 6] = [
    "libevent_core-2.1.7.dylib",
    "libevent-2.1.7.dylib",
    "libevent_core.dylib",
    "libevent.dylib",
    "/opt/homebrew/lib/libevent_core.dylib",
    "/usr/local/lib/libevent_core.dylib",
];

impl Library {
    /// The library, or why there is none.
    pub(super) fn get() -> Result<&'static Library, Error> {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        if let Some(library) = LIBRARY.get() {
            return Ok(library);
        }
        let library = Library::load().map_err(Error::Unavailable)?;
        Ok(LIBRARY.get_or_init(|| library))
    }

    fn load() -> Result<Library, String> {
        let Some(file) = loaded().or_else(load) else {
            return Err(format!(
                "the backend \"libevent\" needs libevent's library, which is not found; looked for {}",
                NAMES.join(", ")
            ));
        };
        // It may hold threads, handlers and atexit functions of others: nobody unloads it.
        let file = std::mem::ManuallyDrop::new(file);
        Library::from_file(&file).map_err(|missing| {
            let version = version(&file).unwrap_or_else(|| "unknown".into());
            format!("the backend \"libevent\" needs libevent 2.1; version {version} is here, and has no {missing}()")
        })
    }
}

/// The copy that the process has: in reach of every symbol, or loaded by somebody for himself.
fn loaded() -> Option<File> {
    let everything = File::this();
    // SAFETY: it is only asked whether it is there.
    if unsafe { everything.get::<*const c_void>("event_base_loop") }.is_ok() {
        return Some(everything);
    }
    open_any(libc::RTLD_NOLOAD)
}

fn load() -> Option<File> {
    open_any(0)
}

fn open_any(flags: c_int) -> Option<File> {
    // SAFETY: libevent's initialisers do nothing that could hurt.
    NAMES.iter().find_map(|name| unsafe { File::open(Some(*name), RTLD_NOW | RTLD_LOCAL | flags) }.ok())
}

fn version(file: &File) -> Option<String> {
    type Version = unsafe extern "C" fn() -> *const c_char;
    // SAFETY: that is its type in all versions, and the text is static.
    unsafe {
        let version = file.get::<Version>("event_get_version").ok()?;
        Some(CStr::from_ptr(version()).to_string_lossy().into_owned())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_too_old_is_told_by_what_it_lacks() {
        // SAFETY: it is loaded already.
        let other = unsafe { File::open(Some("libc.so.6"), RTLD_NOW) }.unwrap();
        assert_eq!(Library::from_file(&other).err(), Some("event_add"));
        assert_eq!(version(&other), None);
    }
}
