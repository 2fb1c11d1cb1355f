//! No poller is built in for this system, so there is nothing to wake.

pub(crate) enum Waker {}

impl Waker {
    pub(crate) fn wake(&self) {
        match *self {}
    }
}
