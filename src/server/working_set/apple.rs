use std::mem::{self, MaybeUninit};
use std::ptr;

/// All processes that we may look at, each with its parent.
pub(super) fn parents() -> Option<Vec<(u32, u32)>> {
    // SAFETY: without a buffer it only counts.
    let count = unsafe { libc::proc_listallpids(ptr::null_mut(), 0) };
    // More may be started meanwhile.
    let mut pids: Vec<libc::pid_t> = vec![0; usize::try_from(count).ok()? + 64];
    let size = mem::size_of_val(&*pids) as libc::c_int;
    // SAFETY: at most the buffer is written.
    let count = unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast(), size) };
    pids.truncate(usize::try_from(count).ok()?);
    let with_parent = |pid: libc::pid_t| {
        // SAFETY: what belongs to the request, and plain data.
        let info: libc::proc_bsdinfo = unsafe { query(pid, libc::PROC_PIDTBSDINFO)? };
        Some((pid as u32, info.pbi_ppid))
    };
    Some(pids.into_iter().filter_map(with_parent).collect())
}

/// The bytes of a process that are in memory.
pub(super) fn resident(pid: u32) -> Option<u64> {
    // SAFETY: what belongs to the request, and plain data.
    let info: libc::proc_taskinfo = unsafe { query(pid.try_into().ok()?, libc::PROC_PIDTASKINFO)? };
    Some(info.pti_resident_size)
}

/// # Safety
/// `T` is what belongs to `request`, and plain data.
unsafe fn query<T>(pid: libc::pid_t, request: libc::c_int) -> Option<T> {
    let mut info = MaybeUninit::<T>::zeroed();
    let size = mem::size_of::<T>() as libc::c_int;
    // SAFETY: at most `size` bytes are written.
    let written = unsafe { libc::proc_pidinfo(pid, request, 0, info.as_mut_ptr().cast(), size) };
    // SAFETY: written as a whole.
    (written == size).then(|| unsafe { info.assume_init() })
}
