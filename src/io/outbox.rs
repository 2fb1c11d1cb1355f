//! What a stream has still to send: bytes in order, and who wants to know when they are gone. A pure machine; it
//! makes no system call and calls nobody.

use std::collections::VecDeque;
use std::io;

use super::error::{Completion, SendRefusal};
use crate::error::Error;

/// Pieces that follow each other closely leave in one system call: short ones are gathered up to this size.
const GATHERED: usize = 16 * 1024;

/// How many pieces one system call takes.
pub(super) const PIECES: usize = 16;

pub(super) struct Outbox {
    pieces: VecDeque<Vec<u8>>,
    /// How much of the first piece the system has taken.
    front_taken: usize,
    /// Bytes ever accepted, and how many of them the system has taken.
    accepted: u64,
    taken: u64,
    /// Who is to be told when `taken` has come to the position; in that order.
    waiting: VecDeque<(u64, Completion)>,
    limit: usize,
    end: End,
}

/// Whether anything more is accepted.
enum End {
    Open,
    /// The sending side ends when all is sent.
    Requested,
    Done,
    /// Nothing can be sent any more, for this reason.
    Broken(io::Error),
}

impl Outbox {
    pub(super) fn new() -> Outbox {
        Outbox {
            pieces: VecDeque::new(),
            front_taken: 0,
            accepted: 0,
            taken: 0,
            waiting: VecDeque::new(),
            limit: usize::MAX,
            end: End::Open,
        }
    }

    /// Bytes accepted that the system has not taken.
    pub(super) fn queued(&self) -> usize {
        (self.accepted - self.taken) as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.accepted == self.taken
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Why nothing would be accepted now.
    pub(super) fn check(&self) -> Result<(), SendRefusal> {
        match self.end {
            End::Open if self.queued() >= self.limit => Err(SendRefusal::Full),
            End::Open => Ok(()),
            End::Requested | End::Done => Err(SendRefusal::ShutDown),
            End::Broken(_) => Err(SendRefusal::Broken),
        }
    }

    /// Accepts what the system has taken already, all of it.
    pub(super) fn note_sent(&mut self, length: usize, completion: Option<Completion>) {
        self.accepted += length as u64;
        self.taken += length as u64;
        self.expect(completion);
    }

    /// Accepts `bytes`, of which the system has taken the first `taken`, fewer than all, if nothing else waits.
    pub(super) fn push<B>(&mut self, bytes: B, taken: usize, completion: Option<Completion>)
    where
        B: AsRef<[u8]> + Into<Vec<u8>>,
    {
        let length = bytes.as_ref().len();
        self.accepted += length as u64;
        match self.pieces.back_mut() {
            Some(last) if last.len() + length <= GATHERED => last.extend_from_slice(bytes.as_ref()),
            _ if length > 0 => self.pieces.push_back(bytes.into()),
            _ => {}
        }
        self.front_taken += taken;
        self.taken += taken as u64;
        self.expect(completion);
    }

    /// The system did not take these bytes, which it was said to have taken last.
    pub(super) fn take_back(&mut self, bytes: &[u8]) {
        if self.is_broken() {
            return;
        }
        self.taken -= bytes.len() as u64;
        self.pieces.push_front(bytes.to_vec());
    }

    fn expect(&mut self, completion: Option<Completion>) {
        self.waiting.extend(completion.map(|completion| (self.accepted, completion)));
    }

    /// The next bytes to send, in pieces.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let skipped = std::iter::once(self.front_taken).chain(std::iter::repeat(0));
        self.pieces.iter().take(PIECES).zip(skipped).map(|(piece, skipped)| &piece[skipped..])
    }

    /// The system has taken this many bytes more.
    pub(super) fn advance(&mut self, mut length: usize) {
        self.taken += length as u64;
        while let Some(front) = self.pieces.front() {
            let left = front.len() - self.front_taken;
            if length < left {
                self.front_taken += length;
                return;
            }
            length -= left;
            self.front_taken = 0;
            self.pieces.pop_front();
        }
    }

    /// Takes the next piece out, for a request of its own; with how much of it the system has taken.
    pub(super) fn take_piece(&mut self) -> Option<(Vec<u8>, usize)> {
        let piece = self.pieces.pop_front()?;
        Some((piece, std::mem::take(&mut self.front_taken)))
    }

    /// The system has taken this many bytes more of pieces that were taken out.
    pub(super) fn confirm(&mut self, length: usize) {
        if !self.is_broken() {
            self.taken += length as u64;
        }
    }

    /// Whether nothing can be sent any more.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.end, End::Broken(_))
    }

    /// Whether somebody is to be told, or the sending side to be ended.
    pub(super) fn has_news(&self) -> bool {
        match self.end {
            End::Broken(_) => !self.waiting.is_empty(),
            End::Requested if self.is_empty() => true,
            _ => self.waiting.front().is_some_and(|(position, _)| *position <= self.taken),
        }
    }

    /// A completion whose bytes are gone, or never will be; and how it ended.
    pub(super) fn next_done(&mut self) -> Option<(Completion, Result<(), Error>)> {
        let position = self.waiting.front()?.0;
        let result = match &self.end {
            _ if position <= self.taken => Ok(()),
            End::Broken(reason) => Err(Error::os("sending", copy(reason))),
            _ => return None,
        };
        Some((self.waiting.pop_front()?.1, result))
    }

    /// Accepts nothing more; the sending side ends when all is sent.
    pub(super) fn request_end(&mut self) {
        if matches!(self.end, End::Open) {
            self.end = End::Requested;
        }
    }

    /// Whether it is time to end the sending side; said once.
    pub(super) fn take_end(&mut self) -> bool {
        let is_time = matches!(self.end, End::Requested) && self.is_empty();
        if is_time {
            self.end = End::Done;
        }
        is_time
    }

    /// Nothing can be sent any more; what waits is dropped.
    pub(super) fn fail(&mut self, reason: io::Error) {
        if !self.is_broken() {
            self.end = End::Broken(reason);
            self.accepted = self.taken;
            self.pieces.clear();
            self.front_taken = 0;
        }
    }
}

/// An `io::Error` of the system once more; one of another kind keeps that alone.
fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(outbox: &Outbox) -> Vec<u8> {
        outbox.pieces().flatten().copied().collect()
    }

    #[test]
    fn what_the_system_takes_leaves_from_the_front() {
        let mut outbox = Outbox::new();
        outbox.push("abc", 1, None);
        outbox.push(vec![b'd'; GATHERED], 0, None);
        assert_eq!(outbox.queued(), 2 + GATHERED);
        outbox.advance(1);
        assert_eq!(left(&outbox)[..2], *b"cd");
        outbox.advance(1 + GATHERED);
        assert!(outbox.is_empty() && left(&outbox).is_empty());
    }

    #[test]
    fn a_piece_that_is_taken_out_keeps_its_position_and_its_bytes() {
        let mut outbox = Outbox::new();
        outbox.push("abc", 1, None);
        assert_eq!(outbox.take_piece(), Some((b"abc".to_vec(), 1)));
        outbox.push("de", 0, None);
        assert_eq!((outbox.queued(), left(&outbox)), (4, b"de".to_vec()));
        outbox.confirm(2);
        assert_eq!(outbox.take_piece(), Some((b"de".to_vec(), 0)));
        outbox.confirm(2);
        assert!(outbox.is_empty());
    }

    #[test]
    fn short_pieces_are_gathered() {
        let mut outbox = Outbox::new();
        (0..100).for_each(|_| outbox.push("xy", 0, None));
        assert_eq!(outbox.pieces().count(), 1);
    }

    #[test]
    fn completions_come_when_their_bytes_are_gone() {
        let completion = || -> Option<Completion> { Some(Box::new(|_| Ok(()))) };
        let mut outbox = Outbox::new();
        outbox.note_sent(3, completion());
        outbox.push("abc", 0, completion());
        assert!(outbox.has_news() && outbox.next_done().is_some());
        outbox.advance(2);
        assert!(!outbox.has_news() && outbox.next_done().is_none());
        outbox.advance(1);
        assert!(outbox.next_done().is_some_and(|(_, result)| result.is_ok()));
    }

    #[test]
    fn a_failure_is_told_to_all_that_wait() {
        let mut outbox = Outbox::new();
        outbox.push("abc", 0, Some(Box::new(|_| Ok(()))));
        outbox.fail(io::ErrorKind::BrokenPipe.into());
        assert_eq!((outbox.queued(), outbox.check()), (0, Err(SendRefusal::Broken)));
        assert!(outbox.next_done().is_some_and(|(_, result)| result.is_err()));
        assert!(!outbox.take_end());
    }

    #[test]
    fn the_end_comes_after_all_bytes_and_once() {
        let mut outbox = Outbox::new();
        outbox.push("abc", 0, None);
        outbox.request_end();
        assert_eq!(outbox.check(), Err(SendRefusal::ShutDown));
        assert!(!outbox.take_end());
        outbox.advance(3);
        assert!(outbox.take_end() && !outbox.take_end());
    }
}
