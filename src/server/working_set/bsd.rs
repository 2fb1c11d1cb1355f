use std::mem::size_of;
use std::ptr;

#[cfg(not(target_os = "netbsd"))]
use libc::kinfo_proc as Info;
#[cfg(target_os = "netbsd")]
use libc::kinfo_proc2 as Info;

/// All processes, each with its parent.
pub(super) fn parents() -> Option<Vec<(u32, u32)>> {
    Some(query(EVERY, 0)?.iter().map(|info| (pid(info), parent(info))).collect())
}

/// The bytes of a process that are in memory.
pub(super) fn resident(pid: u32) -> Option<u64> {
    // SAFETY: takes a number, and gives one.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    Some(pages(query(libc::KERN_PROC_PID, pid)?.first()?) * page)
}

#[cfg(target_os = "freebsd")]
const EVERY: libc::c_int = libc::KERN_PROC_PROC;
#[cfg(not(target_os = "freebsd"))]
const EVERY: libc::c_int = libc::KERN_PROC_ALL;

#[cfg(target_os = "freebsd")]
fn pid(info: &Info) -> u32 {
    info.ki_pid as u32
}

#[cfg(target_os = "freebsd")]
fn parent(info: &Info) -> u32 {
    info.ki_ppid as u32
}

#[cfg(target_os = "freebsd")]
fn pages(info: &Info) -> u64 {
    info.ki_rssize as u64
}

#[cfg(not(target_os = "freebsd"))]
fn pid(info: &Info) -> u32 {
    info.p_pid as u32
}

#[cfg(not(target_os = "freebsd"))]
fn parent(info: &Info) -> u32 {
    info.p_ppid as u32
}

#[cfg(not(target_os = "freebsd"))]
fn pages(info: &Info) -> u64 {
    info.p_vm_rssize as u64
}

/// What is asked for, in room for so many answers.
fn name(what: libc::c_int, which: u32, room: usize) -> Vec<libc::c_int> {
    #[cfg(target_os = "netbsd")]
    let table = libc::KERN_PROC2;
    #[cfg(not(target_os = "netbsd"))]
    let table = libc::KERN_PROC;
    let mut name = vec![libc::CTL_KERN, table, what, which as libc::c_int];
    if cfg!(not(target_os = "freebsd")) {
        name.extend([size_of::<Info>() as libc::c_int, room as libc::c_int]);
    }
    name
}

fn query(what: libc::c_int, which: u32) -> Option<Vec<Info>> {
    let mut needed = 0;
    // SAFETY: without a buffer it only says how much there is.
    let asked = unsafe { sysctl(&name(what, which, 0), ptr::null_mut(), &mut needed) };
    // More may be started meanwhile.
    let room = needed / size_of::<Info>() + 64;
    let mut infos: Vec<Info> = Vec::with_capacity(room);
    let mut size = room * size_of::<Info>();
    // SAFETY: there is room for `size` bytes.
    let answered = unsafe { sysctl(&name(what, which, room), infos.as_mut_ptr(), &mut size) };
    if asked && answered {
        // SAFETY: so much was written of what is plain data.
        unsafe { infos.set_len(size / size_of::<Info>()) };
        return Some(infos);
    }
    None
}

/// # Safety
/// `infos` is null, or has room for `size` bytes.
unsafe fn sysctl(name: &[libc::c_int], infos: *mut Info, size: &mut usize) -> bool {
    // SAFETY: a name of its length; at most `size` bytes are written.
    let status = unsafe {
        libc::sysctl(name.as_ptr().cast_mut(), name.len() as _, infos.cast(), size, ptr::null_mut(), 0)
    };
    status == 0
}
