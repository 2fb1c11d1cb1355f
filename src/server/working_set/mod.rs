//! How much memory a server's processes use.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(target_vendor = "apple", path = "apple.rs")]
#[cfg_attr(any(target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"), path = "bsd.rs")]
#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(
    not(any(
        target_os = "linux",
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        windows
    )),
    path = "other.rs"
)]
mod system;

use std::collections::HashMap;

/// The resident bytes of a process and all its descendants; `None` if the process is gone, or the system does not
/// say.
pub(super) fn of_tree(root: u32) -> Option<u64> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (pid, parent) in system::parents()? {
        children.entry(parent).or_default().push(pid);
    }
    let mut total = system::resident(root)?;
    let mut left = children.remove(&root).unwrap_or_default();
    while let Some(pid) = left.pop() {
        // It may have ended just now.
        total += system::resident(pid).unwrap_or(0);
        left.extend(children.remove(&pid).unwrap_or_default());
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_processes_use_memory() {
        assert!(of_tree(std::process::id()).is_some_and(|bytes| bytes > 100_000));
        assert_eq!(of_tree(u32::MAX), None);
    }
}
