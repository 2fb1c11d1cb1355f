use std::io;
use std::task::{Context, Poll};

use crate::dispatcher::Handle;
use crate::error::Error;

pub(super) enum Source {}

impl Source {
    pub(super) fn of(_: &Handle, _: u32) -> Result<Source, Error> {
        Err(Error::Unavailable("processes cannot be waited for on Windows yet".into()))
    }

    pub(super) fn poll(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match *self {}
    }
}
