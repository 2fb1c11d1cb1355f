//! Whether the loop sleeps, so that waking it costs a system call only then (P7).
//!
//! Who queues work first makes it visible, then asks [`Sleep::interrupt`]; the loop first calls
//! [`Sleep::announce`], then looks for work once more. All four steps are sequentially consistent, so either
//! the loop sees the work or the other thread sees the sleep.

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicBool, Ordering, sequence_point};

/// True from before a poll that may wait, and outside `run()`, until somebody wakes the loop. Its cache line is
/// its own: producers read it with every post.
pub(crate) struct Sleep(CachePadded<AtomicBool>);

impl Sleep {
    /// Nobody runs a new loop: it sleeps.
    pub(crate) fn new() -> Sleep {
        Sleep(CachePadded::new(AtomicBool::new(true)))
    }

    /// The loop is about to sleep, unless it now finds work.
    pub(crate) fn announce(&self) {
        self.0.store(true, Ordering::SeqCst);
        sequence_point();
    }

    /// The loop is awake.
    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether the caller, of all who ask, is the one that must wake the loop.
    pub(crate) fn interrupt(&self) -> bool {
        sequence_point();
        self.0.load(Ordering::SeqCst) && self.0.swap(false, Ordering::SeqCst)
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::super::queue::Queue;
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;

    /// Two producers push and wake; a loop that found nothing and slept has been woken by at least one of them.
    #[test]
    fn loom_p7_no_wake_is_lost() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let queue = Arc::new(Queue::new());
            let sleep = Arc::new(Sleep::new());
            sleep.end();
            let wakes = Arc::new(AtomicUsize::new(0));
            let producers: Vec<_> = (0..2)
                .map(|value| {
                    let (queue, sleep, wakes) = (queue.clone(), sleep.clone(), wakes.clone());
                    loom::thread::spawn(move || {
                        queue.push(value);
                        if sleep.interrupt() {
                            wakes.fetch_add(1, Ordering::SeqCst);
                        }
                    })
                })
                .collect();
            sleep.announce();
            let slept = queue.is_empty();
            producers.into_iter().for_each(|producer| producer.join().unwrap());
            let wakes = wakes.load(Ordering::SeqCst);
            assert!(wakes <= 1, "one wake at most for each sleep");
            assert!(!slept || wakes == 1, "slept over queued work");
        });
    }
}
