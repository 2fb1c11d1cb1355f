//! Where the code stood that a signal interrupted: what a handler gets says so, in each system's and machine's own way.

use std::ffi::c_void;

/// None, where we do not know where to look.
///
/// # Safety
/// The context is that of a handler.
pub(super) unsafe fn interrupted_at(context: *mut c_void) -> Option<usize> {
    // SAFETY: the caller's promise.
    unsafe { read(context) }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
unsafe fn read(context: *mut c_void) -> Option<usize> {
    // SAFETY: the caller's promise.
    let machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    Some(machine.gregs[libc::REG_RIP as usize] as usize)
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
unsafe fn read(context: *mut c_void) -> Option<usize> {
    // SAFETY: the caller's promise.
    Some(unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.pc } as usize)
}

#[cfg(all(target_os = "freebsd", target_arch = "x86_64"))]
unsafe fn read(context: *mut c_void) -> Option<usize> {
    // SAFETY: the caller's promise.
    Some(unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.mc_rip } as usize)
}

#[cfg(all(target_os = "freebsd", target_arch = "aarch64"))]
unsafe fn read(context: *mut c_void) -> Option<usize> {
    // SAFETY: the caller's promise.
    Some(unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.mc_gpregs.gp_elr } as usize)
}

#[cfg(all(target_os = "netbsd", target_arch = "x86_64"))]
unsafe fn read(context: *mut c_void) -> Option<usize> {
    // SAFETY: the caller's promise.
    let machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    Some(machine.__gregs[libc::_REG_RIP as usize] as usize)
}

#[cfg(all(target_os = "openbsd", target_arch = "x86_64"))]
unsafe fn read(context: *mut c_void) -> Option<usize> {
    // SAFETY: the caller's promise.
    Some(unsafe { (*context.cast::<libc::ucontext_t>()).sc_rip } as usize)
}

#[cfg(all(target_vendor = "apple", any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn read(context: *mut c_void) -> Option<usize> {
    /// Its `ucontext_t`.
    #[repr(C)]
    struct Context {
        on_stack: i32,
        mask: u32,
        stack: libc::stack_t,
        link: *mut c_void,
        machine_size: usize,
        machine: *const Machine,
    }

    /// The beginning of its `mcontext_t`.
    #[repr(C)]
    struct Machine {
        exception: [u64; 2],
        registers: [u64; 33],
    }

    /// After rax to r15; after x0 to x28, fp, lr and sp.
    const PROGRAM_COUNTER: usize = if cfg!(target_arch = "x86_64") { 16 } else { 32 };

    // SAFETY: the caller's promise; the kernel's layout, whose machine part lives as long.
    Some(unsafe { (*(*context.cast::<Context>()).machine).registers[PROGRAM_COUNTER] } as usize)
}

#[cfg(not(any(
    all(
        any(target_os = "linux", target_os = "freebsd"),
        any(target_arch = "x86_64", target_arch = "aarch64")
    ),
    all(any(target_os = "netbsd", target_os = "openbsd"), target_arch = "x86_64"),
    all(target_vendor = "apple", any(target_arch = "x86_64", target_arch = "aarch64")),
)))]
unsafe fn read(_: *mut c_void) -> Option<usize> {
    None
}
