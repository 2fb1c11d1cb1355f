//! When a process was started: with its number, that says which one is meant.

use crate::server::launch::ProcessId;

/// The process that now has the number `pid`. Its start is 0 if there is none, or the system does not tell.
pub(super) fn identify(pid: u32) -> ProcessId {
    ProcessId { pid, start: start_of(pid).unwrap_or(0) }
}

/// In microseconds after 1970.
#[cfg(target_vendor = "apple")]
fn start_of(pid: u32) -> Option<u64> {
    use std::mem::size_of;

    // SAFETY: all zeros are a value of this type.
    let mut info: libc::proc_bsdinfo = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::proc_bsdinfo>() as libc::c_int;
    // SAFETY: `info` is what belongs to the request, and valid for writing.
    let written = unsafe {
        libc::proc_pidinfo(pid as libc::c_int, libc::PROC_PIDTBSDINFO, 0, (&raw mut info).cast(), size)
    };
    (written == size).then(|| info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec)
}

/// In microseconds after 1970.
#[cfg(target_os = "freebsd")]
fn start_of(pid: u32) -> Option<u64> {
    let info: libc::kinfo_proc = query(&[libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, pid as _])?;
    Some(info.ki_start.tv_sec as u64 * 1_000_000 + info.ki_start.tv_usec as u64)
}

/// In microseconds after 1970.
#[cfg(target_os = "netbsd")]
fn start_of(pid: u32) -> Option<u64> {
    let size = std::mem::size_of::<libc::kinfo_proc2>() as libc::c_int;
    let name = [libc::CTL_KERN, libc::KERN_PROC2, libc::KERN_PROC_PID, pid as _, size, 1];
    let info: libc::kinfo_proc2 = query(&name)?;
    Some(u64::from(info.p_ustart_sec) * 1_000_000 + u64::from(info.p_ustart_usec))
}

/// In microseconds after 1970.
#[cfg(target_os = "openbsd")]
fn start_of(pid: u32) -> Option<u64> {
    let size = std::mem::size_of::<libc::kinfo_proc>() as libc::c_int;
    let name = [libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PID, pid as _, size, 1];
    let info: libc::kinfo_proc = query(&name)?;
    Some(info.p_ustart_sec * 1_000_000 + u64::from(info.p_ustart_usec))
}

/// What `sysctl` says; `None` if that is nothing, or not of this size.
#[cfg(any(target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
fn query<T>(name: &[libc::c_int]) -> Option<T> {
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    let mut size = std::mem::size_of::<T>();
    // SAFETY: a name of its length; at most `size` bytes are written.
    let failed = unsafe {
        libc::sysctl(
            name.as_ptr().cast_mut(),
            name.len() as _,
            value.as_mut_ptr().cast(),
            &mut size,
            std::ptr::null_mut(),
            0,
        )
    };
    // SAFETY: written as a whole; the callers ask for plain data.
    (failed == 0 && size == std::mem::size_of::<T>()).then(|| unsafe { value.assume_init() })
}

/// In clock ticks after boot.
#[cfg(target_os = "linux")]
fn start_of(pid: u32) -> Option<u64> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Field 2, the name, is in parentheses, and may contain any; field 22 is meant.
    line.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// Of the others we do not know how to ask.
#[cfg(not(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "linux"
)))]
fn start_of(_: u32) -> Option<u64> {
    None
}
