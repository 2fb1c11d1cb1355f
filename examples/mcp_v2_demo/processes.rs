//! The processes that were started, by their numbers in `/proc`, and whether they are gone.

use std::error::Error;
use std::{fs, io, process};

use super::page::Page;

#[derive(Default)]
pub struct Processes(Vec<Process>);

struct Process {
    what: String,
    pid: u32,
    /// In clock ticks since the boot. The number of a process passes to others, with later times.
    start: u64,
}

/// What `/proc/<pid>/stat` tells of a process.
struct Stat {
    parent: u32,
    start: u64,
}

impl Processes {
    /// Notes a server's process, and its guardian's, which is its parent.
    pub fn note(&mut self, server: &str, pid: u32) -> Result<(), Box<dyn Error>> {
        let of_server = stat(pid)?.ok_or_else(|| format!("{server} has ended"))?;
        let of_guardian =
            stat(of_server.parent)?.ok_or_else(|| format!("the guardian of {server} has ended"))?;
        self.0.push(Process { what: server.to_owned(), pid, start: of_server.start });
        let what = format!("{server}'s guardian");
        self.0.push(Process { what, pid: of_server.parent, start: of_guardian.start });
        Ok(())
    }

    /// Fails if one of them is left, or any child of this process.
    pub fn show_that_all_are_gone(&self, page: &Page) -> Result<(), Box<dyn Error>> {
        for process in &self.0 {
            if stat(process.pid)?.is_some_and(|found| found.start == process.start) {
                return Err(format!("{}, pid {}, is left", process.what, process.pid).into());
            }
        }
        let numbers: Vec<_> = self.0.iter().map(|process| process.pid.to_string()).collect();
        page.success(format_args!("none of the processes {} is left", numbers.join(", ")));
        for entry in fs::read_dir("/proc")? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if stat(pid)?.is_some_and(|found| found.parent == process::id()) {
                return Err(format!("this process still has a child, {pid}").into());
            }
        }
        page.success("this process has no child");
        Ok(())
    }
}

/// `None` for a process that is gone. One that has ended, and waits for its parent to notice, is not.
fn stat(pid: u32) -> Result<Option<Stat>, Box<dyn Error>> {
    let text = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => text,
        // The latter when it goes while it is read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // The second field, a name in parentheses, may hold anything; the third is the first behind it.
    let fields: Vec<_> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<u64>().ok());
    let (Some(parent), Some(start)) = (field(4), field(22)) else {
        return Err(format!("/proc/{pid}/stat: {text:?}").into());
    };
    Ok(Some(Stat { parent: u32::try_from(parent)?, start }))
}
