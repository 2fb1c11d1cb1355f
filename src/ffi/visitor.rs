//! Threads inside a call that may bring about the end of its dispatcher, or of its stream, before it has returned.
//!
//! A post is one: its closure may destroy the dispatcher, on the loop's thread, while the thread that posted is still
//! about to leave. To keep the dispatcher alive by its count of references would cost each post more than all the rest.
//! So the visitor says in a place of its thread's own whom it visits, with a plain store, before it queues anything;
//! whoever acts on what it queued sees that, too. And who destroys a dispatcher or a stream waits until the others have
//! left. Timers and the like come and go too often for that: their [cells](crate::dispatcher::cell) count.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::dispatcher::core::Core;

/// A thread's. Places are never freed; those of threads that have ended go to new ones.
struct Place {
    /// A core or a stream; null for none.
    visited: AtomicPtr<()>,
    is_taken: AtomicBool,
    next: Option<&'static Place>,
}

static LAST: AtomicPtr<Place> = AtomicPtr::new(ptr::null_mut());

struct Own(&'static Place);

thread_local! {
    static OWN: Own = Own(Place::take());
}

impl Drop for Own {
    fn drop(&mut self) {
        self.0.is_taken.store(false, Ordering::Release);
    }
}

impl Place {
    fn all() -> impl Iterator<Item = &'static Place> {
        // SAFETY: null, or a place, none of which is ever freed.
        let last = unsafe { LAST.load(Ordering::Acquire).as_ref() };
        std::iter::successors(last, |place| place.next)
    }

    fn take() -> &'static Place {
        if let Some(free) = Place::all().find(|place| !place.is_taken.swap(true, Ordering::Acquire)) {
            return free;
        }
        let is_taken = AtomicBool::new(true);
        let place = Box::leak(Box::new(Place { visited: AtomicPtr::default(), is_taken, next: None }));
        let mut last = LAST.load(Ordering::Acquire);
        loop {
            // SAFETY: as in `all`.
            place.next = unsafe { last.as_ref() };
            match LAST.compare_exchange(last, place, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return place,
                Err(newer) => last = newer,
            }
        }
    }

    /// The calling thread's; none while the thread ends.
    fn own() -> Option<&'static Place> {
        OWN.try_with(|own| own.0).ok()
    }
}

/// A visit, until it is dropped. What is visited outlives it, whatever comes of it.
pub(crate) struct Visit {
    place: &'static Place,
    before: *mut (),
}

impl Visit {
    #[inline]
    fn begin<T>(place: &'static Place, whom: *const T) -> Visit {
        let before = place.visited.load(Ordering::Relaxed);
        place.visited.store(whom.cast_mut().cast(), Ordering::Relaxed);
        Visit { place, before }
    }

    /// Begins one of a handle; none in a destructor of a thread that ends.
    #[cfg(any(unix, test))]
    pub(crate) fn of<T>(handle: *const T) -> Option<Visit> {
        Place::own().map(|place| Visit::begin(place, handle))
    }
}

impl Drop for Visit {
    #[inline]
    fn drop(&mut self) {
        self.place.visited.store(self.before, Ordering::Release);
    }
}

/// Calls `call`; `core` outlives that, whatever comes of it.
#[inline]
pub(crate) fn visit<R>(core: &Arc<Core>, call: impl FnOnce(&Core) -> R) -> R {
    if core.is_running_here() {
        // What it queues runs on this thread, after it has returned.
        return call(core);
    }
    let Some(place) = Place::own() else { return call(&core.clone()) };
    let _visit = Visit::begin(place, Arc::as_ptr(core));
    call(core)
}

/// Before a core or a handle goes: waits until no other thread visits it.
pub(crate) fn wait_for_visitors<T>(of: *const T) {
    let own = Place::own().map_or(ptr::null(), ptr::from_ref);
    for place in Place::all().filter(|place| !ptr::eq(*place, own)) {
        while ptr::eq(place.visited.load(Ordering::Acquire), of.cast()) {
            std::thread::yield_now();
        }
    }
}

/// In a forked child: the other threads have stayed in the parent.
#[cfg(unix)]
pub(crate) fn forget_visitors() {
    Place::all().for_each(|place| place.visited.store(ptr::null_mut(), Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex};
    use std::thread;

    use super::*;
    use crate::dispatcher::Dispatcher;

    #[test]
    fn who_destroys_waits_for_those_who_are_about_to_leave() {
        let dispatcher = Dispatcher::new("visited").unwrap();
        let other = Dispatcher::new("another").unwrap();
        let (core, other) = (dispatcher.core(), other.core());
        let (inside, order) = (Barrier::new(2), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            scope.spawn(|| {
                visit(core, |_| {
                    // A visit within a visit ends alone.
                    visit(other, |_| ());
                    inside.wait();
                    (0..100).for_each(|_| thread::yield_now());
                    order.lock().unwrap().push("leaves");
                });
            });
            inside.wait();
            // Its own visits are nobody's to wait for, nor are those of others.
            visit(core, |_| wait_for_visitors(Arc::as_ptr(other)));
            visit(core, |_| wait_for_visitors(Arc::as_ptr(core)));
            order.lock().unwrap().push("destroys");
        });
        assert_eq!(*order.lock().unwrap(), ["leaves", "destroys"]);
    }

    #[test]
    fn who_destroys_a_handle_waits_likewise() {
        let (handle, another) = (0u8, 0u8);
        let (inside, has_left) = (Barrier::new(2), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                let visit = Visit::of(&handle);
                inside.wait();
                (0..100).for_each(|_| thread::yield_now());
                has_left.store(true, Ordering::Relaxed);
                drop(visit);
            });
            inside.wait();
            wait_for_visitors(&another);
            wait_for_visitors(&handle);
            assert!(has_left.load(Ordering::Relaxed));
        });
    }

    #[test]
    fn a_place_goes_to_the_next_thread() {
        let place = || thread::spawn(|| ptr::from_ref(Place::own().unwrap()).addr()).join().unwrap();
        let count = || Place::all().count();
        place();
        let before = count();
        (0..100).for_each(|_| _ = place());
        // Other tests have threads, too.
        assert!(count() < before + 50);
    }
}
