//! Actors on dispatchers.
