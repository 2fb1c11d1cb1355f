//! What all scaled timers of a dispatcher share, for any thread to set and read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::minimum::{ScaledTimerMinimum, ScaledTimerType, check_share};
use crate::dispatcher::core::{Access, Command, Core};
use crate::error::Error;

pub(crate) struct Scaling {
    /// The bits of a number.
    factor: AtomicU64,
    /// The words of the minimums of the types.
    minimums: [AtomicU64; ScaledTimerType::ALL.len()],
    tickets: AtomicU64,
    /// A command to look at the factor is on its way to the loop.
    pub(super) rescale_queued: AtomicBool,
    /// A driver sets the factor.
    pub(crate) is_driven: AtomicBool,
}

impl Scaling {
    pub(crate) fn new() -> Scaling {
        Scaling {
            factor: AtomicU64::new(1f64.to_bits()),
            minimums: [const { AtomicU64::new(1f64.to_bits()) }; ScaledTimerType::ALL.len()],
            tickets: AtomicU64::new(0),
            rescale_queued: AtomicBool::new(false),
            is_driven: AtomicBool::new(false),
        }
    }

    pub(crate) fn factor(&self) -> f64 {
        f64::from_bits(self.factor.load(Ordering::Acquire))
    }

    pub(crate) fn minimum(&self, of: ScaledTimerType) -> ScaledTimerMinimum {
        ScaledTimerMinimum::from_word(self.minimums[of as usize].load(Ordering::Relaxed))
    }

    pub(crate) fn set_minimum(&self, of: ScaledTimerType, minimum: ScaledTimerMinimum) {
        self.minimums[of as usize].store(minimum.to_word(), Ordering::Relaxed);
    }

    /// Numbers the enables of all timers in their order, from 1.
    pub(super) fn next_ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Core {
    pub(crate) fn set_scale_factor(&self, factor: f64) -> Result<(), Error> {
        let factor = check_share(factor, "the scale factor of timers")?;
        self.scaling.factor.store(factor.to_bits(), Ordering::Release);
        match self.access() {
            Access::Running(on_loop) => on_loop.rescale(),
            Access::Direct(direct) => {
                direct.on_loop().rescale();
                direct.on_loop().wake_on_release.set(true);
            }
            Access::Remote => {
                if !self.scaling.rescale_queued.swap(true, Ordering::AcqRel) {
                    self.send(Command::Rescale);
                }
            }
        }
        Ok(())
    }
}
