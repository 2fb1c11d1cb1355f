//! Level and edge where the kernel reports readiness once, and has no edges.

use super::super::{FileReady, Raw, Trigger};

/// What a registration was told.
///
/// The kernel reports each readiness once, then must be armed again; armed while the readiness lasts, it reports it at
/// once. So before each wait the loop looks at those that were told something, tells them again what is to be told
/// again, and arms the others for what is to come. It looks at those that were armed since, too: what they waited for
/// before is called off in the kernel's own time, and until then it reports nothing else.
///
/// Level is told again all that it wants. An edge:
///
/// - *Data:* whoever has read all of it may have got as much again by now, which shows in nothing: what is there to
///   read is counted, not what has come. So this is told again, and who does not read all of it is told in each
///   iteration.
/// - *A peer that has closed, a fault:* that lasts, and so does the end that can then be read. Told once.
/// - *Room to write:* told again once a wait has found that there was none. Whoever was refused room that is there
///   again before the wait must arm the edge anew (F3).
#[derive(Default)]
pub(super) struct Told(u8);

/// Not one of the kernel's bits.
const NEWLY_ARMED: u8 = 128;

impl Told {
    /// Nothing yet, though there may be something to tell.
    pub(super) fn newly_armed() -> Told {
        Told(NEWLY_ARMED)
    }

    /// Whether it is to be looked at before the next wait.
    pub(super) fn is_some(&self) -> bool {
        self.0 != 0
    }

    pub(super) fn news(&self, now: Raw) -> Raw {
        Raw(now.0 & !self.0)
    }

    /// Takes in what the kernel reported, and how things stand; the news in it.
    pub(super) fn add(&mut self, reported: Raw, now: Raw) -> Raw {
        let news = self.news(now);
        // What was reported and has passed already must be armed again, too.
        self.0 |= reported.0 | now.0;
        news
    }

    /// Before a wait: forgets what has passed, and what is to be told again. Whether there was any, or it was newly
    /// armed.
    pub(super) fn renew(&mut self, trigger: Trigger, interest: u32, now: Raw) -> bool {
        let passed = self.0 & (Raw::IN | Raw::OUT) & !now.0;
        let all = [Raw::IN, Raw::OUT, Raw::PEER_CLOSED, Raw::ERROR, Raw::HANG_UP];
        let wanted =
            all.into_iter().filter(|bit| Raw(*bit).delivered(interest) != 0).fold(0, |all, bit| all | bit);
        let has_ended = (self.0 | now.0) & (Raw::PEER_CLOSED | Raw::HANG_UP) != 0;
        let again = match trigger {
            Trigger::Edge if has_ended => 0,
            Trigger::Edge => wanted & Raw::IN,
            Trigger::Level | Trigger::EmulatedEdge => wanted,
        };
        let kept = self.0 & !passed & !again & !NEWLY_ARMED;
        std::mem::replace(&mut self.0, kept) != kept
    }

    /// What of `interest` the kernel still has to report something of.
    pub(super) fn to_come(&self, interest: u32) -> u32 {
        let told = |bit: u8, by: FileReady| if self.0 & bit != 0 { by.bits() } else { 0 };
        let of_reading = FileReady::READ | FileReady::CLOSED | FileReady::ERROR;
        interest & !told(Raw::IN, of_reading) & !told(Raw::OUT, FileReady::WRITE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: u32 = FileReady::READ.bits() | FileReady::WRITE.bits();

    #[test]
    fn f2_room_to_write_is_news_once_until_there_was_none() {
        let mut told = Told::default();
        assert_eq!(told.add(Raw(Raw::OUT), Raw(Raw::OUT)).0, Raw::OUT);
        assert_eq!(told.add(Raw(Raw::OUT), Raw(Raw::OUT)).0, 0);
        assert!(!told.renew(Trigger::Edge, BOTH, Raw(Raw::OUT)));
        assert_eq!(told.to_come(BOTH), FileReady::READ.bits());
        assert!(told.renew(Trigger::Edge, BOTH, Raw(0)));
        assert_eq!(told.to_come(BOTH), BOTH);
        assert_eq!(told.add(Raw(Raw::OUT), Raw(Raw::OUT)).0, Raw::OUT);
    }

    #[test]
    fn f2_data_is_news_again_unless_nobody_wants_it() {
        let mut told = Told::default();
        let (data, closed) = (Raw(Raw::IN), FileReady::CLOSED.bits());
        told.add(data, data);
        assert!(told.renew(Trigger::Edge, BOTH, data));
        assert_eq!(told.add(data, data).0, Raw::IN);
        assert!(!told.renew(Trigger::Edge, closed, data));
        // Read before anybody could be told.
        assert!(told.renew(Trigger::Edge, closed, Raw(0)));
        told.add(data, Raw(0));
        assert!(told.renew(Trigger::Edge, BOTH, Raw(0)));
        assert!(!told.is_some());
    }

    #[test]
    fn f3_what_is_newly_armed_is_looked_at_once() {
        let mut told = Told::newly_armed();
        assert!(told.is_some());
        assert_eq!(told.to_come(BOTH), BOTH);
        assert!(told.renew(Trigger::Edge, BOTH, Raw(Raw::OUT)));
        assert!(!told.is_some());
        assert_eq!(told.add(Raw(0), Raw(Raw::OUT)).0, Raw::OUT);
        assert!(!told.renew(Trigger::Edge, BOTH, Raw(Raw::OUT)));
    }

    #[test]
    fn f2_the_end_is_news_once() {
        let mut told = Told::default();
        let end = Raw(Raw::IN | Raw::PEER_CLOSED);
        assert_eq!(told.add(Raw(Raw::IN), end).0, end.0);
        assert!(!told.renew(Trigger::Edge, BOTH, end));
        assert_eq!(told.to_come(BOTH), FileReady::WRITE.bits());
        assert_eq!(told.add(Raw(Raw::IN), end).0, 0);
    }

    #[test]
    fn f1_level_is_news_while_somebody_wants_it() {
        let (mut told, level) = (Told::default(), Trigger::Level);
        let both = Raw(Raw::IN | Raw::OUT);
        for _ in 0..2 {
            assert_eq!(told.add(Raw(Raw::IN), both).0, both.0);
            assert!(told.renew(level, BOTH, both));
            assert_eq!(told.news(both).0, both.0);
        }
        // Data is not what it waits for, and would be reported for ever.
        let closed = FileReady::CLOSED.bits();
        told.add(both, both);
        assert!(!told.renew(level, closed, both));
        assert_eq!(told.to_come(closed), 0);
        assert!(told.renew(level, closed, Raw(Raw::OUT)));
        assert_eq!(told.to_come(closed), closed);
    }
}
