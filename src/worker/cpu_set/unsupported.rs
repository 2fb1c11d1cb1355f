use super::CpuSet;
use crate::error::Error;

fn unavailable() -> Error {
    Error::Unavailable("this system does not let a thread be bound to CPUs".into())
}

pub(super) fn available() -> Result<CpuSet, Error> {
    Err(unavailable())
}

pub(super) fn bind_thread(_: &CpuSet) -> Result<(), Error> {
    Err(unavailable())
}
