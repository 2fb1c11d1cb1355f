//! Waiting for a file descriptor.
//!
//! A wait tries first, and registers only when it would block. One edge event stands for the whole life of the
//! fd. What an edge meets between the try and the registration is found by counting edges: who sees that one has
//! come since before the try, tries again.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use crate::dispatcher::{FileEvent, Handle};
use crate::error::Error;
use crate::poller::{AsOsFd, FileReady, Trigger, os_fd};

/// A file descriptor whose readiness may be awaited; made by [`Handle::watch`]. Dropping it ends the watch, then
/// drops the fd.
///
/// Any number of tasks may wait, on any thread, each for either direction. They wait for ever if nobody runs the
/// dispatcher. The end of a stream and errors count as ready: the read or write that follows reports them.
pub struct AsyncFd<T> {
    // Before `io`: an event ends before its fd is closed.
    _event: FileEvent,
    waiters: Arc<Waiters>,
    io: T,
}

#[derive(Default)]
struct Waiters {
    read: Mutex<Side>,
    write: Mutex<Side>,
}

/// One direction.
#[derive(Default)]
struct Side {
    edges: u64,
    wakers: Vec<Waker>,
}

fn lock(side: &Mutex<Side>) -> MutexGuard<'_, Side> {
    side.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Waiters {
    fn tell(&self, ready: FileReady) {
        if ready.intersects(FileReady::READ | FileReady::CLOSED | FileReady::ERROR) {
            count_edge(&self.read);
        }
        if ready.intersects(FileReady::WRITE | FileReady::CLOSED | FileReady::ERROR) {
            count_edge(&self.write);
        }
    }
}

fn count_edge(side: &Mutex<Side>) {
    let wakers = {
        let mut side = lock(side);
        side.edges = side.edges.wrapping_add(1);
        std::mem::take(&mut side.wakers)
    };
    wakers.into_iter().for_each(Waker::wake);
}

/// Tries until it does not block; else has the next edge wake the task.
fn poll_side<R>(
    side: &Mutex<Side>,
    cx: &mut Context<'_>,
    mut attempt: impl FnMut() -> io::Result<R>,
) -> Poll<io::Result<R>> {
    loop {
        let seen = lock(side).edges;
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => return Poll::Ready(result),
        }
        // It is user code: cloned, and dropped, outside the lock.
        let waker = cx.waker().clone();
        let mut side = lock(side);
        if side.edges == seen {
            if !side.wakers.iter().any(|known| known.will_wake(&waker)) {
                side.wakers.push(waker);
            }
            return Poll::Pending;
        }
    }
}

impl<T: AsOsFd> AsyncFd<T> {
    /// What it was made with.
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Ends the watch and gives back what it was made with, still non-blocking.
    pub fn into_inner(self) -> T {
        self.io
    }

    /// Waits until a read would not block.
    ///
    /// # Errors
    /// The system's, when the fd is not valid any more.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_read_ready(cx)).await
    }

    /// Waits until a write would not block.
    ///
    /// # Errors
    /// As for [`readable`](AsyncFd::readable).
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_write_ready(cx)).await
    }

    /// Whether a read would not block now; if it would, the task is woken when that changes.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_side(&self.waiters.read, cx, || os_fd::is_readable(&self.io))
    }

    /// Whether a write would not block now; if it would, the task is woken when that changes.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_side(&self.waiters.write, cx, || os_fd::is_writable(&self.io))
    }

    /// Reads by `attempt` as soon as that does not fail with "would block": for `accept`, `recvmsg` and the like.
    ///
    /// # Errors
    /// What else `attempt` fails with, but for an interruption, after which it is called again.
    pub async fn read_with<R>(&self, mut attempt: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|cx| poll_side(&self.waiters.read, cx, || attempt(&self.io))).await
    }

    /// As [`read_with`](AsyncFd::read_with), for what waits until a write would not block.
    ///
    /// # Errors
    /// As for `read_with`.
    pub async fn write_with<R>(&self, mut attempt: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|cx| poll_side(&self.waiters.write, cx, || attempt(&self.io))).await
    }

    /// Reads what is there, up to the buffer's length, as soon as there is something; 0 at the end of the stream.
    /// A wait that is dropped has read nothing.
    ///
    /// # Errors
    /// The system's.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(|io| os_fd::stream_of(io).read(buffer)).await
    }

    /// Writes what there is room for, as soon as there is some; gives how much that was. A wait that is dropped
    /// has written nothing.
    ///
    /// # Errors
    /// The system's. Whether writing to a closed pipe or socket also raises SIGPIPE is up to the program; Rust
    /// programs ignore that signal.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.write_with(|io| os_fd::stream_of(io).write(bytes)).await
    }

    /// Writes all, in as many parts as it takes. One that is dropped has written a part.
    ///
    /// # Errors
    /// As for [`write`](AsyncFd::write); [`io::ErrorKind::WriteZero`] when the fd takes no more.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(bytes).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = &bytes[written..],
            }
        }
        Ok(())
    }
}

impl<T: AsOsFd> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("fd", &os_fd::raw(&self.io)).finish_non_exhaustive()
    }
}

impl Handle {
    /// Watches a pipe, a socket or the like: the fd of `io`, for as long as the result lives. The fd is made
    /// non-blocking, for all who share its open file.
    ///
    /// # Errors
    /// [`Error::Os`] when the fd cannot be watched: it is closed, a regular file, or there are too many.
    pub fn watch<T: AsOsFd>(&self, io: T) -> Result<AsyncFd<T>, Error> {
        let fd = os_fd::raw(&io);
        os_fd::set_nonblocking(&io)
            .map_err(|source| Error::os(format!("making fd {fd} non-blocking"), source))?;
        let all = FileReady::READ | FileReady::WRITE | FileReady::CLOSED | FileReady::ERROR;
        self.watch_for(io, all)
    }

    /// Watches what can only become readable, and is never read: a kqueue cannot be made non-blocking.
    #[cfg(unix)]
    pub(super) fn watch_readiness<T: AsOsFd>(&self, io: T) -> Result<AsyncFd<T>, Error> {
        self.watch_for(io, FileReady::READ)
    }

    fn watch_for<T: AsOsFd>(&self, io: T, events: FileReady) -> Result<AsyncFd<T>, Error> {
        let waiters = Arc::new(Waiters::default());
        let told = waiters.clone();
        let tell = move |ready| told.tell(ready);
        let event = self.create_file_event(os_fd::raw(&io), Trigger::Edge, events, tell)?;
        Ok(AsyncFd { _event: event, waiters, io })
    }
}
