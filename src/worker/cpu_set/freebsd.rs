use std::{io, mem};

use super::CpuSet;
use crate::error::Error;

/// As many CPUs as a set has bits.
const ROOM: usize = 8 * size_of::<libc::cpuset_t>();
/// The calling thread.
const THIS: libc::id_t = -1 as _;

pub(super) fn available() -> Result<CpuSet, Error> {
    // SAFETY: all-zero is the empty set, which is as long as said.
    let (result, mask) = unsafe {
        let mut mask: libc::cpuset_t = mem::zeroed();
        let length = size_of_val(&mask);
        let which = libc::CPU_WHICH_TID;
        (libc::cpuset_getaffinity(libc::CPU_LEVEL_WHICH, which, THIS, length, &mut mask), mask)
    };
    if result != 0 {
        return Err(Error::os("asking which CPUs are ours", io::Error::last_os_error()));
    }
    // SAFETY: it only reads the set.
    Ok((0..ROOM).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &mask) }).collect())
}

pub(super) fn bind_thread(cpus: &CpuSet) -> Result<(), Error> {
    // SAFETY: all-zero is the empty set, which is as long as said; the numbers are those of a former set.
    let result = unsafe {
        let mut mask: libc::cpuset_t = mem::zeroed();
        cpus.iter().filter(|cpu| *cpu < ROOM).for_each(|cpu| libc::CPU_SET(cpu, &mut mask));
        let length = size_of_val(&mask);
        libc::cpuset_setaffinity(libc::CPU_LEVEL_WHICH, libc::CPU_WHICH_TID, THIS, length, &mask)
    };
    match result {
        0 => Ok(()),
        _ => Err(Error::os(format!("binding a thread to CPU {cpus}"), io::Error::last_os_error())),
    }
}
