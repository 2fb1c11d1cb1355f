//! Whether a crew takes tasks, and which end of it is under way.
//!
//! Openings are numbered: who closed one, and comes late to destroy what is left, leaves a later one alone.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of an opening, and in the lower bits its phase.
pub(super) struct Gate(AtomicU64);

const PHASE: u64 = 3;
const NUMBER: u64 = PHASE + 1;
/// Takes tasks.
const OPEN: u64 = 0;
/// Takes none any more; what there is is done.
const DRAINING: u64 = 1;
/// What there is is destroyed.
const CLOSED: u64 = 2;

/// The end of one opening.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Closing(u64);

impl Gate {
    pub(super) fn closed() -> Gate {
        Gate(AtomicU64::new(CLOSED))
    }

    /// Takes tasks from now on.
    pub(super) fn open(&self) {
        let next = |word| Some(((word & !PHASE) + NUMBER) | OPEN);
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
    }

    /// Takes none any more.
    pub(super) fn close(&self) -> Closing {
        let next = |word| (word & PHASE == OPEN).then_some(word | DRAINING);
        let (Ok(word) | Err(word)) = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        Closing(word & !PHASE)
    }

    /// Whether what there is is to be destroyed from now on: not if it was opened anew after `closing`.
    pub(super) fn shut(&self, closing: Closing) -> bool {
        let next = |word| (word == closing.0 | DRAINING).then_some(closing.0 | CLOSED);
        let (Ok(word) | Err(word)) = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
        word & !PHASE == closing.0 && word & PHASE != OPEN
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst) & PHASE == OPEN
    }

    /// The end that is under way while what there is is done.
    pub(super) fn draining(&self) -> Option<Closing> {
        self.in_phase(DRAINING)
    }

    /// The end since which what there is is destroyed.
    pub(super) fn shut_by(&self) -> Option<Closing> {
        self.in_phase(CLOSED)
    }

    fn in_phase(&self, phase: u64) -> Option<Closing> {
        let word = self.0.load(Ordering::SeqCst);
        (word & PHASE == phase).then_some(Closing(word & !PHASE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_comes_late_leaves_the_next_opening_alone() {
        let gate = Gate::closed();
        assert!(!gate.is_open() && gate.shut_by().is_some());
        gate.open();
        let first = gate.close();
        assert_eq!((gate.close(), gate.draining(), gate.shut_by()), (first, Some(first), None));
        gate.open();
        assert!(!gate.shut(first) && gate.is_open());
        let second = gate.close();
        assert!(!gate.shut(first));
        assert_eq!(gate.draining(), Some(second));
        assert!(gate.shut(second) && gate.shut(second));
        assert_eq!((gate.close(), gate.draining(), gate.shut_by()), (second, None, Some(second)));
    }

    #[test]
    fn what_is_open_is_not_shut() {
        let gate = Gate::closed();
        gate.open();
        let closing = gate.close();
        gate.open();
        assert!(gate.draining().is_none() && !gate.shut(closing) && gate.is_open());
    }
}
