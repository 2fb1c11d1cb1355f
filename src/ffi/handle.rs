//! Handles as C holds them: pointers. Debug builds know the living ones, and refuse others.

#[cfg(debug_assertions)]
use std::{collections::HashSet, sync::Mutex};

use super::status::{Failed, Result, mcp_event_status};

#[cfg(debug_assertions)]
static LIVING: Mutex<Option<HashSet<usize>>> = Mutex::new(None);

#[cfg(debug_assertions)]
fn living<R>(f: impl FnOnce(&mut HashSet<usize>) -> R) -> R {
    f(LIVING.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert_default())
}

/// Notes a handle that C is about to get.
pub(crate) fn give<T>(handle: *const T) {
    #[cfg(debug_assertions)]
    living(|living| living.insert(handle as usize));
    #[cfg(not(debug_assertions))]
    let _ = handle;
}

/// Checks a handle that C passed.
pub(crate) fn check<T>(handle: *const T, what: &str) -> Result {
    if handle.is_null() {
        return Err(Failed::null(what));
    }
    #[cfg(debug_assertions)]
    if !living(|living| living.contains(&(handle as usize))) {
        return Err(freed(what));
    }
    Ok(())
}

/// Takes a handle back for destruction.
pub(crate) fn take<T>(handle: *const T, what: &str) -> Result {
    if handle.is_null() {
        return Err(Failed::null(what));
    }
    #[cfg(debug_assertions)]
    if !living(|living| living.remove(&(handle as usize))) {
        return Err(freed(what));
    }
    Ok(())
}

#[cfg(debug_assertions)]
fn freed(what: &str) -> Failed {
    Failed::invalid(format!("{what} is not a living handle: it was destroyed, or never made"))
}

/// Writes a result.
///
/// # Safety
/// `out` is null or valid for writing.
pub(crate) unsafe fn put<T>(out: *mut T, value: T) -> Result {
    if out.is_null() {
        return Err(Failed::null("the out-parameter"));
    }
    // SAFETY: the caller's promise.
    unsafe { out.write(value) };
    Ok(())
}

/// Refuses a null out-parameter before anything is made for it.
pub(crate) fn check_out<T>(out: *mut T) -> Result {
    if out.is_null() { Err(Failed::null("the out-parameter")) } else { Ok(()) }
}

/// One of several, of which C gave the number.
pub(crate) fn nth<'a, T>(all: &'a [T], index: usize, what: &str) -> Result<&'a T> {
    all.get(index).ok_or_else(|| {
        let text = format!("there is no {what} {index}: there are {}", all.len());
        Failed::new(mcp_event_status::MCP_EVENT_OUT_OF_RANGE, text)
    })
}

/// What all kinds of handles of a dispatcher share: conversion and destruction. The C type and the exported
/// function stay outside, where the header generator sees them.
macro_rules! cell_handle {
    ($name:ident, $kind:ty, $what:literal) => {
        impl $name {
            pub(crate) fn give(owner: crate::dispatcher::cell::Owner<$kind>) -> *mut $name {
                let handle = owner.into_raw().as_ptr().cast();
                super::handle::give(handle);
                handle
            }

            /// # Safety
            /// `handle` is null or a living handle.
            unsafe fn cell<'a>(
                handle: *const $name,
            ) -> super::status::Result<&'a crate::dispatcher::cell::Cell<$kind>> {
                super::handle::check(handle, $what)?;
                // SAFETY: the handle is a pointer to its cell, which lives until it is destroyed.
                Ok(unsafe { &*handle.cast() })
            }

            /// # Safety
            /// `handle` is null or a living handle, and not used again.
            unsafe fn destroy(handle: *mut $name) -> super::status::Result {
                super::handle::take(handle, $what)?;
                let cell =
                    std::ptr::NonNull::new(handle).ok_or_else(|| super::status::Failed::null($what))?;
                // SAFETY: given by `give`, and used once.
                drop(unsafe { crate::dispatcher::cell::Owner::<$kind>::from_raw(cell.cast()) });
                Ok(())
            }
        }
    };
}
pub(crate) use cell_handle;
