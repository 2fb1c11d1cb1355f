//! Which handle's callback runs, so that a thread that destroys a handle knows whether it has to wait.
//!
//! The loop says so, then claims the callback by a read-modify-write of the cell's truth, and looks for the mark of a
//! destroyer; only then it calls. A destroyer first sets the mark and the truth to zero, then asks. A claim that came
//! before the zero is seen by whoever stored that, and with it what the loop said before; one that comes after, when
//! a callback on the loop has armed the handle anew, sees the mark.

use std::ptr;

use crate::sync::{AtomicBool, AtomicPtr, Ordering, sequence_point};

/// The cell whose callback runs, or is about to be claimed. Written by the loop's thread alone.
pub(crate) struct Current(AtomicPtr<()>);

impl Current {
    pub(crate) fn new() -> Current {
        Current(AtomicPtr::new(ptr::null_mut()))
    }

    /// Before the claim.
    #[inline]
    pub(crate) fn begin<T>(&self, cell: &T) {
        // Release: who finds this cell here instead of the one before it has seen that one's callback return.
        self.0.store(ptr::from_ref(cell).cast_mut().cast(), Ordering::Release);
    }

    #[inline]
    pub(crate) fn end(&self) {
        self.0.store(ptr::null_mut(), Ordering::Release);
    }

    /// On the loop's thread: whether a callback runs.
    #[inline]
    pub(crate) fn is_any(&self) -> bool {
        !self.0.load(Ordering::Relaxed).is_null()
    }

    /// When not, what the cell's callback did is seen.
    #[inline]
    pub(crate) fn is<T>(&self, cell: &T) -> bool {
        ptr::eq(self.0.load(Ordering::Acquire).cast(), cell)
    }
}

/// Set when a foreign thread destroys a cell: whatever its own callback makes of the truth, none begins any more.
pub(crate) struct Dying(AtomicBool);

impl Dying {
    pub(crate) fn new() -> Dying {
        Dying(AtomicBool::new(false))
    }

    /// Before the truth is set to zero.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
        sequence_point();
    }

    /// After a claim. Both are sequentially consistent, as are the destroyer's two steps, so a claim that comes after
    /// its zero sees the mark.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        sequence_point();
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::*;
    use crate::sync::{AtomicU64, UnsafeCell};
    use loom::sync::Arc;

    const ARMED: u64 = 1;

    struct Cell {
        truth: AtomicU64,
        dying: Dying,
        /// Loom notices who drops it while it runs.
        closure: UnsafeCell<Option<u32>>,
    }

    struct Scene {
        current: Current,
        cells: [Cell; 2],
    }

    impl Scene {
        fn new() -> Arc<Scene> {
            let cell = || Cell {
                truth: AtomicU64::new(ARMED),
                dying: Dying::new(),
                closure: UnsafeCell::new(Some(0)),
            };
            Arc::new(Scene { current: Current::new(), cells: [cell(), cell()] })
        }

        /// As the loop does it. The callback arms the handle anew `rearms` times.
        fn invoke(&self, cell: &Cell, rearms: u32) {
            self.current.begin(cell);
            let claim = cell.truth.compare_exchange(ARMED, 0, Ordering::SeqCst, Ordering::Relaxed);
            if claim.is_ok() && !cell.dying.is_set() {
                cell.closure.with_mut(|closure| {
                    // SAFETY: loom looks after it.
                    let calls = unsafe { &mut *closure }.as_mut().expect("called when it was dropped");
                    *calls += 1;
                    if *calls <= rearms {
                        cell.truth.store(ARMED, Ordering::Release);
                    }
                });
            }
            self.current.end();
        }

        /// As a thread does it that is not the loop's.
        fn destroy(&self, cell: &Cell) {
            cell.dying.set();
            cell.truth.swap(0, Ordering::SeqCst);
            while self.current.is(cell) {
                loom::thread::yield_now();
            }
            // SAFETY: loom looks after it.
            assert!(cell.closure.with_mut(|closure| unsafe { (*closure).take() }).is_some());
        }
    }

    fn check(model: impl Fn(&Scene) + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let scene = Scene::new();
            let destroyer = {
                let scene = scene.clone();
                loom::thread::spawn(move || scene.destroy(&scene.cells[0]))
            };
            model(&scene);
            destroyer.join().unwrap();
        });
    }

    /// One callback follows the other, and either may be what the destroyer finds.
    #[test]
    fn loom_f8_a_closure_is_dropped_when_its_callback_has_returned() {
        check(|scene| {
            scene.invoke(&scene.cells[0], 0);
            scene.invoke(&scene.cells[1], 0);
        });
    }

    #[test]
    fn loom_f8_no_callback_begins_when_its_closure_was_dropped() {
        check(|scene| {
            scene.invoke(&scene.cells[0], 1);
            scene.invoke(&scene.cells[0], 1);
        });
    }
}
