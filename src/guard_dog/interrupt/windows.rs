//! Windows cannot interrupt a thread to have it walk its own stack, and to walk that of a suspended one takes locks which
//! it may hold.

use crate::error::Error;

/// None is sent.
pub(in crate::guard_dog) const SIGNAL: i32 = 0;

/// There is nothing to prepare.
pub(in crate::guard_dog) fn prepare(_: i32) -> Result<(), Error> {
    Ok(())
}

pub(in crate::guard_dog) fn stack_of(_: i32, _: i32) -> Result<Vec<usize>, Error> {
    Err(Error::Unavailable("on Windows no thread can be asked for its stack".into()))
}
