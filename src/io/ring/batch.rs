//! What streams send in one iteration, in one call: that of the next wait, as a rule.
//!
//! These requests never wait: when the call returns, each has done what it could. The kernel says nothing of one whose
//! bytes it took, which therefore counts as sent from the beginning; of another one it says how much it took, and the
//! rest goes back to its stream.

use std::io;
use std::mem;
use std::ops::Range;
use std::sync::{Arc, Weak};

use io_uring::{opcode, squeue, types};
use socket2::Socket;

use super::super::connection::Connection;
use super::news::News;
use crate::poller::OsFd;

/// Longer ones are better sent by a call of their own than copied.
const LONGEST: usize = 4 * 1024;
/// How many wait for each other: the call is soon shared by enough.
const MOST_WAITING: usize = 32;
const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 16;

/// The send of one stream in one batch.
#[derive(Debug, Clone, Copy)]
pub(in crate::io) struct Ticket {
    batch: u64,
    index: usize,
    length: usize,
}

#[derive(Default)]
pub(super) struct Batch {
    number: u64,
    sends: Vec<Send>,
    /// How many of them the kernel was asked for.
    asked: usize,
    /// Their bytes. No chunk grows beyond the memory that it has.
    chunks: Vec<Vec<u8>>,
    /// Of streams that were dropped meanwhile.
    sockets: Vec<Arc<Socket>>,
}

struct Send {
    of: Weak<Connection>,
    fd: OsFd,
    chunk: usize,
    bytes: Range<usize>,
}

impl Ticket {
    pub(super) fn batch(self) -> u64 {
        self.batch
    }

    pub(in crate::io) fn length(self) -> usize {
        self.length
    }

    /// Whether with it so many wait that the batch [is due](Batch::is_due).
    pub(in crate::io) fn makes_due(self) -> bool {
        self.index % MOST_WAITING == MOST_WAITING - 1
    }
}

impl Batch {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Takes a copy of `bytes`, if they are few; behind those of `former`, the stream's own send in this batch, if it
    /// has one that nothing else has come after.
    pub(super) fn add(
        &mut self,
        of: &Arc<Connection>,
        former: Option<Ticket>,
        bytes: &[u8],
    ) -> Option<Ticket> {
        let room = self.chunks.last().map_or(0, |chunk| chunk.capacity() - chunk.len());
        if let Some(former) = former {
            let is_last = former.index + 1 == self.sends.len() && former.index >= self.asked;
            if !is_last || bytes.len() > room {
                return None;
            }
            self.chunks.last_mut()?.extend_from_slice(bytes);
            self.sends.last_mut()?.bytes.end += bytes.len();
            return Some(Ticket { length: former.length + bytes.len(), ..former });
        }
        if bytes.len() > LONGEST || bytes.len() > room && self.chunks.len() == CHUNKS {
            return None;
        }
        if bytes.len() > room {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = self.chunks.last_mut()?;
        let start = chunk.len();
        chunk.extend_from_slice(bytes);
        let bytes = start..chunk.len();
        let ticket = Ticket { batch: self.number, index: self.sends.len(), length: bytes.len() };
        let (of, fd) = (Arc::downgrade(of), of.fd);
        self.sends.push(Send { of, fd, chunk: self.chunks.len() - 1, bytes });
        Some(ticket)
    }

    /// Keeps the socket of a stream that is dropped open until its send is done.
    pub(super) fn keep(&mut self, socket: Arc<Socket>) {
        self.sockets.push(socket);
    }

    /// Whether no more are to wait.
    pub(super) fn is_due(&self) -> bool {
        self.sends.len() - self.asked >= MOST_WAITING
    }

    /// The requests that the kernel was not asked for, with their indices.
    ///
    /// What they point to stays until the batch is [over](Batch::end).
    pub(super) fn unasked(&self) -> impl Iterator<Item = (usize, squeue::Entry)> {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_WAITALL;
        self.sends.iter().enumerate().skip(self.asked).map(move |(index, send)| {
            let bytes = self.bytes(send);
            let entry = opcode::Send::new(types::Fd(send.fd), bytes.as_ptr(), bytes.len() as u32)
                .flags(flags)
                .build()
                .flags(squeue::Flags::SKIP_SUCCESS);
            (index, entry)
        })
    }

    pub(super) fn note_asked(&mut self, count: usize) {
        self.asked += count;
    }

    /// Whether the kernel was asked for all.
    pub(super) fn is_asked(&self) -> bool {
        self.asked == self.sends.len()
    }

    fn bytes(&self, send: &Send) -> &[u8] {
        &self.chunks[send.chunk][send.bytes.clone()]
    }

    /// The kernel says of a send that it did not do all it should.
    pub(super) fn news(&mut self, index: usize, result: i32) -> Option<News> {
        let taken = usize::try_from(result).unwrap_or(0);
        let error = match -result {
            libc::EAGAIN | libc::EINTR | libc::ECANCELED => None,
            code => (code > 0).then(|| io::Error::from_raw_os_error(code)),
        };
        let rest = self.bytes(self.sends.get(index)?).get(taken..)?.to_vec();
        Some(News::Unsent(mem::take(&mut self.sends[index].of).upgrade()?, rest, error))
    }

    /// Of the sends that the kernel was asked for, and has said nothing of, it will not say anything.
    pub(super) fn silent(&self) -> Vec<News> {
        let lost =
            |connection| News::Unsent(connection, Vec::new(), Some(io::Error::from_raw_os_error(libc::EIO)));
        self.sends[..self.asked].iter().filter_map(|send| send.of.upgrade()).map(lost).collect()
    }

    /// What there is to say of it has been said. The sockets that it kept are to be dropped when no lock is held.
    pub(super) fn end(&mut self) -> Vec<Arc<Socket>> {
        if !self.sends.is_empty() {
            self.number += 1;
            self.sends.clear();
            self.asked = 0;
            self.chunks.truncate(1);
            self.chunks.iter_mut().for_each(Vec::clear);
        }
        mem::take(&mut self.sockets)
    }
}
