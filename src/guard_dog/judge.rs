//! Who is stuck, and what that calls for: decisions without threads, and with time as a parameter.

use crate::dispatcher::Nanos;

use super::Event;

/// For how long a thread may stand still before each event; zero: for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thresholds {
    pub(super) miss: Nanos,
    pub(super) megamiss: Nanos,
    pub(super) kill: Nanos,
    pub(super) multikill: Nanos,
    /// Which part of all threads must stand still for longer than `multikill`.
    pub(super) multikill_share: f64,
}

impl Thresholds {
    /// How many of `watched` threads make a multikill: never one alone.
    fn multikill_count(&self, watched: usize) -> usize {
        ((self.multikill_share * watched as f64).ceil() as usize).max(2)
    }
}

/// One thread as the judge knows it.
#[derive(Debug)]
pub(super) struct Standing {
    /// When it was last seen to get on.
    since: Nanos,
    /// What was decided about it since then.
    missed: bool,
    megamissed: bool,
    killed: bool,
}

impl Standing {
    pub(super) fn new(now: Nanos) -> Standing {
        Standing { since: now, missed: false, megamissed: false, killed: false }
    }

    /// For how long it has stood still.
    pub(super) fn stuck_for(&self, now: Nanos) -> Nanos {
        now.saturating_sub(self.since)
    }

    /// Whether an event has told of it since it last got on.
    pub(super) fn is_told(&self) -> bool {
        self.missed || self.megamissed || self.killed
    }

    /// Takes `time`, in which nobody looked, out of the account.
    pub(super) fn forgive(&mut self, time: Nanos, now: Nanos) {
        self.since = self.since.saturating_add(time).min(now);
    }

    /// It got on; for how long it had stood still, if that was told.
    fn get_on(&mut self, now: Nanos) -> Option<Nanos> {
        let was = std::mem::replace(self, Standing::new(now));
        was.is_told().then(|| was.stuck_for(now))
    }
}

/// An event, and whom it is about, by their places in what was judged, with the time that each stood still.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) event: Event,
    pub(super) threads: Vec<(usize, Nanos)>,
}

/// Decides; and remembers whether there is a multikill already.
#[derive(Debug)]
pub(super) struct Judge {
    thresholds: Thresholds,
    multikilled: bool,
}

impl Judge {
    pub(super) fn new(thresholds: Thresholds) -> Judge {
        Judge { thresholds, multikilled: false }
    }

    /// Judges all threads, each with whether it got on since the last time. Kills come first, then the multikill,
    /// megamisses, misses, and last who got on again.
    pub(super) fn judge<'a>(
        &mut self,
        now: Nanos,
        threads: impl IntoIterator<Item = (&'a mut Standing, bool)>,
    ) -> Vec<Verdict> {
        let limits = self.thresholds;
        let is_over = |limit: Nanos, stuck: Nanos| limit != 0 && stuck > limit;
        let (mut kills, mut megamisses, mut misses, mut recoveries) = (vec![], vec![], vec![], vec![]);
        let mut over_multikill = vec![];
        let mut watched = 0;
        for (place, (standing, got_on)) in threads.into_iter().enumerate() {
            watched += 1;
            if got_on {
                recoveries.extend(standing.get_on(now).map(|stuck| (place, stuck)));
                continue;
            }
            let stuck = standing.stuck_for(now);
            let tell = |limit, told: &mut bool, list: &mut Vec<_>| {
                if is_over(limit, stuck) && !std::mem::replace(told, true) {
                    list.push((place, stuck));
                }
            };
            tell(limits.kill, &mut standing.killed, &mut kills);
            tell(limits.megamiss, &mut standing.megamissed, &mut megamisses);
            tell(limits.miss, &mut standing.missed, &mut misses);
            if is_over(limits.multikill, stuck) {
                over_multikill.push((place, stuck));
            }
        }
        let is_multikill = over_multikill.len() >= limits.multikill_count(watched);
        let was_multikill = std::mem::replace(&mut self.multikilled, is_multikill);
        let multikill = is_multikill && !was_multikill;
        let alone = |event, threads: Vec<_>| {
            threads.into_iter().map(move |one| Verdict { event, threads: vec![one] })
        };
        alone(Event::Kill, kills)
            .chain(multikill.then_some(Verdict { event: Event::Multikill, threads: over_multikill }))
            .chain(alone(Event::Megamiss, megamisses))
            .chain(alone(Event::Miss, misses))
            .chain(alone(Event::Recovered, recoveries))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OFF: Thresholds = Thresholds { miss: 0, megamiss: 0, kill: 0, multikill: 0, multikill_share: 0.5 };

    /// Some threads that were made at time 0, and their judge.
    struct Court {
        judge: Judge,
        standings: Vec<Standing>,
    }

    impl Court {
        fn new(thresholds: Thresholds, threads: usize) -> Court {
            let standings = (0..threads).map(|_| Standing::new(0)).collect();
            Court { judge: Judge::new(thresholds), standings }
        }

        fn judge(&mut self, now: Nanos, got_on: &[bool]) -> Vec<(Event, Vec<(usize, Nanos)>)> {
            let threads = self.standings.iter_mut().zip(got_on.iter().copied());
            self.judge
                .judge(now, threads)
                .into_iter()
                .map(|verdict| (verdict.event, verdict.threads))
                .collect()
        }
    }

    #[test]
    fn w3_thresholds_are_strict() {
        let mut court = Court::new(Thresholds { miss: 10, megamiss: 20, ..OFF }, 1);
        assert_eq!(court.judge(10, &[false]), []);
        assert_eq!(court.judge(11, &[false]), [(Event::Miss, vec![(0, 11)])]);
        assert_eq!(court.judge(20, &[false]), []);
        assert_eq!(court.judge(21, &[false]), [(Event::Megamiss, vec![(0, 21)])]);
    }

    #[test]
    fn w3_each_event_comes_once_an_episode() {
        let mut court = Court::new(Thresholds { miss: 10, megamiss: 20, ..OFF }, 1);
        let both = |stuck| [(Event::Megamiss, vec![(0, stuck)]), (Event::Miss, vec![(0, stuck)])];
        assert_eq!(court.judge(50, &[false]), both(50));
        assert_eq!(court.judge(100, &[false]), []);
        assert_eq!(court.judge(101, &[true]), [(Event::Recovered, vec![(0, 101)])]);
        assert_eq!(court.judge(102, &[true]), []);
        assert_eq!(court.judge(132, &[false]), both(30));
    }

    #[test]
    fn w3_who_got_on_in_time_is_not_told_of() {
        let mut court = Court::new(Thresholds { miss: 10, ..OFF }, 1);
        assert_eq!(court.judge(10, &[true]), []);
        assert_eq!(court.judge(20, &[false]), []);
        assert_eq!(court.judge(21, &[true]), []);
    }

    #[test]
    fn w3_zero_disables() {
        let mut court = Court::new(OFF, 3);
        assert_eq!(court.judge(Nanos::MAX, &[false; 3]), []);
    }

    #[test]
    fn w3_the_order_is_kill_multikill_megamiss_miss() {
        let all = Thresholds { miss: 10, megamiss: 20, kill: 40, multikill: 30, multikill_share: 0.5 };
        let mut court = Court::new(all, 3);
        let events: Vec<_> =
            court.judge(50, &[false, true, false]).into_iter().map(|(event, _)| event).collect();
        use Event::{Kill, Megamiss, Miss, Multikill};
        assert_eq!(events, [Kill, Kill, Multikill, Megamiss, Megamiss, Miss, Miss]);
    }

    #[test]
    fn w3_a_multikill_takes_two_and_the_share_rounded_up() {
        for (share, threads, needed) in
            [(0.01, 10, 2), (0.2, 10, 2), (0.21, 10, 3), (0.5, 5, 3), (1.0, 4, 4), (1.0, 1, 2)]
        {
            let thresholds = Thresholds { multikill: 10, multikill_share: share, ..OFF };
            for stuck in 0..=threads {
                let mut court = Court::new(thresholds, threads);
                let got_on: Vec<_> = (0..threads).map(|thread| thread >= stuck).collect();
                let verdicts = court.judge(11, &got_on);
                assert_eq!(verdicts.len(), usize::from(stuck >= needed), "{stuck} of {threads} with {share}");
            }
        }
    }

    #[test]
    fn w3_a_multikill_comes_again_only_after_it_was_over() {
        let mut court = Court::new(Thresholds { multikill: 10, ..OFF }, 2);
        assert_eq!(court.judge(11, &[false, false]), [(Event::Multikill, vec![(0, 11), (1, 11)])]);
        assert_eq!(court.judge(20, &[false, false]), []);
        assert_eq!(court.judge(21, &[true, false]), []);
        assert_eq!(court.judge(32, &[false, false]), [(Event::Multikill, vec![(0, 11), (1, 32)])]);
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let mut court = Court::new(Thresholds { miss: 10, ..OFF }, 1);
        court.standings[0].forgive(95, 100);
        assert_eq!(court.judge(105, &[false]), []);
        assert_eq!(court.judge(106, &[false]), [(Event::Miss, vec![(0, 11)])]);
        court.standings[0].forgive(Nanos::MAX, 200);
        assert_eq!(court.standings[0].stuck_for(200), 0);
    }

    /// What one thread is told of, by the words of the contract.
    #[derive(Default)]
    struct Model {
        since: Nanos,
        told: [bool; 3],
    }

    proptest! {
        #[test]
        fn w3_events_follow_the_contract(
            miss in 0..20_u64, more in 0..20_u64, most in 0..20_u64,
            steps in prop::collection::vec((1..15_u64, prop::bool::ANY), 1..60),
        ) {
            let limits = [miss, miss + more, miss + more + most];
            let mut court =
                Court::new(Thresholds { miss: limits[0], megamiss: limits[1], kill: limits[2], ..OFF }, 1);
            let (mut model, mut now) = (Model::default(), 0);
            for (step, got_on) in steps {
                now += step;
                let mut expected = vec![];
                let stuck = now - model.since;
                if got_on {
                    if model.told.contains(&true) {
                        expected.push((Event::Recovered, vec![(0, stuck)]));
                    }
                    model = Model { since: now, told: [false; 3] };
                } else {
                    let events = [Event::Miss, Event::Megamiss, Event::Kill];
                    for (i, event) in events.into_iter().enumerate().rev() {
                        if limits[i] > 0 && stuck > limits[i] && !model.told[i] {
                            model.told[i] = true;
                            expected.push((event, vec![(0, stuck)]));
                        }
                    }
                }
                prop_assert_eq!(court.judge(now, &[got_on]), expected);
            }
        }
    }
}
