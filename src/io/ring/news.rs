//! What completions mean to those who made the requests: looked up for several at once, under the table's lock, and told
//! under none.

use std::io;
use std::os::fd::FromRawFd;
use std::sync::{Arc, Weak};

use socket2::Socket;

use super::super::acceptor::Acceptor;
use super::super::arrivals::Arrived;
use super::super::connection::Connection;
use super::buffers::Lease;
use super::{Operation, What};
use crate::error::Error;

pub(super) enum News {
    Received(Arc<Connection>, Lease),
    Accepted(Weak<Acceptor>, Socket),
    /// The system did not take these bytes, of a send that counted as sent.
    Unsent(Arc<Connection>, Vec<u8>, Option<io::Error>),
    /// With the system's error, or, where that is not above zero, with a result.
    Ended(Operation, i32, Option<Lease>),
}

impl News {
    /// An accept has made `fd`.
    pub(super) fn accepted(acceptor: Weak<Acceptor>, fd: i32) -> News {
        News::Accepted(acceptor, owned(fd))
    }

    /// The token of the event that is to tell of it.
    pub(super) fn tell(self) -> Option<u64> {
        match self {
            News::Received(connection, lease) => connection.received(Some(Arrived::Lent(lease)), false),
            News::Accepted(acceptor, socket) => {
                acceptor.upgrade()?.accepted(Some(Ok(socket)), false);
                None
            }
            News::Unsent(connection, rest, error) => connection.unsent(&rest, error),
            News::Ended(operation, code, lease) => end(operation, code, lease),
        }
    }
}

fn owned(fd: i32) -> Socket {
    // SAFETY: the system has just made it, for us.
    unsafe { Socket::from_raw_fd(fd) }
}

fn end(operation: Operation, code: i32, lease: Option<Lease>) -> Option<u64> {
    match operation.what {
        What::Receive(connection) => {
            let arrived = match (code, lease) {
                (_, Some(lease)) => Some(Arrived::Lent(lease)),
                (0, None) => Some(Arrived::End),
                // It was cancelled, or there was no buffer: nothing has happened to the connection.
                (libc::ECANCELED | libc::ENOBUFS | libc::EINTR | libc::EAGAIN, None) => None,
                (code, None) => {
                    let error = io::Error::from_raw_os_error(code);
                    Some(Arrived::Failed(Error::os("receiving", error)))
                }
            };
            connection.upgrade()?.received(arrived, true)
        }
        What::Send { of, bytes, from } => {
            let result = match code {
                libc::ECANCELED | libc::EINTR | libc::EAGAIN => Ok(0),
                code if code > 0 => Err(io::Error::from_raw_os_error(code)),
                _ => Ok(code.unsigned_abs() as usize),
            };
            of.upgrade()?.sent(bytes, from, result)
        }
        What::AwaitRoom(connection) => connection.upgrade()?.has_room(),
        What::Accept(acceptor) => {
            let arrived = match code {
                ..=0 => Some(Ok(owned(-code))),
                libc::EIO => Some(Err(io::Error::from_raw_os_error(code))),
                _ => None,
            };
            acceptor.upgrade()?.accepted(arrived, true);
            None
        }
    }
}
