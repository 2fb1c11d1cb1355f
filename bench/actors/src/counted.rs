//! The function that instructions are counted in.

/// Calls `work`. `bench/guard.sh` has callgrind count inside this function alone, on any thread, and write a sum down
/// whenever it returns; `bench/guard.cc` has its twin.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn bench_counted(work: &mut dyn FnMut()) {
    work();
}
