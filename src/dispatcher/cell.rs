//! The cell behind every kind of handle: one allocation with the links of its kind and the user's closure.
//!
//! The user's handle owns the cell; the loop's lists point to it. Its *truth* word says whether a callback may
//! begin: zero means no. Any thread changes it, at once; the loop claims a callback by a read-modify-write of
//! it. So once a disable, cancel or destroy has stored zero, no callback begins (F8), and the lists, which
//! only the loop's owner touches, may catch up later.
//!
//! Destroying, by who asks:
//! - the loop's owner leaves all lists and frees the cell at once; inside the handle's own callback, which
//!   must keep its closure (F9), the loop frees it when the callback has returned;
//! - another thread first waits for a running callback to return, drops the closure, and sends the cell to
//!   the loop to be unlinked and freed. If that thread is itself inside a callback it does not wait (two loops
//!   could wait for each other), and the closure dies with the cell.
//!
//! In C and C++ a callback may destroy the handle before the call on another thread that brought the callback about
//! has returned. So such a call *holds* the cell from before it changes the truth until it is over, and passes its
//! hold on to the command that it sends: a cell that was destroyed meanwhile is freed with the last of them.

use std::cell::{Cell as LocalCell, UnsafeCell};
use std::mem::{ManuallyDrop, offset_of};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::activity::{Activity, LabelCell};
use super::closure::{Closure, Outcome, Source};
use super::core::{Access, Command, Core, OnLoop, inside_callback};
use super::current::Dying;
use super::hold::{Hold, Received};
use super::share::Share;
use super::watchdog::Registration;

/// What differs between timers, file events, schedulable callbacks and signal events.
pub(crate) trait Kind: Sized + 'static {
    /// What the loop does while it runs a callback of it.
    fn activity(&self) -> Activity;
    /// What a destroy does at once, on any thread.
    fn silence(_cell: &Cell<Self>) {}
    /// Leaves all lists of the loop.
    fn detach(cell: &Cell<Self>, on_loop: OnLoop<'_>);
    /// What has the loop look at a cell's truth.
    fn command(cell: Held<Self>) -> Command;
}

/// `#[repr(C)]` with `kind` first: a pointer to a kind's first field is a pointer to the cell.
#[repr(C)]
pub(crate) struct Cell<K: 'static> {
    /// The loop's owner alone touches what is not atomic in it.
    pub(crate) kind: K,
    /// Zero: no callback may begin. What else it says is the kind's.
    pub(crate) truth: AtomicU64,
    pub(crate) core: Share,
    vtable: &'static VTable<K>,
    pub(crate) dying: Dying,
    closure_dropped: LocalCell<bool>,
    hold: Hold,
    pub(crate) label: LabelCell,
}

struct VTable<K: 'static> {
    call: unsafe fn(NonNull<Cell<K>>, u32) -> Outcome,
    drop_closure: unsafe fn(NonNull<Cell<K>>),
    free: unsafe fn(NonNull<Cell<K>>),
}

/// The closure comes first: for C++, whose closures all have one size, a cell is where its closure ends.
#[repr(C)]
struct WithClosure<K: 'static, F> {
    closure: UnsafeCell<ManuallyDrop<F>>,
    cell: Cell<K>,
}

impl<K: 'static, F: Closure> WithClosure<K, F> {
    const VTABLE: &'static VTable<K> =
        &VTable { call: Self::call, drop_closure: Self::drop_closure, free: Self::free };

    /// # Safety
    /// The cell is one of this type.
    unsafe fn of(cell: NonNull<Cell<K>>) -> *mut Self {
        // SAFETY: the caller's promise.
        unsafe { cell.as_ptr().byte_sub(offset_of!(Self, cell)).cast() }
    }

    unsafe fn call(cell: NonNull<Cell<K>>, events: u32) -> Outcome {
        // SAFETY: the cell is one of this type; one callback of a loop runs at a time, and the closure is dropped
        // only when none runs.
        unsafe { (*(*Self::of(cell)).closure.get()).call(events) }
    }

    unsafe fn drop_closure(cell: NonNull<Cell<K>>) {
        // SAFETY: as above; the caller drops it once.
        unsafe { ManuallyDrop::drop(&mut *(*Self::of(cell)).closure.get()) }
    }

    unsafe fn free(cell: NonNull<Cell<K>>) {
        // SAFETY: made by `Box::into_raw` in `Owner::new`; the closure was dropped.
        drop(unsafe { Box::from_raw(Self::of(cell)) });
    }
}

impl<K: 'static> Cell<K> {
    /// Drops the closure if it still lives, then frees the cell, also when the closure's destructor panics.
    ///
    /// # Safety
    /// Nothing points to the cell any more, and its callback does not run.
    pub(crate) unsafe fn destroy(this: NonNull<Cell<K>>) {
        struct Free<K: 'static>(NonNull<Cell<K>>);
        impl<K: 'static> Drop for Free<K> {
            fn drop(&mut self) {
                // SAFETY: the caller's promise.
                unsafe { (self.0.as_ref().vtable.free)(self.0) }
            }
        }
        let free = Free(this);
        // SAFETY: the caller's promise.
        unsafe { Self::drop_closure(free.0) };
    }

    /// # Safety
    /// Its callback does not run and never will.
    unsafe fn drop_closure(this: NonNull<Cell<K>>) {
        // SAFETY: the caller's promise; `closure_dropped` makes it once.
        unsafe {
            if !this.as_ref().closure_dropped.replace(true) {
                (this.as_ref().vtable.drop_closure)(this);
            }
        }
    }

    /// Begins to destroy it outside of the loop: no callback begins any more.
    fn silence(&self)
    where
        K: Kind,
    {
        // Its callback, if it runs on another thread right now, may arm it anew; the mark outlasts that.
        self.dying.set();
        self.core.uncount_handle();
        self.truth.swap(0, Ordering::SeqCst);
        K::silence(self);
    }

    /// Runs the closure.
    ///
    /// # Safety
    /// On the loop, outside any other callback of this cell, before the closure was dropped.
    pub(crate) unsafe fn call(&self, events: u32) -> Outcome {
        // SAFETY: the caller's promise.
        unsafe { (self.vtable.call)(NonNull::from(self), events) }
    }
}

impl<K: Kind> Cell<K> {
    /// On a thread other than the loop's: does `change`, and if that returns true, has the loop look at the cell. From
    /// the change on, the loop may have run a callback that destroyed the handle, and the dispatcher.
    pub(crate) fn change_remotely(&self, change: impl FnOnce() -> bool) {
        self.hold.begin();
        if self.hold.end(change()) {
            self.core.send(K::command(Held(NonNull::from(self))));
        }
    }
}

/// A cell in a command.
pub(crate) struct Held<K: 'static>(NonNull<Cell<K>>);

// SAFETY: a cell that a command holds stays alive until the loop has received it.
unsafe impl<K> Send for Held<K> {}

/// The user's ownership of a cell; dropping it destroys the handle.
pub(crate) struct Owner<K: Kind>(NonNull<Cell<K>>);

// SAFETY: all that a foreign thread does goes through atomics and the command queue; closures are `Send`.
unsafe impl<K: Kind> Send for Owner<K> {}
// SAFETY: as above.
unsafe impl<K: Kind> Sync for Owner<K> {}

impl<K: Kind> Owner<K> {
    pub(crate) fn new<S: Source>(core: &Arc<Core>, kind: K, closure: S) -> Owner<K> {
        core.count_handle();
        let cell = Cell {
            kind,
            truth: AtomicU64::new(0),
            core: Share::new(core),
            vtable: WithClosure::<K, S::Closure>::VTABLE,
            dying: Dying::new(),
            closure_dropped: LocalCell::new(false),
            hold: Hold::new(),
            label: LabelCell::new(),
        };
        let place = Box::into_raw(Box::<WithClosure<K, S::Closure>>::new_uninit())
            .cast::<WithClosure<K, S::Closure>>();
        // SAFETY: a box is not null, and both its fields are written; what wraps the closure has its layout.
        unsafe {
            closure.put((&raw mut (*place).closure).cast());
            (&raw mut (*place).cell).write(cell);
            Owner(NonNull::new_unchecked(&raw mut (*place).cell))
        }
    }

    pub(crate) fn cell(&self) -> &Cell<K> {
        // SAFETY: we own the cell.
        unsafe { self.0.as_ref() }
    }

    /// The closure's address.
    ///
    /// # Safety
    /// `F` is the type that the cell was made with.
    #[cfg(feature = "ffi")]
    pub(crate) unsafe fn closure_ptr<F: Closure>(&self) -> *mut F {
        // SAFETY: the caller's promise.
        unsafe { (*WithClosure::<K, F>::of(self.0)).closure.get().cast() }
    }

    #[cfg(feature = "ffi")]
    pub(crate) fn into_raw(self) -> NonNull<Cell<K>> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    /// `raw` is from `into_raw` and used once.
    #[cfg(feature = "ffi")]
    pub(crate) unsafe fn from_raw(raw: NonNull<Cell<K>>) -> Owner<K> {
        Owner(raw)
    }
}

impl<K: Kind> Drop for Owner<K> {
    fn drop(&mut self) {
        let cell = self.cell();
        if cell.core.is_forked() {
            // The loop is the parent's, and its thread and locks may be frozen in any state: touch nothing.
            return;
        }
        match cell.core.access() {
            Access::Running(on_loop) => {
                cell.core.uncount_handle();
                // No claim is under way: they are made on this thread.
                cell.truth.store(0, Ordering::Release);
                K::silence(cell);
                K::detach(cell, on_loop);
                if cell.core.current.is(cell) {
                    on_loop.destroy_current_later();
                } else if cell.hold.leave_to_holders() {
                    // SAFETY: no callback of it runs or begins.
                    unsafe { Cell::drop_closure(self.0) };
                } else {
                    // SAFETY: it left all lists and nobody holds it.
                    unsafe { Cell::destroy(self.0) };
                }
            }
            Access::Direct(direct) => {
                // The cell holds what might be the last reference to the core that `direct` borrows.
                let core = cell.core.clone();
                cell.silence();
                K::detach(cell, direct.on_loop());
                let is_held = cell.hold.leave_to_holders();
                drop(direct);
                // Outside the direct section: a closure's destructor is user code. A held cell is no longer
                // ours: whoever receives the command may be freeing it already.
                if !is_held {
                    // SAFETY: it left all lists and nobody holds it.
                    unsafe { Cell::destroy(self.0) };
                }
                drop(core);
            }
            Access::Remote => {
                let core = cell.core.clone();
                cell.silence();
                let may_wait = !inside_callback();
                if may_wait {
                    core.wait_for_callback(cell);
                }
                // After the wait the loop can only be trying in vain to claim a callback.
                if may_wait || !core.current.is(cell) {
                    // SAFETY: none runs, and no claim gets past the mark, so none begins.
                    unsafe { Cell::drop_closure(self.0) };
                }
                core.send(super::core::Command::Reap(Garbage::new(self.0)));
            }
        }
    }
}

/// What is to be dropped outside of direct sections and callbacks of its own, since its destructor is user code.
pub(crate) enum Waste {
    Cell { _cell: Garbage },
    Watchdog { _registration: Registration },
}

impl From<Garbage> for Waste {
    fn from(cell: Garbage) -> Waste {
        Waste::Cell { _cell: cell }
    }
}

impl From<Registration> for Waste {
    fn from(registration: Registration) -> Waste {
        Waste::Watchdog { _registration: registration }
    }
}

/// A cell on its way out, its kind forgotten.
pub(crate) struct Garbage {
    cell: NonNull<()>,
    retire: unsafe fn(NonNull<()>, OnLoop<'_>),
    destroy: unsafe fn(NonNull<()>),
}

// SAFETY: closures are `Send`, and the cell is nobody else's.
unsafe impl Send for Garbage {}

impl Garbage {
    fn new<K: Kind>(cell: NonNull<Cell<K>>) -> Garbage {
        unsafe fn retire<K: Kind>(cell: NonNull<()>, on_loop: OnLoop<'_>) {
            // SAFETY: made from a `Cell<K>` below.
            let cell = unsafe { cell.cast::<Cell<K>>().as_ref() };
            K::detach(cell, on_loop);
            on_loop.collect(cell);
        }
        unsafe fn destroy<K: Kind>(cell: NonNull<()>) {
            // SAFETY: made from a `Cell<K>` below; the receiver owns it.
            unsafe { Cell::destroy(cell.cast::<Cell<K>>()) };
        }
        Garbage { cell: cell.cast(), retire: retire::<K>, destroy: destroy::<K> }
    }

    /// For a destroyed cell that has left all lists, and that nobody holds.
    ///
    /// # Safety
    /// The caller owns the cell.
    pub(crate) unsafe fn detached<K: Kind>(cell: &Cell<K>) -> Garbage {
        Garbage::new(NonNull::from(cell))
    }

    /// Has it leave all lists, and freed once that is safe.
    pub(crate) fn retire(self, on_loop: OnLoop<'_>) {
        let this = ManuallyDrop::new(self);
        // SAFETY: the type is the one it was made with.
        unsafe { (this.retire)(this.cell, on_loop) };
    }
}

impl OnLoop<'_> {
    /// The cell that a command is about; none if that was destroyed meanwhile.
    pub(crate) fn receive<'a, K: Kind>(self, held: Held<K>) -> Option<&'a Cell<K>> {
        // SAFETY: it is held until now. Later, this thread alone frees it, as the loop's owner.
        let cell: &'a Cell<K> = unsafe { held.0.as_ref() };
        match cell.hold.receive() {
            Received::Alive => return Some(cell),
            // SAFETY: it left all lists when it was destroyed, and nobody holds it any more.
            Received::Dead => self.discard(unsafe { Garbage::detached(cell) }),
            Received::Held => {}
        }
        None
    }

    /// Frees a destroyed cell that has left all lists, once that is safe.
    pub(crate) fn collect<K: Kind>(self, cell: &Cell<K>) {
        if !cell.hold.leave_to_holders() {
            // SAFETY: it left all lists, and nobody holds it.
            self.discard(unsafe { Garbage::detached(cell) });
        }
    }
}

impl Drop for Garbage {
    fn drop(&mut self) {
        // SAFETY: it left all lists (`detach`), and garbage is owned.
        unsafe { (self.destroy)(self.cell) };
    }
}
