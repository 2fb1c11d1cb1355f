//! The system calls, each as a safe function that retries what was interrupted. The C library's functions are
//! declared by hand: a program without `std` needs nothing else of it.

use core::ffi::{CStr, c_char, c_int, c_long, c_short, c_uint, c_ulong, c_void};
use core::ptr;

/// The system's number for what went wrong.
pub type Errno = i32;
/// A file descriptor; this program is short of everything but time, and closes what it opens by ending.
pub type Fd = c_int;
/// The arguments of a program: strings, and a null pointer at the end.
type Argv = *const *const c_char;

const EINTR: Errno = 4;
const ESRCH: Errno = 3;
const EAGAIN: Errno = 11;
pub const ENOENT: Errno = 2;
pub const EACCES: Errno = 13;
pub const ENOTDIR: Errno = 20;
pub const ENAMETOOLONG: Errno = 36;

pub const SIGKILL: c_int = 9;
pub const SIGTERM: c_int = 15;
pub const SIGCONT: c_int = 18;
const SIGCHLD: c_int = 17;
const LAST_SIGNAL: c_int = 64;

const CLOEXEC: c_int = 0o2000000;
const NONBLOCK: c_int = 0o4000;

#[link(name = "c")]
unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
    fn _exit(status: c_int) -> !;
    fn chdir(path: *const c_char) -> c_int;
    fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
    fn close(fd: c_int) -> c_int;
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn execv(path: *const c_char, argv: Argv) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    fn fork() -> c_int;
    fn getenv(name: *const c_char) -> *const c_char;
    fn getpid() -> c_int;
    fn getppid() -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn opendir(path: *const c_char) -> *mut c_void;
    fn dirfd(directory: *mut c_void) -> c_int;
    fn pipe2(ends: *mut c_int, flags: c_int) -> c_int;
    fn poll(entries: *mut PollEntry, count: c_ulong, timeout: c_int) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn read(fd: c_int, buffer: *mut c_void, size: usize) -> isize;
    #[cfg_attr(target_env = "gnu", link_name = "readdir64")]
    fn readdir(directory: *mut c_void) -> *const DirectoryEntry;
    fn recv(fd: c_int, buffer: *mut c_void, size: usize, flags: c_int) -> isize;
    fn rewinddir(directory: *mut c_void);
    fn send(fd: c_int, buffer: *const c_void, size: usize, flags: c_int) -> isize;
    fn setpgid(pid: c_int, group: c_int) -> c_int;
    fn sigaddset(set: *mut SignalSet, signal: c_int) -> c_int;
    fn sigemptyset(set: *mut SignalSet) -> c_int;
    fn sigfillset(set: *mut SignalSet) -> c_int;
    fn signal(signal: c_int, handler: usize) -> usize;
    fn signalfd(fd: c_int, set: *const SignalSet, flags: c_int) -> c_int;
    fn sigprocmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn waitid(kind: c_int, id: c_uint, info: *mut SignalInfo, options: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn write(fd: c_int, buffer: *const c_void, size: usize) -> isize;
}

#[repr(C)]
struct Timespec {
    seconds: c_long,
    nanoseconds: c_long,
}

/// One of the descriptors that [`wait_readable`] waits on; a negative one is left out.
#[repr(C)]
pub struct PollEntry {
    fd: c_int,
    events: c_short,
    ready: c_short,
}

/// With the layout that every C library of Linux gives it, where file sizes have 64 bits.
#[repr(C)]
struct DirectoryEntry {
    inode: u64,
    offset: i64,
    size: u16,
    kind: u8,
    name: [c_char; 1],
}

#[repr(C, align(8))]
struct SignalSet([u8; 128]);

#[repr(C, align(8))]
struct SignalInfo([u8; 128]);

fn errno() -> Errno {
    // SAFETY: the C library's place for this thread's error.
    unsafe { *__errno_location() }
}

/// Repeats `call` while a signal interrupts it; -1 is its failure.
fn checked<T: Copy + PartialEq + From<i8>>(mut call: impl FnMut() -> T) -> Result<T, Errno> {
    loop {
        let result = call();
        if result != T::from(-1) {
            return Ok(result);
        }
        if errno() != EINTR {
            return Err(errno());
        }
    }
}

/// Ends this process.
pub fn exit(status: i32) -> ! {
    // SAFETY: plain system call.
    unsafe { _exit(status) }
}

pub fn own_pid() -> i32 {
    // SAFETY: plain system call.
    unsafe { getpid() }
}

pub fn parent_pid() -> i32 {
    // SAFETY: plain system call.
    unsafe { getppid() }
}

/// The value of a variable of the environment.
pub fn variable(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: the environment of this program never changes, so what is found stays.
    unsafe { getenv(name.as_ptr()).as_ref().map(|value| CStr::from_ptr(value)) }
}

/// The time of the monotonic clock, in milliseconds.
pub fn now() -> u64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `time` is valid for writing. CLOCK_MONOTONIC is there on every Linux.
    unsafe { clock_gettime(1, &mut time) };
    time.seconds as u64 * 1000 + time.nanoseconds as u64 / 1_000_000
}

// ---- Files.

pub fn close_fd(fd: Fd) {
    // SAFETY: nothing in this program uses `fd` any more.
    unsafe { close(fd) };
}

/// Closes every descriptor but the first three and `keep`, which no child will inherit from now on.
pub fn keep_only(keep: Fd) {
    // SAFETY: plain system calls; nothing was opened yet but what is kept.
    unsafe {
        fcntl(keep, 2, 1); // F_SETFD, FD_CLOEXEC
        // close_range(); kernels before 5.9 do not know it.
        let below = keep == 3 || syscall(436, 3 as c_uint, (keep - 1) as c_uint, 0 as c_uint) == 0;
        if below && syscall(436, (keep + 1) as c_uint, c_uint::MAX, 0 as c_uint) == 0 {
            return;
        }
    }
    if let Some(open) = Directory::open(c"/proc/self/fd") {
        while let Some(fd) = open.next_number() {
            if fd > 2 && fd != keep && fd != open.fd() {
                close_fd(fd);
            }
        }
        // SAFETY: plain system call. Its memory is not worth a function.
        unsafe { close(open.fd()) };
    }
}

/// Puts /dev/null in the place of the first three descriptors.
pub fn forget_stdio() {
    // SAFETY: plain system calls on what is ours.
    unsafe {
        let null = open(c"/dev/null".as_ptr(), 2 | CLOEXEC);
        for fd in 0..3 {
            // Closed, if there is nothing to put there: the server's pipes must not be held open here.
            if null < 0 || dup2(null, fd) < 0 {
                close(fd);
            }
        }
        if null > 2 {
            close(null);
        }
    }
}

/// Leaves the working directory, which may lie on a file system that is to be unmounted.
pub fn leave_directory() {
    // SAFETY: plain system call.
    unsafe { chdir(c"/".as_ptr()) };
}

/// A pipe, not inherited across exec: its reading end and its writing end.
pub fn pipe() -> Result<(Fd, Fd), Errno> {
    let mut ends = [0; 2];
    // SAFETY: two numbers are written.
    checked(|| unsafe { pipe2(ends.as_mut_ptr(), CLOEXEC) })?;
    Ok((ends[0], ends[1]))
}

/// Reads into `buffer`; how much came.
pub fn read_some(fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: at most the buffer is written.
    checked(|| unsafe { read(fd, buffer.as_mut_ptr().cast(), buffer.len()) }).map(|count| count as usize)
}

pub fn write_some(fd: Fd, bytes: &[u8]) {
    // What cannot be written has nobody who reads it.
    // SAFETY: `bytes` are only read.
    let _ = checked(|| unsafe { write(fd, bytes.as_ptr().cast(), bytes.len()) });
}

/// The beginning of a file, as much as the buffer takes in one read.
pub fn read_file<'a>(path: &CStr, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    // SAFETY: plain system call.
    let fd = checked(|| unsafe { open(path.as_ptr(), CLOEXEC) }).ok()?;
    let read = read_some(fd, buffer);
    close_fd(fd);
    Some(&buffer[..read.ok()?])
}

/// A directory whose entries of interest are numbers, as in /proc. It stays open.
pub struct Directory(*mut c_void);

impl Directory {
    pub fn open(path: &CStr) -> Option<Directory> {
        // SAFETY: plain system call.
        let directory = unsafe { opendir(path.as_ptr()) };
        (!directory.is_null()).then_some(Directory(directory))
    }

    fn fd(&self) -> Fd {
        // SAFETY: it is open.
        unsafe { dirfd(self.0) }
    }

    /// Back to the first entry.
    pub fn rewind(&self) {
        // SAFETY: it is open.
        unsafe { rewinddir(self.0) }
    }

    /// The next entry that is a number.
    pub fn next_number(&self) -> Option<i32> {
        loop {
            // SAFETY: it is open; the entry stays until the next call, and its name ends with a zero.
            let name = unsafe {
                let entry = readdir(self.0);
                if entry.is_null() {
                    return None;
                }
                CStr::from_ptr((&raw const (*entry).name).cast())
            };
            if let Some(number) = name.to_str().ok().and_then(|name| name.parse().ok()) {
                return Some(number);
            }
        }
    }
}

/// Waits until one of `fds` is readable or closed, or until `timeout` milliseconds (-1: none) have passed.
/// Which are; none, if that cannot be said, so the caller asks again.
pub fn wait_readable<const N: usize>(fds: [Fd; N], timeout: i32) -> [bool; N] {
    let mut entries = fds.map(|fd| PollEntry { fd, events: 1, ready: 0 });
    // SAFETY: N entries, valid for the call.
    match checked(|| unsafe { poll(entries.as_mut_ptr(), N as c_ulong, timeout) }) {
        Ok(_) => entries.map(|entry| entry.ready != 0),
        Err(_) => [false; N],
    }
}

/// The next packet, without waiting; `None` if there is none yet, an empty one when the other side has closed.
pub fn receive(fd: Fd, buffer: &mut [u8]) -> Option<&[u8]> {
    // SAFETY: at most the buffer is written. MSG_DONTWAIT.
    match checked(|| unsafe { recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0x40) }) {
        Ok(size) => Some(&buffer[..size as usize]),
        Err(EAGAIN) => None,
        Err(_) => Some(&[]),
    }
}

/// Sends a packet, without waiting. It is lost if nobody is there to receive it.
pub fn send_packet(fd: Fd, bytes: &[u8]) {
    // SAFETY: `bytes` are only read. MSG_DONTWAIT and MSG_NOSIGNAL.
    let _ = checked(|| unsafe { send(fd, bytes.as_ptr().cast(), bytes.len(), 0x40 | 0x4000) });
}

// ---- Signals.

/// Blocks all signals, and gives each its default effect for the server to inherit.
pub fn block_signals() {
    let mut all = SignalSet([0; 128]);
    // SAFETY: `all` is valid; a disposition that cannot be changed (SIGKILL's) stays. SIG_SETMASK, SIG_DFL.
    unsafe {
        sigfillset(&mut all);
        sigprocmask(2, &all, ptr::null_mut());
        for number in 1..=LAST_SIGNAL {
            signal(number, 0);
        }
    }
}

/// Blocks none any more; for the server.
pub fn unblock_signals() {
    let mut none = SignalSet([0; 128]);
    // SAFETY: `none` is valid. SIG_SETMASK.
    unsafe {
        sigemptyset(&mut none);
        sigprocmask(2, &none, ptr::null_mut());
    }
}

/// A descriptor that is readable when a child has ended.
pub fn child_events() -> Result<Fd, Errno> {
    let mut children = SignalSet([0; 128]);
    // SAFETY: `children` is valid.
    checked(|| unsafe {
        sigemptyset(&mut children);
        sigaddset(&mut children, SIGCHLD);
        signalfd(-1, &children, CLOEXEC | NONBLOCK)
    })
}

// ---- Processes.

/// Sets what `ps` shows for a thread's name.
pub fn set_name(name: &CStr) {
    // SAFETY: the name is copied. PR_SET_NAME.
    unsafe { prctl(15, name.as_ptr()) };
}

/// From now on the orphans among the descendants become children of this process.
pub fn adopt_orphans() -> Result<(), Errno> {
    // SAFETY: plain system call. PR_SET_CHILD_SUBREAPER.
    checked(|| unsafe { prctl(36, 1 as c_ulong, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong) }).map(|_| ())
}

/// This process gets SIGKILL when its parent ends.
pub fn die_with_parent() -> Result<(), Errno> {
    // SAFETY: plain system call. PR_SET_PDEATHSIG.
    checked(|| unsafe { prctl(1, SIGKILL as c_ulong) }).map(|_| ())
}

/// 0 in the child, its number in the parent.
pub fn fork_process() -> Result<i32, Errno> {
    // SAFETY: there is one thread, and no state that both could not have.
    checked(|| unsafe { fork() })
}

/// Makes this process the leader of a group of its own.
pub fn lead_group() -> Result<(), Errno> {
    // SAFETY: plain system call.
    checked(|| unsafe { setpgid(0, 0) }).map(|_| ())
}

/// The arguments of this program.
#[derive(Clone, Copy)]
pub struct Arguments(Argv);

impl Arguments {
    /// # Safety
    /// `argv` is what `main` was given.
    pub unsafe fn new(argv: *const *const c_char) -> Arguments {
        Arguments(argv)
    }

    /// The first of them, and those after it.
    pub fn split_first(self) -> Option<(&'static CStr, Arguments)> {
        // SAFETY: the array is not past its end, a null pointer, and stays for the life of the program.
        unsafe {
            let first = (*self.0).as_ref()?;
            Some((CStr::from_ptr(first), Arguments(self.0.add(1))))
        }
    }

    /// Becomes the program in the file `path`, with these arguments; comes back only with the reason why not.
    pub fn become_program(self, path: &CStr) -> Errno {
        // SAFETY: two strings, or arrays of them, that end as they must.
        unsafe { execv(path.as_ptr(), self.0) };
        errno()
    }
}

/// Reaps a child that has ended: its number and wait status. `Ok(None)` if none has yet, `Err(())` if no child is
/// left, dead or alive.
pub fn reap() -> Result<Option<(i32, i32)>, ()> {
    let mut status = 0;
    // SAFETY: `status` is valid for writing. WNOHANG.
    match checked(|| unsafe { waitpid(-1, &mut status, 1) }) {
        Ok(0) => Ok(None),
        Ok(pid) => Ok(Some((pid, status))),
        // There is no other error.
        Err(_) => Err(()),
    }
}

/// Waits for the end of a child that is at its end.
pub fn await_child(pid: i32) {
    // SAFETY: nobody asks for the status.
    let _ = checked(|| unsafe { waitpid(pid, ptr::null_mut(), 0) });
}

/// Sends to the whole group, if a child of ours is in it, dead or alive: until that is reaped, no other group can
/// have the number. Whether it was sent.
pub fn signal_group(group: i32, number: c_int) -> bool {
    let mut info = SignalInfo([0; 128]);
    // SAFETY: `info` is valid for writing. P_PGID; WEXITED, WNOHANG and WNOWAIT, so that nothing is reaped.
    let ours = checked(|| unsafe { waitid(2, group as c_uint, &mut info, 4 | 1 | 0x0100_0000) });
    // SAFETY: plain system call.
    ours.is_ok() && unsafe { kill(-group, number) } == 0
}

/// Sends to process `pid` if `is_meant` still says so once the number cannot pass to another process.
pub fn signal_process(pid: i32, number: c_int, is_meant: impl Fn(i32) -> bool) {
    // SAFETY: plain system calls: pidfd_open(), pidfd_send_signal(), and kill() where there is no way to hold
    // on to a process (before Linux 5.3, in some containers).
    unsafe {
        match checked(|| syscall(434, pid, 0 as c_uint)) {
            Ok(process) => {
                if is_meant(pid) {
                    syscall(424, process as c_int, number, ptr::null::<c_void>(), 0 as c_uint);
                }
                close(process as c_int);
            }
            Err(errno) if errno != ESRCH && is_meant(pid) => {
                kill(pid, number);
            }
            Err(_) => {}
        }
    }
}

/// A descriptor that is readable when process `pid` has ended; -1 where the system has none to give.
pub fn watch_process(pid: i32) -> Fd {
    // SAFETY: plain system call: pidfd_open(), not inherited across exec.
    checked(|| unsafe { syscall(434, pid, 0 as c_uint) }).map_or(-1, |fd| fd as Fd)
}
