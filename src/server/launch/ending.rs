//! How a server ends that is guarded by a thread of its manager: which step is taken when. It knows no system and
//! no clock.

use std::time::{Duration, Instant};

use super::protocol::Command;

/// How far the end of a server has come. A deadline leads to the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is not to end.
    Serving,
    /// The manager's side was dropped, so the server's input has ended, and the server may end by itself.
    Abandoned { deadline: Option<Instant> },
    /// All have been asked to end.
    Terminating { deadline: Option<Instant> },
    /// All are being killed.
    Killing,
}

/// What is to be done to all the processes of a server now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Ask them to end.
    Ask,
    /// Kill them.
    Kill,
}

/// The end of one server. The functions say what is to be done, if anything.
pub(super) struct Ending {
    step: Step,
    grace: Duration,
    /// They were asked already; to some programs a second time means haste.
    is_asked: bool,
}

impl Ending {
    pub(super) fn new(grace: Duration) -> Ending {
        Ending { step: Step::Serving, grace, is_asked: false }
    }

    /// Nobody is there any more who could ask for anything.
    pub(super) fn abandon(&mut self, now: Instant) {
        if self.step == Step::Serving {
            self.step = Step::Abandoned { deadline: now.checked_add(self.grace) };
        }
    }

    /// The server's process has ended, and what it started is to follow.
    #[must_use]
    pub(super) fn exited(&mut self, now: Instant) -> Option<Deed> {
        match self.step {
            Step::Serving | Step::Abandoned { .. } => self.terminate(now),
            Step::Terminating { .. } | Step::Killing => None,
        }
    }

    /// The manager wants it so. Nothing follows by itself.
    #[must_use]
    pub(super) fn obey(&mut self, command: Command) -> Option<Deed> {
        match command {
            Command::Terminate => self.ask(),
            Command::Kill => self.kill(),
        }
    }

    /// Takes the next step if its time has come.
    #[must_use]
    pub(super) fn proceed(&mut self, now: Instant) -> Option<Deed> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        match self.step {
            Step::Abandoned { .. } => self.terminate(now),
            Step::Terminating { .. } => self.kill(),
            Step::Serving | Step::Killing => None,
        }
    }

    /// When the next step is due; `None` if there is none.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.step {
            Step::Serving | Step::Killing => None,
            Step::Abandoned { deadline } | Step::Terminating { deadline } => deadline,
        }
    }

    /// Whether the last step was taken.
    #[cfg(any(test, windows))]
    pub(super) fn is_killing(&self) -> bool {
        self.step == Step::Killing
    }

    fn terminate(&mut self, now: Instant) -> Option<Deed> {
        self.step = Step::Terminating { deadline: now.checked_add(self.grace) };
        if self.is_asked { None } else { self.ask() }
    }

    fn ask(&mut self) -> Option<Deed> {
        self.is_asked = true;
        Some(Deed::Ask)
    }

    fn kill(&mut self) -> Option<Deed> {
        self.step = Step::Killing;
        Some(Deed::Kill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(2);

    #[test]
    fn what_is_abandoned_is_asked_and_then_killed() {
        let (mut ending, start) = (Ending::new(GRACE), Instant::now());
        assert_eq!((ending.deadline(), ending.proceed(start)), (None, None));
        ending.abandon(start);
        assert_eq!(ending.deadline(), Some(start + GRACE));
        assert_eq!(ending.proceed(start + GRACE - Duration::from_nanos(1)), None);
        assert_eq!(ending.proceed(start + GRACE), Some(Deed::Ask));
        assert_eq!(ending.proceed(start + GRACE), None);
        assert_eq!(ending.proceed(start + 2 * GRACE), Some(Deed::Kill));
        assert!(ending.is_killing() && ending.deadline().is_none());
    }

    #[test]
    fn what_an_ended_server_left_is_asked_once() {
        let (mut ending, start) = (Ending::new(GRACE), Instant::now());
        assert_eq!(ending.obey(Command::Terminate), Some(Deed::Ask));
        assert_eq!(ending.deadline(), None, "it does not escalate");
        assert_eq!(ending.exited(start), None);
        ending.abandon(start + GRACE);
        assert_eq!(ending.deadline(), Some(start + GRACE), "the end of the manager changes nothing now");
        assert_eq!(ending.proceed(start + GRACE), Some(Deed::Kill));
        assert_eq!(ending.exited(start + GRACE), None);
    }

    #[test]
    fn a_grace_beyond_all_time_never_ends() {
        let mut ending = Ending::new(Duration::MAX);
        assert_eq!(ending.exited(Instant::now()), Some(Deed::Ask));
        assert_eq!(ending.deadline(), None);
        assert_eq!(ending.proceed(Instant::now()), None);
        assert_eq!(ending.obey(Command::Kill), Some(Deed::Kill));
    }
}
