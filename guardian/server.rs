//! Starting the server.

use core::ffi::CStr;

use crate::sys::{self, Arguments, Errno, Fd};
use crate::text::Text;

/// Where programs are looked for when the environment does not say.
const DEFAULT_PATH: &[u8] = b"/usr/local/bin:/usr/bin:/bin";
/// As long as a path may be.
const PATH_MAX: usize = 4096;

/// Starts `command`, whose first word is the program. It leads a group of its own, and dies with this process. Its
/// number, once the program runs; or why it does not.
pub fn start(command: Arguments) -> Result<i32, Errno> {
    let guardian = sys::own_pid();
    let (outcome, failure) = sys::pipe()?;
    let pid = sys::fork_process()?;
    if pid == 0 {
        let errno = become_server(command, guardian);
        sys::write_some(failure, &errno.to_ne_bytes());
        sys::exit(127);
    }
    sys::close_fd(failure);
    sys::forget_stdio();
    sys::leave_directory();
    let errno = read_errno(outcome);
    sys::close_fd(outcome);
    match errno {
        None => Ok(pid),
        Some(errno) => {
            sys::await_child(pid);
            Err(errno)
        }
    }
}

/// What the child has to say; nothing if the pipe was closed by its exec.
fn read_errno(outcome: Fd) -> Option<Errno> {
    let mut bytes = [0; 4];
    match sys::read_some(outcome, &mut bytes) {
        Ok(4) => Some(Errno::from_ne_bytes(bytes)),
        _ => None,
    }
}

/// Comes back only with the reason why it could not.
fn become_server(command: Arguments, guardian: i32) -> Errno {
    let prepared = sys::die_with_parent().and_then(|()| sys::lead_group());
    if let Err(errno) = prepared {
        return errno;
    }
    // Did it die before it was to take us with it? Then nobody waits for an answer.
    if sys::parent_pid() != guardian {
        sys::exit(127);
    }
    sys::unblock_signals();
    execute(command)
}

/// As `execvp` does it, but what is no program is not given to a shell.
fn execute(command: Arguments) -> Errno {
    let Some((program, _)) = command.split_first() else { return sys::ENOENT };
    if program.to_bytes().contains(&b'/') {
        return command.become_program(program);
    }
    let directories = sys::variable(c"PATH").map_or(DEFAULT_PATH, CStr::to_bytes);
    let mut outcome = sys::ENOENT;
    for directory in directories.split(|&byte| byte == b':') {
        match execute_in(directory, program, command) {
            sys::ENOENT | sys::ENOTDIR => {}
            // There may be another one further on.
            sys::EACCES => outcome = sys::EACCES,
            errno => return errno,
        }
    }
    outcome
}

/// An empty directory is the current one.
fn execute_in(directory: &[u8], program: &CStr, command: Arguments) -> Errno {
    let directory = if directory.is_empty() { b"." } else { directory };
    let path = Text::<PATH_MAX>::new()
        .push(directory)
        .and_then(|path| path.push(b"/"))
        .and_then(|path| path.push(program.to_bytes()));
    match path {
        Some(path) => command.become_program(path.as_c_str()),
        None => sys::ENAMETOOLONG,
    }
}
