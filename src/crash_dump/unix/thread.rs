//! Which threads run loops, for a handler that must not touch thread-locals that its thread never had: in a library
//! that was loaded late, the first access allocates.
//!
//! A thread that runs a loop for the first time takes a record from a list that only grows, and gives it back when it
//! ends. The handler looks for the record of its thread; where there is one, the thread has its thread-locals.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::signal_stack::SignalStack;
use super::{is_installed, turn};

struct Record {
    /// As [`this`]; 0: free to take.
    thread: AtomicUsize,
    next: *mut Record,
}

static RECORDS: AtomicPtr<Record> = AtomicPtr::new(ptr::null_mut());

/// This thread's number: not zero, no other living thread's, and the same in a forked child.
pub(super) fn this() -> usize {
    // SAFETY: it only asks.
    unsafe { libc::pthread_self() as usize }
}

fn records() -> impl Iterator<Item = &'static Record> {
    // SAFETY: records are never freed, nor changed but for their atomic.
    let mut next = unsafe { RECORDS.load(Ordering::Acquire).as_ref() };
    std::iter::from_fn(move || {
        let record = next?;
        // SAFETY: as above.
        next = unsafe { record.next.as_ref() };
        Some(record)
    })
}

/// Whether this thread runs loops, or did.
pub(super) fn has_run_loops() -> bool {
    records().any(|record| record.thread.load(Ordering::Relaxed) == this())
}

/// In a forked child: the others stayed in the parent, and their numbers may come again.
pub(crate) fn forget_other_threads() {
    for record in records() {
        if record.thread.load(Ordering::Relaxed) != this() {
            record.thread.store(0, Ordering::Relaxed);
        }
    }
    turn::forget_others();
}

/// What a thread that runs loops has of ours.
struct LoopThread {
    record: &'static Record,
    stack: RefCell<Option<SignalStack>>,
}

thread_local! {
    /// Whether the thread is known, before anything else that costs more is asked.
    static KNOWN: Cell<bool> = const { Cell::new(false) };
    static LOOP_THREAD: LoopThread = LoopThread::new();
}

impl LoopThread {
    fn new() -> LoopThread {
        LoopThread { record: take_record(), stack: RefCell::new(None) }
    }
}

impl Drop for LoopThread {
    fn drop(&mut self) {
        self.record.thread.store(0, Ordering::Release);
    }
}

fn take_record() -> &'static Record {
    let me = this();
    let free = records()
        .find(|record| record.thread.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed).is_ok());
    free.unwrap_or_else(|| {
        let record = Box::leak(Box::new(Record { thread: AtomicUsize::new(me), next: ptr::null_mut() }));
        let mut first = RECORDS.load(Ordering::Relaxed);
        loop {
            record.next = first;
            match RECORDS.compare_exchange_weak(first, record, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return record,
                Err(now) => first = now,
            }
        }
    })
}

/// A thread enters a loop: makes it known, and while crash dumps are installed, gives it a stack for them.
#[inline]
pub(crate) fn enter_loop() {
    if !KNOWN.get() || is_installed() {
        prepare();
    }
}

#[cold]
fn prepare() {
    // A thread that is ending, whose thread-locals are gone, has no dump.
    let _ = LOOP_THREAD.try_with(|thread| {
        if is_installed() {
            thread.stack.borrow_mut().get_or_insert_with(SignalStack::install_if_needed);
        }
    });
    KNOWN.set(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_known_from_its_first_loop_to_its_end() {
        let first = std::thread::spawn(|| {
            assert!(!has_run_loops());
            enter_loop();
            enter_loop();
            assert!(has_run_loops());
            let mine = records().filter(|record| record.thread.load(Ordering::Relaxed) == this());
            assert_eq!(mine.count(), 1);
        });
        first.join().unwrap();
        // Its number may come again.
        std::thread::spawn(|| assert!(!has_run_loops())).join().unwrap();
    }
}
