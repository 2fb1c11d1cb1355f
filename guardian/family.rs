//! The descendants of this process: what the server started, and what that started, whatever became of those in
//! between. Orphans among them become our children (see `adopt_orphans`), so each has a line of parents that ends
//! here.

use crate::sys::{self, Directory};
use crate::text::Text;

/// What /proc/<pid>/stat tells about a process.
pub struct Stat {
    parent: i32,
    group: i32,
    /// In clock ticks after boot.
    pub start: u64,
}

impl Stat {
    pub fn of(pid: i32) -> Option<Stat> {
        let path = Text::<32>::new().push(b"/proc/")?.push_number(pid)?.push(b"/stat")?;
        let mut buffer = [0; 1024];
        let line = sys::read_file(path.as_c_str(), &mut buffer)?;
        // The name is in parentheses, and may contain any. The state, field 3, follows.
        let name_end = line.iter().rposition(|&byte| byte == b')')?;
        let rest = line.get(name_end + 2..)?;
        let field = |number: usize| rest.split(|&byte| byte == b' ').nth(number - 3);
        let number = |number| core::str::from_utf8(field(number)?).ok();
        Some(Stat {
            parent: number(4)?.parse().ok()?,
            group: number(5)?.parse().ok()?,
            start: number(22)?.parse().ok()?,
        })
    }
}

/// More generations than any server has.
const GENERATIONS: usize = 1024;

/// All processes of the system, to find the descendants among them.
pub struct Family {
    processes: Directory,
    own_pid: i32,
}

impl Family {
    /// `None` without /proc.
    pub fn new() -> Option<Family> {
        Some(Family { processes: Directory::open(c"/proc")?, own_pid: sys::own_pid() })
    }

    /// Sends `signal` to each descendant, once: to those in `group` at one stroke, so that none slips away by a
    /// fork, then to the others one by one.
    pub fn signal(&self, group: i32, signal: i32) {
        let group_is_done = sys::signal_group(group, signal);
        let is_meant = |pid| self.contains(pid) && !(group_is_done && is_in(group, pid));
        self.processes.rewind();
        while let Some(pid) = self.processes.next_number() {
            if is_meant(pid) {
                sys::signal_process(pid, signal, is_meant);
            }
        }
    }

    fn contains(&self, pid: i32) -> bool {
        let mut ancestor = pid;
        for _ in 0..GENERATIONS {
            match Stat::of(ancestor) {
                Some(stat) if stat.parent == self.own_pid => return true,
                // Process 1, a thread of the kernel, or a process whose parent we cannot see.
                Some(stat) if stat.parent <= 1 => return false,
                Some(stat) => ancestor = stat.parent,
                None if ancestor == pid => return false,
                // It has ended since its child was looked at, and that has another parent now.
                None => ancestor = pid,
            }
        }
        false
    }
}

fn is_in(group: i32, pid: i32) -> bool {
    Stat::of(pid).is_some_and(|stat| stat.group == group)
}
