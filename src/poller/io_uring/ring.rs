//! One ring of the kernel: submissions, completions, and the one call between them.
//!
//! A ring is born disabled, and belongs to the thread that enables it: that thread alone may submit and wait, since the
//! kernel does the ring's work on it (SINGLE_ISSUER and what comes with it). It cannot be handed on.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use io_uring::types::{CancelBuilder, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, Probe, Submitter, cqueue, squeue};

use super::operation::Supply;
use crate::dispatcher::Nanos;
use crate::error::Error;
use crate::fork;

/// Room for submissions; when it is used up, they are submitted early.
const SUBMISSIONS: u32 = 256;
/// Room for completions. What finds none waits in the kernel, but ends its multishot request. Also, the kernel finds a
/// request to cancel the faster the larger this is.
const COMPLETIONS: u32 = 4096;

/// When the kernel does its part of a request that has become ready; always on the ring's thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// When that thread asks for it, all in one go. Linux 6.1.
    OnRequest,
    /// When that thread next enters the kernel. Linux 5.19.
    InPassing,
    /// At once, interrupting that thread: what somebody else needs who watches the ring's fd.
    Unasked,
}

pub(super) struct Ring {
    ring: ManuallyDrop<IoUring>,
    /// The user data of what the kernel has not taken yet, in its order.
    unsubmitted: Vec<u64>,
    supply: Option<Arc<dyn Supply>>,
    service: Service,
    fork_generation: u32,
}

impl Ring {
    /// A disabled one, served as said or, if this kernel cannot do that, in the next way.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where rings are refused or lack what is needed, [`Error::Os`] where something ran out.
    pub(super) fn new(service: Service) -> Result<Ring, Error> {
        let (ring, service) = set_up(service).map_err(explain)?;
        let parameters = ring.params();
        // The latter came with multishot polls, which have no mark of their own.
        if !parameters.is_feature_ext_arg() || !parameters.is_feature_resource_tagging() {
            return Err(too_old());
        }
        // A filter may let rings pass, but not their use.
        ring.submitter().register_probe(&mut Probe::new()).map_err(explain)?;
        match ring.submit() {
            Err(error) if error.raw_os_error() != Some(libc::EBADFD) => Err(explain(error)),
            // Refused, since it is disabled.
            _ => Ok(Ring {
                ring: ManuallyDrop::new(ring),
                unsubmitted: Vec::new(),
                supply: None,
                service,
                fork_generation: fork::generation(),
            }),
        }
    }

    /// Makes it the calling thread's.
    pub(super) fn enable(&self) -> io::Result<()> {
        self.ring.submitter().register_enable_rings()
    }

    pub(super) fn service(&self) -> Service {
        self.service
    }

    pub(super) fn fd(&self) -> i32 {
        self.ring.as_raw_fd()
    }

    /// Has its requests do nothing more, for another thread, or another ring, that goes on in its place. Nobody asks it
    /// any more; one that works unasked is told.
    pub(super) fn stop(&self) {
        if self.service != Service::OnRequest {
            self.cancel_now(CancelBuilder::any());
        }
    }

    /// Has such requests do nothing more; for its own thread, or any if it works unasked.
    pub(super) fn cancel_now(&self, which: CancelBuilder) {
        // It fails when there is nothing to cancel.
        let _ = self.ring.submitter().register_sync_cancel(None, which);
    }

    /// Whether completions wait in the kernel for room.
    pub(super) fn has_overflow(&mut self) -> bool {
        self.ring.submission().cq_overflow()
    }

    /// Registers buffers with it.
    pub(super) fn set_supply<S: Supply + 'static>(
        &mut self,
        register: impl FnOnce(&Submitter<'_>) -> io::Result<Arc<S>>,
    ) -> io::Result<Arc<S>> {
        let supply = register(&self.ring.submitter())?;
        self.supply = Some(supply.clone());
        Ok(supply)
    }

    /// Submits `entry` with the next [`Ring::enter`], or earlier if there is no room until then.
    ///
    /// # Safety
    /// What the entry points to stays valid until its completion.
    pub(super) unsafe fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: the caller's promise.
        if unsafe { self.ring.submission().push(entry) }.is_err() {
            self.enter(Some(0), 0)?;
            // SAFETY: the caller's promise.
            let pushed = unsafe { self.ring.submission().push(entry) };
            pushed.map_err(|_| io::Error::from_raw_os_error(libc::EBUSY))?;
        }
        self.unsubmitted.push(entry.get_user_data());
        Ok(())
    }

    pub(super) fn has_unsubmitted(&self) -> bool {
        !self.unsubmitted.is_empty()
    }

    /// The user data of what the kernel has not taken.
    pub(super) fn unsubmitted(&self) -> &[u64] {
        &self.unsubmitted
    }

    /// After a call: forgets what the kernel has taken.
    fn note_submitted(&mut self) {
        let taken = self.unsubmitted.len() - self.ring.submission().len();
        self.unsubmitted.drain(..taken);
    }

    /// Whether the kernel has completions that it can deliver only inside a call.
    pub(super) fn has_work(&mut self) -> bool {
        self.has_tasks() || self.has_overflow()
    }

    /// Whether it has something to do that it does only inside a call. Now and then it says so when it has done all:
    /// the mark may be set after the work was found.
    pub(super) fn has_tasks(&mut self) -> bool {
        self.ring.submission().taskrun()
    }

    /// Whether nothing at all has happened since completions were last taken out; if that can be told by other threads
    /// than the ring's.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.service == Service::OnRequest && !self.has_work() && !self.has_completions()
    }

    pub(super) fn has_completions(&mut self) -> bool {
        self.completion_count() > 0
    }

    /// How many completions there are to take out.
    pub(super) fn completion_count(&mut self) -> usize {
        self.ring.completion().len()
    }

    /// Submits, and does nothing else.
    pub(super) fn submit(&mut self) -> io::Result<()> {
        let unsubmitted = self.unsubmitted.len() as u32;
        // SAFETY: there are no arguments.
        let entered = unsafe { self.ring.submitter().enter::<()>(unsubmitted, 0, 0, None) };
        self.note_submitted();
        entered.map(drop)
    }

    /// Has the kernel deliver what has completed, and submits nothing.
    pub(super) fn serve(&mut self) -> io::Result<()> {
        // SAFETY: there are no arguments.
        let entered = unsafe { self.ring.submitter().enter::<()>(0, 0, EnterFlags::GETEVENTS.bits(), None) };
        entered.map(drop)
    }

    /// Submits, and waits until there are `want` completions or `timeout` is over. Early returns are harmless.
    pub(super) fn enter(&mut self, timeout: Option<Nanos>, want: u32) -> io::Result<()> {
        let unsubmitted = self.unsubmitted.len() as u32;
        let flags = (EnterFlags::GETEVENTS | EnterFlags::EXT_ARG).bits();
        let limit = timeout
            .filter(|_| want > 0)
            .map(|nanos| Timespec::new().sec(nanos / 1_000_000_000).nsec((nanos % 1_000_000_000) as u32));
        let mut arguments = SubmitArgs::new();
        if let Some(limit) = &limit {
            arguments = arguments.timespec(limit);
        }
        // SAFETY: the arguments are what the flags announce, and live through the call.
        let entered = unsafe { self.ring.submitter().enter(unsubmitted, want, flags, Some(&arguments)) };
        self.note_submitted();
        match entered {
            Ok(_) => Ok(()),
            // The time is over; a signal; no room for completions, which are to be taken out first.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY)) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes out the completions that there are.
    pub(super) fn completions(&mut self) -> cqueue::CompletionQueue<'_> {
        self.ring.completion()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if fork::generation() == self.fork_generation {
            // Many kernels have its thread go on with what has become ready, which then finds nothing to receive into.
            if let Some(supply) = &self.supply {
                supply.withdraw();
            }
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.ring) };
        } else {
            // The maps did not come along, and something else may lie in their place.
            // SAFETY: the fd is this process's copy, and nothing uses it any more.
            unsafe { libc::close(self.ring.as_raw_fd()) };
        }
    }
}

fn set_up(mut service: Service) -> io::Result<(IoUring, Service)> {
    loop {
        let mut builder = IoUring::builder();
        builder.dontfork().setup_clamp().setup_r_disabled().setup_cqsize(COMPLETIONS);
        let next = match service {
            Service::OnRequest => {
                builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_submit_all();
                Some(Service::InPassing)
            }
            Service::InPassing => {
                builder.setup_coop_taskrun().setup_taskrun_flag().setup_submit_all();
                Some(Service::Unasked)
            }
            Service::Unasked => None,
        };
        match (builder.build(SUBMISSIONS), next) {
            (Err(error), Some(next)) if error.raw_os_error() == Some(libc::EINVAL) => service = next,
            (ring, _) => return ring.map(|ring| (ring, service)),
        }
    }
}

/// Says why there is no ring.
fn explain(error: io::Error) -> Error {
    let why = match error.raw_os_error() {
        Some(libc::ENOSYS) => "this kernel has none, or a filter of system calls hides it".into(),
        Some(libc::EPERM | libc::EACCES) => {
            match std::fs::read_to_string("/proc/sys/kernel/io_uring_disabled") {
                Ok(setting) if setting.trim() != "0" => {
                    format!("refused by the system's setting kernel.io_uring_disabled = {}", setting.trim())
                }
                _ => "refused, as by a filter of system calls".into(),
            }
        }
        Some(libc::EINVAL) => return too_old(),
        _ => return Error::os("creating an io_uring", error),
    };
    Error::Unavailable(format!("io_uring: {why}"))
}

fn too_old() -> Error {
    Error::Unavailable("io_uring: this kernel's is too old, it takes Linux 5.13".into())
}
