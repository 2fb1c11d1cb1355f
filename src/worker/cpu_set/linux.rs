use std::io;

use super::CpuSet;
use crate::error::Error;

/// The kernel's masks are rows of these.
type Word = libc::c_ulong;
const BITS: usize = Word::BITS as usize;
/// Words of the first mask that is tried, for 1024 CPUs, and of the largest.
const USUAL: usize = 1024 / BITS;
const LARGEST: usize = USUAL << 10;

pub(super) fn available() -> Result<CpuSet, Error> {
    let mut mask: Vec<Word> = vec![0; USUAL];
    loop {
        // SAFETY: the mask is as long as said; 0 is the calling thread.
        let result = unsafe { libc::sched_getaffinity(0, size_of_val(&*mask), mask.as_mut_ptr().cast()) };
        if result == 0 {
            break;
        }
        let error = io::Error::last_os_error();
        // The kernel knows of more CPUs than the mask has room for.
        if error.raw_os_error() != Some(libc::EINVAL) || mask.len() >= LARGEST {
            return Err(Error::os("asking which CPUs are ours", error));
        }
        mask = vec![0; mask.len() * 2];
    }
    Ok((0..mask.len() * BITS).filter(|cpu| mask[cpu / BITS] & (1 << (cpu % BITS)) != 0).collect())
}

pub(super) fn bind_thread(cpus: &CpuSet) -> Result<(), Error> {
    let words = cpus.iter().last().map_or(0, |last| last / BITS + 1);
    let mut mask: Vec<Word> = vec![0; words];
    cpus.iter().for_each(|cpu| mask[cpu / BITS] |= 1 << (cpu % BITS));
    // SAFETY: the mask is as long as said; 0 is the calling thread.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&*mask), mask.as_ptr().cast()) } {
        0 => Ok(()),
        _ => Err(Error::os(format!("binding a thread to CPU {cpus}"), io::Error::last_os_error())),
    }
}
