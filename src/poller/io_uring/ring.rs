//! One ring of the kernel: submissions, completions, and the one call between them.
//!
//! A ring is born disabled, and belongs to the thread that enables it: that thread alone may submit and wait, since the
//! kernel does the ring's work on it (SINGLE_ISSUER and what comes with it). It cannot be handed on.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;

use io_uring::types::{CancelBuilder, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, squeue};

use crate::dispatcher::Nanos;
use crate::error::Error;
use crate::fork;

/// Room for submissions; when it is used up, they are submitted early.
const SUBMISSIONS: u32 = 256;
/// Room for completions. What finds none waits in the kernel, but ends its multishot request. Also, the kernel finds a
/// request to cancel the faster the larger this is.
const COMPLETIONS: u32 = 4096;

/// When the kernel does its part of a request that has become ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// When the ring's thread asks for it, if this kernel can do that: cheapest, all in one go.
    OnRequest,
    /// At once, on the ring's thread, which is interrupted for it: what somebody else needs who watches the ring's fd.
    Unasked,
}

pub(super) struct Ring {
    ring: ManuallyDrop<IoUring>,
    service: Service,
    fork_generation: u32,
}

impl Ring {
    /// A disabled one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where rings are refused or lack what is needed, [`Error::Os`] where something ran out.
    pub(super) fn new(service: Service) -> Result<Ring, Error> {
        let ring = set_up(service).map_err(explain)?;
        let parameters = ring.params();
        // The latter came with multishot polls, Linux 5.13, which have no mark of their own.
        if !parameters.is_feature_ext_arg() || !parameters.is_feature_resource_tagging() {
            return Err(Error::Unavailable("io_uring: it needs Linux 5.13".into()));
        }
        let ring = Ring { ring: ManuallyDrop::new(ring), service, fork_generation: fork::generation() };
        match ring.ring.submit() {
            // While it is disabled: so the call itself is not refused.
            Err(error) if error.raw_os_error() == Some(libc::EBADFD) => Ok(ring),
            Err(error) => Err(explain(error)),
            Ok(_) => Ok(ring),
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

    /// Whether it does its work only when its thread asks for it.
    pub(super) fn is_asked(&self) -> bool {
        self.ring.params().is_setup_single_issuer()
    }

    /// Has its requests do nothing more, for another thread, or another ring, that goes on in its place. Nobody asks it
    /// any more; one that works unasked is told.
    pub(super) fn stop(&self) {
        if !self.is_asked() {
            // It fails when there is nothing to cancel.
            let _ = self.ring.submitter().register_sync_cancel(None, CancelBuilder::any());
        }
    }

    /// Whether completions wait in the kernel for room.
    pub(super) fn has_overflow(&mut self) -> bool {
        self.ring.submission().cq_overflow()
    }

    /// For what is registered with a ring, as buffers are.
    pub(super) fn submitter(&self) -> io_uring::Submitter<'_> {
        self.ring.submitter()
    }

    /// Submits `entry` with the next [`Ring::enter`], or earlier if there is no room until then.
    ///
    /// # Safety
    /// What the entry points to stays valid until its completion.
    pub(super) unsafe fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        // SAFETY: the caller's promise.
        if unsafe { self.ring.submission().push(entry) }.is_ok() {
            return Ok(());
        }
        self.enter(Some(0), 0)?;
        // SAFETY: the caller's promise.
        let pushed = unsafe { self.ring.submission().push(entry) };
        pushed.map_err(|_| io::Error::from_raw_os_error(libc::EBUSY))
    }

    pub(super) fn has_unsubmitted(&mut self) -> bool {
        !self.ring.submission().is_empty()
    }

    /// Whether the kernel has completions that it can deliver only inside a call.
    pub(super) fn has_work(&mut self) -> bool {
        let submission = self.ring.submission();
        submission.taskrun() || submission.cq_overflow()
    }

    /// Has the kernel deliver them, all for which there is room.
    pub(super) fn work(&mut self) -> io::Result<()> {
        // It stops after a few, unless more are wanted.
        self.enter(Some(0), COMPLETIONS)
    }

    /// Whether nothing at all has happened since completions were last taken out; if that can be told by other threads
    /// than the ring's.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.is_asked() && !self.has_work() && !self.has_completions()
    }

    pub(super) fn has_completions(&mut self) -> bool {
        !self.ring.completion().is_empty()
    }

    /// Submits, and waits until there are `want` completions or `timeout` is over. Early returns are harmless.
    pub(super) fn enter(&mut self, timeout: Option<Nanos>, want: u32) -> io::Result<()> {
        let unsubmitted = self.ring.submission().len() as u32;
        let flags = (EnterFlags::GETEVENTS | EnterFlags::EXT_ARG).bits();
        let limit = timeout
            .filter(|_| want > 0)
            .map(|nanos| Timespec::new().sec(nanos / 1_000_000_000).nsec((nanos % 1_000_000_000) as u32));
        let mut arguments = SubmitArgs::new();
        if let Some(limit) = &limit {
            arguments = arguments.timespec(limit);
        }
        // SAFETY: the arguments are what the flags announce, and live through the call.
        match unsafe { self.ring.submitter().enter(unsubmitted, want, flags, Some(&arguments)) } {
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
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.ring) };
        } else {
            // The maps did not come along, and something else may lie in their place.
            // SAFETY: the fd is this process's copy, and nothing uses it any more.
            unsafe { libc::close(self.ring.as_raw_fd()) };
        }
    }
}

/// With the best ways to do the kernel's part that this kernel knows.
fn set_up(service: Service) -> io::Result<IoUring> {
    type Way = fn(&mut io_uring::Builder) -> &mut io_uring::Builder;
    let ways: [Way; 3] = [
        // Linux 6.1: on the loop's thread, and only when it asks.
        |ring| ring.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_submit_all(),
        // Linux 5.19: on the loop's thread when it comes by, without interrupting it.
        |ring| ring.setup_coop_taskrun().setup_taskrun_flag().setup_submit_all(),
        |ring| ring,
    ];
    let ways = if service == Service::OnRequest { &ways[..] } else { &ways[2..] };
    let mut outcome = Err(io::Error::from_raw_os_error(libc::EINVAL));
    for way in ways {
        let mut builder = IoUring::builder();
        way(builder.dontfork().setup_clamp().setup_r_disabled().setup_cqsize(COMPLETIONS));
        outcome = builder.build(SUBMISSIONS);
        match &outcome {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            _ => break,
        }
    }
    outcome
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
        Some(libc::EINVAL) => "this kernel's is too old, it needs Linux 5.13".into(),
        _ => return Error::os("creating an io_uring", error),
    };
    Error::Unavailable(format!("io_uring: {why}"))
}
