//! A stack for signal handlers on threads that run loops: a dump of a stack overflow cannot be written on the stack
//! that is full.

use std::{io, mem, ptr};

/// For a dump and the user's `dump_state`, which may use the streams of C++, and for crashes in it. Memory is used as
/// it is touched, so that the size costs address space alone.
const SIZE: usize = 256 << 10;

/// A stack of somebody else's that is left in place.
const ADEQUATE: usize = 64 << 10;

/// OpenBSD wants it, Linux and NetBSD know it. FreeBSD means another thing by it, a stack that grows.
#[cfg(not(any(target_vendor = "apple", target_os = "freebsd")))]
const FOR_STACKS: libc::c_int = libc::MAP_STACK;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
const FOR_STACKS: libc::c_int = 0;

/// The stack of one thread.
pub(super) struct SignalStack {
    /// None: the thread had an adequate one, or the system refused.
    _mapped: Option<Mapped>,
}

struct Mapped {
    /// With a page below it that cannot be touched.
    mapping: *mut libc::c_void,
    length: usize,
    stack: *mut libc::c_void,
    /// What was there before.
    former: libc::stack_t,
}

/// The stack in use by this thread's handlers.
fn current() -> io::Result<libc::stack_t> {
    exchange(None)
}

fn exchange(stack: Option<&libc::stack_t>) -> io::Result<libc::stack_t> {
    let stack = stack.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: all-zero is a valid stack_t; both live through the call, and whoever passes a stack keeps it mapped.
    unsafe {
        let mut former: libc::stack_t = mem::zeroed();
        if libc::sigaltstack(stack, &mut former) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(former)
    }
}

impl SignalStack {
    pub(super) fn install_if_needed() -> SignalStack {
        let is_adequate =
            current().is_ok_and(|stack| stack.ss_flags & libc::SS_DISABLE == 0 && stack.ss_size >= ADEQUATE);
        if is_adequate {
            return SignalStack { _mapped: None };
        }
        let mapped = Mapped::new().inspect_err(|error| {
            tracing::warn!(%error, "no stack for crash dumps, so none of a stack overflow on this thread");
        });
        SignalStack { _mapped: mapped.ok() }
    }
}

impl Mapped {
    fn new() -> io::Result<Mapped> {
        // SAFETY: it only asks.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let length = page + SIZE;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | FOR_STACKS;
        // SAFETY: a new mapping, wherever there is room.
        let mapping = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = mapping.wrapping_byte_add(page);
        let mut mapped = Mapped {
            mapping,
            length,
            stack,
            // SAFETY: all-zero is a valid stack_t.
            former: unsafe { mem::zeroed() },
        };
        // SAFETY: the first page of the mapping.
        if unsafe { libc::mprotect(mapping, page, libc::PROT_NONE) } != 0 {
            return Err(io::Error::last_os_error());
        }
        mapped.former = exchange(Some(&libc::stack_t { ss_sp: stack, ss_flags: 0, ss_size: SIZE }))?;
        Ok(mapped)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // Somebody else may have taken ours away, as Rust's threads do with whatever is there when they end; the former
        // one may be gone then.
        if current().is_ok_and(|stack| stack.ss_flags & libc::SS_DISABLE == 0 && stack.ss_sp == self.stack) {
            let _ = exchange(Some(&self.former));
        }
        // SAFETY: made by `new`, and in nobody's use: handlers of this thread run elsewhere now.
        unsafe { libc::munmap(self.mapping, self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_stack_is_replaced_and_comes_back() {
        // Threads of Rust have one that is too small.
        let before = current().unwrap();
        let stack = SignalStack::install_if_needed();
        let now = current().unwrap();
        assert_eq!((now.ss_flags & libc::SS_DISABLE, now.ss_size), (0, SIZE));
        let second = SignalStack::install_if_needed();
        assert!(second._mapped.is_none(), "the first one is large enough");
        drop(stack);
        let after = current().unwrap();
        assert_eq!(
            (after.ss_sp, after.ss_flags, after.ss_size),
            (before.ss_sp, before.ss_flags, before.ss_size)
        );
    }

    #[test]
    fn what_somebody_else_put_in_its_place_stays() {
        let stack = SignalStack::install_if_needed();
        // SAFETY: all-zero is a valid stack_t.
        let none = libc::stack_t { ss_flags: libc::SS_DISABLE, ..unsafe { mem::zeroed() } };
        exchange(Some(&none)).unwrap();
        drop(stack);
        assert_ne!(current().unwrap().ss_flags & libc::SS_DISABLE, 0);
    }
}
