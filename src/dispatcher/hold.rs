//! Who still needs a cell that its owner has destroyed: calls of other threads, and a command on its way to the loop.
//!
//! A call holds the cell while it changes it. Its end is one step that lets go, and that says whether the call is to
//! send a command: for its change, if none is on its way, or for a cell that was destroyed meanwhile, if nobody else
//! sees to that.

use crate::sync::{AtomicU16, Ordering};

/// How many calls hold it; [`QUEUED`] and [`DEAD`].
pub(crate) struct Hold(AtomicU16);

/// A command that points to the cell is on its way to the loop.
const QUEUED: u16 = 1 << 14;
/// Destroyed while it was held: whoever lets go of it last has it freed.
const DEAD: u16 = 1 << 15;

/// What a command's receiver finds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    Alive,
    /// Destroyed, and the receiver's to free.
    Dead,
    /// Destroyed, and still held.
    Held,
}

impl Hold {
    pub(crate) fn new() -> Hold {
        Hold(AtomicU16::new(0))
    }

    /// A call on another thread than the loop's begins. Before it changes anything.
    pub(crate) fn begin(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// It ends; with `is_news` the loop is to look at what it changed. Whether the caller is to send a command. If not,
    /// the cell is not the caller's to touch any more.
    pub(crate) fn end(&self, is_news: bool) -> bool {
        let pass_on = |held: u16| {
            let left = held - 1;
            // A command that is on its way already is received after the change.
            let sends = if left & DEAD == 0 { is_news && left & QUEUED == 0 } else { left == DEAD };
            if sends { left | QUEUED } else { left }
        };
        let mut held = self.0.load(Ordering::Acquire);
        while let Err(now) =
            self.0.compare_exchange_weak(held, pass_on(held), Ordering::AcqRel, Ordering::Acquire)
        {
            held = now;
        }
        pass_on(held) & !held & QUEUED != 0
    }

    /// The loop has received the command.
    pub(crate) fn receive(&self) -> Received {
        // A read-modify-write: a foreign thread that found it queued, and so sent nothing, has changed the cell
        // before it, and the caller looks at the cell after it.
        match self.0.fetch_and(!QUEUED, Ordering::AcqRel) & !QUEUED {
            DEAD => Received::Dead,
            left if left & DEAD != 0 => Received::Held,
            _ => Received::Alive,
        }
    }

    /// The cell is destroyed, on the loop. Whether it is still held, so that whoever lets go of it last frees it.
    pub(crate) fn leave_to_holders(&self) -> bool {
        // Nobody begins to hold it any more: that would be a call on a handle that is destroyed.
        self.0.load(Ordering::Acquire) != 0 && self.0.fetch_or(DEAD, Ordering::AcqRel) != 0
    }
}

#[cfg(all(test, mcp_event_loom))]
mod loom_tests {
    use super::super::queue::Queue;
    use super::*;
    use crate::sync::{AtomicBool, UnsafeCell};
    use loom::sync::Arc;

    /// A cell with a change that the loop is to see, and the commands of its loop.
    struct Scene {
        hold: Hold,
        changed: AtomicBool,
        /// Whether the cell was freed. Loom notices who looks at it at the same time.
        is_freed: UnsafeCell<bool>,
        commands: Queue<()>,
    }

    impl Scene {
        fn new() -> Arc<Scene> {
            Arc::new(Scene {
                hold: Hold::new(),
                changed: AtomicBool::new(false),
                is_freed: UnsafeCell::new(false),
                commands: Queue::new(),
            })
        }

        fn assert_alive(&self) {
            // SAFETY: loom looks after it.
            assert!(!self.is_freed.with(|is_freed| unsafe { *is_freed }));
        }

        fn free(&self) {
            // SAFETY: as above.
            assert!(!self.is_freed.with_mut(|is_freed| unsafe { is_freed.replace(true) }), "freed twice");
        }

        /// The rest of a call on another thread, which has begun to hold the cell.
        fn change(&self) {
            self.changed.store(true, Ordering::Release);
            self.assert_alive();
            if self.hold.end(true) {
                self.assert_alive();
                self.commands.push(());
            }
        }

        /// Receives what came. Whether the loop saw the change.
        fn receive(&self) -> bool {
            let mut sees = false;
            // SAFETY: one thread is the loop's.
            while unsafe { self.commands.pop() }.is_some() {
                match self.hold.receive() {
                    Received::Alive => sees |= self.changed.swap(false, Ordering::AcqRel),
                    Received::Dead => self.free(),
                    Received::Held => {}
                }
            }
            sees
        }
    }

    /// What becomes of a scene while two other threads change the cell.
    fn check(model: impl Fn(&Scene, &dyn Fn()) + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let scene = Scene::new();
            let changers = [(); 2].map(|()| {
                scene.hold.begin();
                let scene = scene.clone();
                loom::thread::spawn(move || scene.change())
            });
            let changers = std::cell::Cell::new(Some(changers));
            model(&scene, &|| {
                changers.take().into_iter().flatten().for_each(|changer| changer.join().unwrap())
            });
        });
    }

    #[test]
    fn loom_every_change_is_seen() {
        check(|scene, await_changes| {
            let seen = scene.receive();
            await_changes();
            assert!(scene.receive() || seen);
            assert!(!scene.changed.load(Ordering::SeqCst), "a change that the loop was not told of");
        });
    }

    /// The loop may run a callback that destroys the handle before the call that brought it about has returned.
    #[test]
    fn loom_a_destroyed_cell_is_freed_once_when_nobody_needs_it() {
        check(|scene, await_changes| {
            scene.receive();
            if !scene.hold.leave_to_holders() {
                scene.free();
            }
            await_changes();
            scene.receive();
            // SAFETY: as above.
            assert!(scene.is_freed.with(|is_freed| unsafe { *is_freed }), "leaked");
        });
    }
}
