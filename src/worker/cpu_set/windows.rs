//! Windows numbers the CPUs of each group of 64 from 0 on; ours go on from one group to the next. A thread runs in one
//! group at a time.

use std::io;

use windows_sys::Win32::System::SystemInformation::GROUP_AFFINITY;
use windows_sys::Win32::System::Threading::{
    GetCurrentThread, GetThreadGroupAffinity, SetThreadGroupAffinity,
};

use super::CpuSet;
use crate::error::Error;

/// So many CPUs has a group at most.
const GROUP: usize = usize::BITS as usize;

pub(super) fn available() -> Result<CpuSet, Error> {
    let mut affinity = GROUP_AFFINITY::default();
    // SAFETY: valid for writing; the handle is always that of the calling thread.
    if unsafe { GetThreadGroupAffinity(GetCurrentThread(), &mut affinity) } == 0 {
        return Err(Error::os("asking which CPUs are ours", io::Error::last_os_error()));
    }
    let first = usize::from(affinity.Group) * GROUP;
    Ok((0..GROUP).filter(|cpu| affinity.Mask & 1 << cpu != 0).map(|cpu| first + cpu).collect())
}

/// They are of one group, since those are that are ours.
pub(super) fn bind_thread(cpus: &CpuSet) -> Result<(), Error> {
    let group = cpus.iter().next().unwrap_or(0) / GROUP;
    let mask = cpus.iter().filter(|cpu| cpu / GROUP == group).fold(0, |mask, cpu| mask | 1 << (cpu % GROUP));
    let affinity = GROUP_AFFINITY { Mask: mask, Group: group as u16, Reserved: [0; 3] };
    // SAFETY: valid for reading; the handle is always that of the calling thread.
    if unsafe { SetThreadGroupAffinity(GetCurrentThread(), &affinity, std::ptr::null_mut()) } == 0 {
        return Err(Error::os(format!("binding a thread to CPU {cpus}"), io::Error::last_os_error()));
    }
    Ok(())
}
