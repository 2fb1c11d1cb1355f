//! Futures on dispatchers.

pub(crate) mod oneshot;
