/// How many forks lie between the first process that used the library and this one: none.
pub(crate) fn generation() -> u32 {
    0
}

/// There is nothing to count.
pub(crate) fn watch() {}
