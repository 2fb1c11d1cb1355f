//! Edges where the system has none.

use super::super::Raw;

/// What an edge registration was told, and what has not passed since: only what is not among it is news.
///
/// The kernel reports each readiness once, then must be armed again; armed while the readiness lasts, it would report
/// it for ever. So before each wait the loop looks at those that were told something, and arms those whose readiness
/// has passed. An edge is therefore a transition from not ready to ready that a wait lies in between: more data for a
/// socket that still has some is no news.
#[derive(Default)]
pub(super) struct Told(u8);

impl Told {
    pub(super) fn is_some(&self) -> bool {
        self.0 != 0
    }

    /// Takes in what the kernel reported, and how things stand; the news in it.
    pub(super) fn add(&mut self, reported: Raw, now: Raw) -> Raw {
        let news = Raw(now.0 & !self.0);
        // What was reported and has passed already must be armed again, too.
        self.0 |= reported.0 | now.0;
        news
    }

    /// Whether there was anything that is not so any more.
    pub(super) fn forget_what_passed(&mut self, now: Raw) -> bool {
        let lasting = self.0 & now.0;
        std::mem::replace(&mut self.0, lasting) != lasting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_what_lasts_is_news_once() {
        let mut told = Told::default();
        assert!(!told.is_some());
        assert_eq!(told.add(Raw(Raw::OUT), Raw(Raw::OUT)).0, Raw::OUT);
        assert_eq!(told.add(Raw(Raw::IN), Raw(Raw::IN | Raw::OUT)).0, Raw::IN);
        assert_eq!(told.add(Raw(Raw::IN), Raw(Raw::IN | Raw::OUT)).0, 0);
        assert!(!told.forget_what_passed(Raw(Raw::IN | Raw::OUT)));
        assert!(told.is_some());
    }

    #[test]
    fn f2_what_has_passed_may_come_again() {
        let mut told = Told::default();
        told.add(Raw(Raw::IN), Raw(Raw::IN | Raw::OUT));
        assert!(told.forget_what_passed(Raw(Raw::OUT)));
        assert_eq!(told.add(Raw(Raw::IN), Raw(Raw::IN | Raw::OUT)).0, Raw::IN);
        // It had passed before anybody could be told.
        assert!(told.forget_what_passed(Raw(0)));
        assert_eq!(told.add(Raw(Raw::IN), Raw(0)).0, 0);
        assert!(told.forget_what_passed(Raw(0)));
        assert!(!told.is_some());
    }
}
