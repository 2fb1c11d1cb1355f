//! The atomics of the lock-free parts, and the locks among them: the standard library's, or loom's when its models run.

#[cfg(mcp_event_loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::Mutex,
    sync::atomic::{
        AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        fence,
    },
};
#[cfg(not(mcp_event_loom))]
#[cfg_attr(windows, allow(unused_imports, reason = "some are for signal handlers alone"))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{
        AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
        fence,
    },
};

/// The standard cell behind loom's interface, whose closures let loom see how long an access lasts.
#[cfg(not(mcp_event_loom))]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(mcp_event_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Between two sequentially consistent accesses that must not be reordered. They need no help; but loom takes
/// such accesses for acquire and release ones, so there the order must be said by a fence.
#[inline]
pub(crate) fn sequence_point() {
    #[cfg(mcp_event_loom)]
    fence(Ordering::SeqCst);
}
