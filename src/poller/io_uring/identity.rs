//! Which file an fd number names, as far as that can be asked; and whether it can be watched at all.
//!
//! A poll request names its file by a number only until it is submitted, and keeps the file open afterwards. So it is
//! found out here, before anything is submitted, whether a number was closed and reused, and what `epoll_ctl` would
//! refuse is refused at once. Files without an inode of their own (eventfds, timerfds and their like) are all one to it:
//! one that was closed under its event, whose number another of them got, is noticed only when its event goes.

use std::io;
use std::mem::MaybeUninit;

use crate::poller::OsFd;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: libc::dev_t,
    inode: libc::ino_t,
    /// The two ends of a pipe have one inode.
    access: libc::c_int,
}

impl Identity {
    /// Of what `fd` names now.
    ///
    /// # Errors
    /// EBADF if that is nothing, EPERM if it cannot be watched: `epoll_ctl`'s answers. `no_epoll` is any fd that is no
    /// epoll instance.
    pub(super) fn of(fd: OsFd, no_epoll: OsFd) -> io::Result<Identity> {
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: there is room for the answer.
        if unsafe { libc::fstat(fd, stat.as_mut_ptr()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has filled it.
        let stat = unsafe { stat.assume_init() };
        let kind = stat.st_mode & libc::S_IFMT;
        let access = match kind {
            libc::S_IFSOCK => 0,
            libc::S_IFIFO => access(fd)?,
            _ => {
                check_watchable(fd, no_epoll)?;
                0
            }
        };
        Ok(Identity { device: stat.st_dev, inode: stat.st_ino, access })
    }
}

fn access(fd: OsFd) -> io::Result<libc::c_int> {
    // SAFETY: plain system call.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    if flags < 0 { Err(io::Error::last_os_error()) } else { Ok(flags & libc::O_ACCMODE) }
}

/// The ring would report a file that cannot be polled as always ready. The kernel says EPERM of one before it looks
/// whether it was asked of an epoll instance at all.
fn check_watchable(fd: OsFd, no_epoll: OsFd) -> io::Result<()> {
    // SAFETY: plain system call, which changes nothing; this operation takes no event.
    unsafe { libc::epoll_ctl(no_epoll, libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut()) };
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EBADF) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::poller::Waker;

    #[test]
    fn what_is_open_under_two_numbers_is_one_file() {
        let waker = Waker::new().unwrap();
        let of = |fd: &dyn AsRawFd| Identity::of(fd.as_raw_fd(), waker.fd()).unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let (socket, peer) = UnixStream::pair().unwrap();
        assert_eq!(of(&reader), of(&reader.try_clone().unwrap()));
        assert_eq!(of(&socket), of(&socket.try_clone().unwrap()));
        assert_ne!(of(&reader), of(&writer));
        assert_ne!(of(&reader), of(&io::pipe().unwrap().0));
        assert_ne!(of(&socket), of(&peer));
    }

    #[test]
    fn f16_what_cannot_be_watched_is_refused() {
        let waker = Waker::new().unwrap();
        let code = |fd| Identity::of(fd, waker.fd()).unwrap_err().raw_os_error();
        assert_eq!(code(-1), Some(libc::EBADF));
        for path in ["/dev/null", "/", "/proc/self/exe"] {
            let file = File::open(path).unwrap();
            assert_eq!(code(file.as_raw_fd()), Some(libc::EPERM), "{path}");
        }
        assert!(Identity::of(waker.fd(), waker.fd()).is_ok());
    }
}
