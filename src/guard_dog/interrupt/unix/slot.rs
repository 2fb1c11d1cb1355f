//! Where a thread leaves the addresses of its stack when a signal asks for them.
//!
//! The state word says whose the slot is. Its upper bits are the number of the request, which changes each time, so
//! a handler that looked at a former request cannot claim a later one.
//!
//! | phase | who may go on |
//! |---|---|
//! | free | a requester claims it |
//! | claimed | the requester, who writes the thread's number, then says that frames are wanted |
//! | wanted | the thread's handler, who begins to write; or the requester, who gives up, and frees it |
//! | writing | the handler, who ends with "written"; or the requester, who gives up, and abandons it |
//! | written | the requester, who reads the frames, and frees it |
//! | abandoned | the handler, who frees it when it is done |

use crate::sync::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

/// How many frames there is room for.
#[cfg(not(mcp_event_loom))]
pub(super) const FRAMES: usize = 128;
#[cfg(mcp_event_loom)]
pub(super) const FRAMES: usize = 1;

const FREE: u32 = 0;
const CLAIMED: u32 = 1;
const WANTED: u32 = 2;
const WRITING: u32 = 3;
const WRITTEN: u32 = 4;
const ABANDONED: u32 = 5;
const PHASE: u32 = 7;
/// One request further.
const NEXT: u32 = 8;

pub(super) struct Slot {
    state: AtomicU32,
    thread: AtomicI32,
    length: AtomicUsize,
    frames: [AtomicUsize; FRAMES],
}

/// A claimed slot, until it is read or given up.
pub(super) struct Request<'a> {
    slot: &'a Slot,
    number: u32,
}

/// The handler's side of a request.
pub(super) struct Writer<'a> {
    slot: &'a Slot,
    number: u32,
    written: usize,
}

impl Slot {
    pub(super) fn new() -> Slot {
        Slot {
            state: AtomicU32::new(FREE),
            thread: AtomicI32::new(0),
            length: AtomicUsize::new(0),
            frames: std::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }

    /// Claims it, if it is free, for the frames of `thread`.
    pub(super) fn request(&self, thread: i32) -> Option<Request<'_>> {
        let state = self.state.load(Ordering::Relaxed);
        let number = (state & !PHASE).wrapping_add(NEXT);
        if state & PHASE != FREE {
            return None;
        }
        // Acquire: a handler that was abandoned has written its last.
        self.state.compare_exchange(state, number | CLAIMED, Ordering::Acquire, Ordering::Relaxed).ok()?;
        self.thread.store(thread, Ordering::Relaxed);
        // Release: whoever finds it wanted knows by which thread.
        self.state.store(number | WANTED, Ordering::Release);
        Some(Request { slot: self, number })
    }

    /// In the handler of `thread`: claims the frames, if they are wanted of it.
    pub(super) fn begin(&self, thread: i32) -> Option<Writer<'_>> {
        let state = self.state.load(Ordering::Acquire);
        let number = state & !PHASE;
        if state & PHASE != WANTED || self.thread.load(Ordering::Relaxed) != thread {
            return None;
        }
        self.state.compare_exchange(state, number | WRITING, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(Writer { slot: self, number, written: 0 })
    }
}

impl Writer<'_> {
    /// False when there is no room for more.
    pub(super) fn push(&mut self, address: usize) -> bool {
        let Some(frame) = self.slot.frames.get(self.written) else { return false };
        frame.store(address, Ordering::Relaxed);
        self.written += 1;
        true
    }

    /// The word to wake those who wait for it.
    pub(super) fn finish(self) -> *const u32 {
        let (state, writing) = (&self.slot.state, self.number | WRITING);
        self.slot.length.store(self.written, Ordering::Relaxed);
        // Release: with it, the frames.
        if state
            .compare_exchange(writing, self.number | WRITTEN, Ordering::Release, Ordering::Relaxed)
            .is_err()
        {
            // Abandoned. Nobody else goes on from there.
            state.store(self.number | FREE, Ordering::Release);
        }
        std::ptr::from_ref(state).cast()
    }
}

impl Request<'_> {
    /// The state, if the frames are not there yet, and where it is, to wait for its change.
    pub(super) fn pending(&self) -> Option<(*const u32, u32)> {
        let state = self.slot.state.load(Ordering::Acquire);
        (state != self.number | WRITTEN).then_some((std::ptr::from_ref(&self.slot.state).cast(), state))
    }

    /// The frames, if they are there; else it is given up. Whether the handler had begun.
    pub(super) fn take(self) -> Result<Vec<usize>, HasBegun> {
        let (state, number) = (&self.slot.state, self.number);
        let give_up = |from: u32, to: u32| {
            state.compare_exchange(number | from, number | to, Ordering::AcqRel, Ordering::Acquire).is_ok()
        };
        if give_up(WANTED, FREE) {
            return Err(HasBegun(false));
        }
        if give_up(WRITING, ABANDONED) {
            return Err(HasBegun(true));
        }
        // Written: both exchanges have seen it, and acquired the frames.
        let length = self.slot.length.load(Ordering::Relaxed);
        let frames = self.slot.frames[..length].iter().map(|frame| frame.load(Ordering::Relaxed)).collect();
        state.store(number | FREE, Ordering::Release);
        Ok(frames)
    }
}

/// Whether the handler was at work when its request was given up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HasBegun(pub(super) bool);

#[cfg(all(test, not(mcp_event_loom)))]
mod tests {
    use super::*;

    #[test]
    fn frames_go_from_the_thread_to_who_asked() {
        let slot = Slot::new();
        let request = slot.request(7).unwrap();
        assert!(slot.request(8).is_none(), "it is taken");
        assert!(slot.begin(8).is_none(), "they are wanted of another thread");
        let mut writer = slot.begin(7).unwrap();
        assert!(slot.begin(7).is_none(), "it writes already");
        assert!(writer.push(1) && writer.push(2));
        assert!(request.pending().is_some());
        writer.finish();
        assert!(request.pending().is_none());
        assert_eq!(request.take(), Ok(vec![1, 2]));
        assert!(slot.request(7).is_some());
    }

    #[test]
    fn a_request_that_was_given_up_is_not_answered() {
        let slot = Slot::new();
        assert_eq!(slot.request(7).unwrap().take(), Err(HasBegun(false)));
        assert!(slot.begin(7).is_none());
    }

    #[test]
    fn an_abandoned_slot_is_free_when_its_handler_is_done() {
        let slot = Slot::new();
        let request = slot.request(7).unwrap();
        let writer = slot.begin(7).unwrap();
        assert_eq!(request.take(), Err(HasBegun(true)));
        assert!(slot.request(7).is_none());
        writer.finish();
        assert!(slot.request(7).is_some());
    }

    #[test]
    fn there_is_room_for_so_many_frames() {
        let slot = Slot::new();
        let request = slot.request(7).unwrap();
        let mut writer = slot.begin(7).unwrap();
        assert_eq!((0..2 * FRAMES).filter(|address| writer.push(*address)).count(), FRAMES);
        writer.finish();
        assert_eq!(request.take().unwrap().len(), FRAMES);
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// A handler that comes late, after its request was given up, beside the handler of the next request: who asks
    /// gets the frames of the thread that it asked for, and nothing is lost for ever.
    #[test]
    fn loom_frames_are_of_the_thread_that_was_asked() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(|| {
            let slot = Arc::new(Slot::new());
            let handlers: Vec<_> = [1, 2]
                .map(|thread| {
                    let slot = slot.clone();
                    thread::spawn(move || {
                        if let Some(mut writer) = slot.begin(thread) {
                            writer.push(thread as usize);
                            writer.finish();
                        }
                    })
                })
                .into();
            for thread in [1, 2] {
                if let Some(request) = slot.request(thread)
                    && let Ok(frames) = request.take()
                {
                    assert_eq!(frames, [thread as usize]);
                }
            }
            handlers.into_iter().for_each(|handler| handler.join().unwrap());
            assert!(slot.request(3).is_some(), "the slot is free again");
        });
    }
}
