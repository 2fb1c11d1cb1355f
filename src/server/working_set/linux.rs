use std::fs;

/// All processes, each with its parent.
pub(super) fn parents() -> Option<Vec<(u32, u32)>> {
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    // One that has just ended has no `stat` any more.
    Some(pids.filter_map(|pid| Some((pid, stat(pid)?.0))).collect())
}

/// The bytes of a process that are in memory.
pub(super) fn resident(pid: u32) -> Option<u64> {
    Some(stat(pid)?.1 * page_size()?)
}

fn stat(pid: u32) -> Option<(u32, u64)> {
    read_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
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
}
