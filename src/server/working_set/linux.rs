use std::collections::HashMap;
use std::fs;

pub(in crate::server) fn of_tree(root: u32) -> Option<u64> {
    let page = page_size()?;
    let mut resident = HashMap::new();
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that has just ended has no `stat` any more.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some((parent, pages)) = read_stat(&stat) {
            resident.insert(pid, pages * page);
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut total = *resident.get(&root)?;
    let mut left = children.remove(&root).unwrap_or_default();
    while let Some(pid) = left.pop() {
        total += resident.get(&pid).copied().unwrap_or(0);
        left.extend(children.remove(&pid).unwrap_or_default());
    }
    Some(total)
}

/// Fields 4 and 24 of `/proc/<pid>/stat`: the parent, and the resident pages. The second field, in parentheses,
/// may hold anything.
fn read_stat(stat: &str) -> Option<(u32, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let pages = fields.nth(19)?.parse().ok()?;
    Some((parent, pages))
}

fn page_size() -> Option<u64> {
    // SAFETY: takes a number, and gives one.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_stat_may_hold_anything() {
        let fields: Vec<_> = (5..24).map(|field| field.to_string()).collect();
        let stat = format!("7 (a) b ( c) S 3 {} 99 1", fields.join(" "));
        assert_eq!(read_stat(&stat), Some((3, 99)));
        assert_eq!(read_stat("nonsense"), None);
    }

    #[test]
    fn our_own_processes_use_memory() {
        assert!(of_tree(std::process::id()).is_some_and(|bytes| bytes > 100_000));
        assert_eq!(of_tree(u32::MAX), None);
    }
}
