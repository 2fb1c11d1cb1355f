//! Futures on dispatchers.
