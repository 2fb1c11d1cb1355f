//! Families decide as said: an exact script for each rule, and random ones.

mod random;

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

const SECOND: Nanos = 1_000_000_000;

#[derive(Debug, Clone)]
struct Kid {
    number: u64,
    restart: Restart,
    backoff: Option<Backoff>,
    intensity: Option<Intensity>,
    stop_limit: Nanos,
}

impl Kid {
    fn new(number: u64) -> Kid {
        Kid { number, restart: Restart::Transient, backoff: None, intensity: None, stop_limit: 5 * SECOND }
    }
}

impl Child for Kid {
    fn restart(&self) -> Restart {
        self.restart
    }

    fn backoff(&self) -> Option<Backoff> {
        self.backoff
    }

    fn intensity(&self) -> Option<Intensity> {
        self.intensity
    }

    fn stop_limit(&self) -> Nanos {
        self.stop_limit
    }
}

fn failure() -> Reason {
    Reason::Panic("oh".into())
}

/// A family, its time, and the lives of its children.
struct Scene {
    family: Family<Kid>,
    now: Nanos,
    lives: BTreeMap<u64, LifeNumber>,
    waits: BTreeMap<Wait, Nanos>,
}

impl Scene {
    fn new(supervision: Supervision) -> Scene {
        let family = Family::new(supervision, false);
        Scene { family, now: 0, lives: BTreeMap::new(), waits: BTreeMap::new() }
    }

    fn of(strategy: Strategy, numbers: std::ops::RangeInclusive<u64>) -> Scene {
        let mut scene = Scene::new(Supervision::new(strategy));
        numbers.for_each(|number| scene.adopt(Kid::new(number)));
        scene
    }

    fn adopt(&mut self, kid: Kid) {
        self.lives.insert(kid.number, 1);
        self.family.adopt(kid.number, kid);
    }

    /// What is done, in words.
    fn tell(&mut self, actions: Actions<Kid>) -> Vec<String> {
        let words = |action: Action<Kid>| match action {
            Action::Start { child, life } => {
                self.lives.insert(child.number, life);
                format!("start {}", child.number)
            }
            Action::Stop { child, how, leaves, .. } => {
                let how = if how == Stop::Drain { "drain" } else { "stop" };
                format!("{how} {}{}", child.number, if leaves { " for good" } else { "" })
            }
            Action::CutOff { child, leaves, .. } => {
                format!("cut off {}{}", child.number, if leaves { " for good" } else { "" })
            }
            Action::Fail(_) => "fail".into(),
            Action::Wait(wait, delay) => {
                self.waits.insert(wait, self.now + delay);
                format!("wait {:?}", Duration::from_nanos(delay))
            }
            Action::Forget(wait) => {
                self.waits.remove(&wait);
                "forget".into()
            }
            Action::AllGone => "all gone".into(),
        };
        actions.into_iter().map(words).collect()
    }

    fn exit(&mut self, number: u64, reason: &Reason) -> (Fate, Vec<String>) {
        let life = self.lives[&number];
        let (fate, mut actions) = self.family.exited(number, life, reason, self.now, 0.5);
        if fate != Fate::Restarts {
            actions.extend(self.family.left(number));
        }
        (fate, self.tell(actions))
    }

    fn fail(&mut self, number: u64) -> Vec<String> {
        self.exit(number, &failure()).1
    }

    /// It has stopped, as it was asked to.
    fn has_stopped(&mut self, number: u64) -> Vec<String> {
        self.exit(number, &Reason::Stopped).1
    }

    fn has_started(&mut self, number: u64) -> Vec<String> {
        let actions = self.family.started(number, self.lives[&number], self.now);
        self.tell(actions)
    }

    fn stop(&mut self, number: u64, how: Stop) -> Vec<String> {
        let actions = self.family.stop(number, how);
        self.tell(actions)
    }

    fn stop_all(&mut self) -> Vec<String> {
        let actions = self.family.stop_all();
        self.tell(actions)
    }

    fn advance(&mut self, by: Nanos) -> Vec<String> {
        self.now += by;
        let mut told = Vec::new();
        while let Some(wait) = self.waits.iter().find(|(_, end)| **end <= self.now).map(|(wait, _)| *wait) {
            self.waits.remove(&wait);
            let actions = self.family.elapsed(wait);
            told.extend(self.tell(actions));
        }
        told
    }
}

#[test]
fn one_for_one_restarts_that_one_alone() {
    let mut scene = Scene::of(Strategy::OneForOne, 1..=3);
    assert_eq!(scene.fail(2), ["start 2"]);
    assert!(scene.has_started(2).is_empty());
    assert_eq!(scene.fail(3), ["start 3"]);
}

#[test]
fn one_for_all_stops_the_youngest_first_and_starts_the_eldest_first() {
    let mut scene = Scene::of(Strategy::OneForAll, 1..=3);
    assert_eq!(scene.fail(2), ["stop 3", "wait 5s"]);
    assert_eq!(scene.has_stopped(3), ["forget", "stop 1", "wait 5s"]);
    assert_eq!(scene.has_stopped(1), ["forget", "start 1"]);
    assert_eq!(scene.has_started(1), ["start 2"]);
    assert_eq!(scene.has_started(2), ["start 3"]);
    assert!(scene.has_started(3).is_empty());
    assert!(scene.waits.is_empty());
}

#[test]
fn rest_for_one_leaves_the_elder_alone() {
    let mut scene = Scene::of(Strategy::RestForOne, 1..=3);
    assert_eq!(scene.fail(2), ["stop 3", "wait 5s"]);
    assert_eq!(scene.has_stopped(3), ["forget", "start 2"]);
    assert_eq!(scene.has_started(2), ["start 3"]);
    assert!(scene.has_started(3).is_empty());
}

#[test]
fn a_group_that_fails_while_it_starts_begins_again_without_those_that_run_already() {
    let mut scene = Scene::of(Strategy::RestForOne, 1..=4);
    scene.fail(2);
    scene.has_stopped(4);
    assert_eq!(scene.has_stopped(3), ["forget", "start 2"]);
    assert_eq!(scene.has_started(2), ["start 3"]);
    // 4 is still down; 2 runs, and does not depend on 3.
    assert_eq!(scene.fail(3), ["start 3"]);
    assert_eq!(scene.has_started(3), ["start 4"]);
    assert!(scene.has_started(4).is_empty());
}

#[test]
fn a_group_that_fails_while_it_stops_takes_all_down_that_it_was_to() {
    let mut scene = Scene::of(Strategy::RestForOne, 1..=4);
    assert_eq!(scene.fail(2), ["stop 4", "wait 5s"]);
    assert!(scene.fail(3).is_empty());
    assert_eq!(scene.has_stopped(4), ["forget", "start 2"]);
    assert_eq!(scene.has_started(2), ["start 3"]);
    assert_eq!(scene.has_started(3), ["start 4"]);
}

#[test]
fn who_is_restarted_depends_on_how_it_ended() {
    for (restart, reason, restarts) in [
        (Restart::Permanent, Reason::Normal, true),
        (Restart::Permanent, failure(), true),
        (Restart::Transient, Reason::Normal, false),
        (Restart::Transient, failure(), true),
        (Restart::Temporary, Reason::Normal, false),
        (Restart::Temporary, failure(), false),
    ] {
        let mut scene = Scene::new(Supervision::default());
        scene.adopt(Kid { restart, ..Kid::new(1) });
        let (fate, told) = scene.exit(1, &reason);
        let expected =
            if restarts { (Fate::Restarts, vec!["start 1".to_string()]) } else { (Fate::Ends, vec![]) };
        assert_eq!((fate, told), expected, "{restart:?} {reason}");
    }
}

#[test]
fn a_temporary_child_is_stopped_with_its_group_and_not_started() {
    let mut scene = Scene::of(Strategy::OneForAll, 1..=1);
    scene.adopt(Kid { restart: Restart::Temporary, ..Kid::new(2) });
    assert_eq!(scene.fail(1), ["stop 2 for good", "wait 5s"]);
    assert_eq!(scene.has_stopped(2), ["forget", "start 1"]);
    assert!(scene.has_started(1).is_empty());
}

#[test]
fn one_restart_too_many_within_the_window_fails_the_parent() {
    let mut scene = Scene::of(Strategy::OneForOne, 1..=2);
    for number in [1, 2, 1] {
        assert_eq!(scene.fail(number), [format!("start {number}")]);
        scene.has_started(number);
    }
    assert_eq!(scene.fail(2), ["fail"]);
}

#[test]
fn restarts_that_are_older_than_the_window_do_not_count() {
    let mut scene = Scene::of(Strategy::OneForOne, 1..=1);
    for _ in 0..20 {
        assert_eq!(scene.fail(1), ["start 1"]);
        scene.has_started(1);
        scene.advance(2 * SECOND);
    }
}

#[test]
fn a_child_with_its_own_intensity_is_given_up_alone() {
    let mut scene = Scene::of(Strategy::OneForOne, 1..=1);
    let own = Intensity { max_restarts: Some(1), window: SECOND };
    scene.adopt(Kid { intensity: Some(own), ..Kid::new(2) });
    assert_eq!(scene.exit(2, &failure()), (Fate::Restarts, vec!["start 2".into()]));
    assert_eq!(scene.exit(2, &failure()), (Fate::GivenUp, vec![]));
    assert_eq!(scene.fail(1), ["start 1"]);
}

#[test]
fn a_backoff_grows_until_a_life_was_long_enough() {
    let backoff = Backoff {
        initial: Duration::from_secs(1),
        max: Duration::from_secs(4),
        factor: 2.0,
        jitter: 0.0,
        reset_after: Duration::from_secs(4),
    };
    let mut scene = Scene::new(Supervision::default().unlimited().backoff(backoff));
    scene.adopt(Kid::new(1));
    for wait in ["1s", "2s", "4s", "4s", "4s"] {
        // It fails before it has started, so the time that it was down is no life.
        assert_eq!(scene.fail(1), [format!("wait {wait}")]);
        assert_eq!(scene.advance(4 * SECOND), ["forget", "start 1"]);
    }
    scene.has_started(1);
    scene.advance(4 * SECOND - 1);
    assert_eq!(scene.fail(1), ["wait 4s"]);
    assert_eq!(scene.advance(4 * SECOND), ["forget", "start 1"]);
    scene.has_started(1);
    scene.advance(4 * SECOND);
    assert_eq!(scene.fail(1), ["wait 1s"]);
}

#[test]
fn a_group_waits_as_long_as_the_longest_of_its_failures() {
    let mut scene = Scene::new(Supervision::new(Strategy::OneForAll));
    let backoff = |secs| {
        Some(Backoff { jitter: 0.0, ..Backoff::exponential(Duration::from_secs(secs), Duration::MAX) })
    };
    scene.adopt(Kid { backoff: backoff(7), ..Kid::new(1) });
    scene.adopt(Kid { backoff: backoff(2), ..Kid::new(2) });
    scene.adopt(Kid::new(3));
    assert_eq!(scene.fail(1), ["stop 3", "wait 5s"]);
    assert!(scene.fail(2).is_empty());
    assert_eq!(scene.has_stopped(3), ["forget", "wait 7s"]);
    assert_eq!(scene.advance(7 * SECOND), ["start 1"]);
}

#[test]
fn children_start_in_order_and_wait_for_one_that_fails_at_that() {
    let mut scene = Scene::new(Supervision::default());
    (1..=3).for_each(|number| scene.family.adopt_held(number, Kid::new(number)));
    let actions = scene.family.start_in_order();
    assert_eq!(scene.tell(actions), ["start 1"]);
    assert_eq!(scene.fail(1), ["start 1"]);
    assert_eq!(scene.has_started(1), ["start 2"]);
    // One that runs already is no reason to go on.
    assert_eq!(scene.fail(1), ["start 1"]);
    assert!(scene.has_started(1).is_empty());
    assert_eq!(scene.has_started(2), ["start 3"]);
}

#[test]
fn the_rest_starts_without_one_that_is_given_up() {
    let mut scene = Scene::new(Supervision::default());
    let never = Intensity { max_restarts: Some(0), window: SECOND };
    scene.family.adopt_held(1, Kid { intensity: Some(never), ..Kid::new(1) });
    scene.family.adopt_held(2, Kid::new(2));
    let actions = scene.family.start_in_order();
    assert_eq!(scene.tell(actions), ["start 1"]);
    assert_eq!(scene.exit(1, &failure()), (Fate::GivenUp, vec!["start 2".into()]));
}

#[test]
fn stopping_while_backing_off_ends_the_wait() {
    let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(1));
    let mut scene = Scene::new(Supervision::default().backoff(backoff));
    scene.adopt(Kid::new(1));
    assert_eq!(scene.fail(1), ["wait 1s"]);
    assert_eq!(scene.stop(1, Stop::Drain), ["forget", "drain 1 for good", "wait 5s"]);
    assert_eq!(scene.has_stopped(1), ["forget"]);
    assert!(scene.family.is_empty());
}

#[test]
fn a_stop_for_good_outdoes_the_stop_of_a_group() {
    let mut scene = Scene::of(Strategy::OneForAll, 1..=2);
    assert_eq!(scene.fail(1), ["stop 2", "wait 5s"]);
    assert!(scene.stop(2, Stop::Drain).is_empty());
    assert_eq!(scene.has_stopped(2), ["forget", "start 1"]);
    assert!(scene.has_started(1).is_empty());
}

#[test]
fn all_stop_the_youngest_first_and_one_at_a_time() {
    let mut scene = Scene::of(Strategy::OneForOne, 1..=3);
    assert_eq!(scene.stop_all(), ["drain 3 for good", "wait 5s"]);
    assert!(scene.stop_all().is_empty());
    assert_eq!(scene.has_stopped(3), ["forget", "drain 2 for good", "wait 5s"]);
    // Out of turn, and not started again.
    assert!(scene.fail(1).is_empty());
    assert_eq!(scene.has_stopped(2), ["forget", "all gone"]);
    assert!(scene.stop_all().is_empty());
}

#[test]
fn all_stop_in_the_middle_of_a_groups_restart() {
    let mut scene = Scene::of(Strategy::OneForAll, 1..=3);
    assert_eq!(scene.fail(1), ["stop 3", "wait 5s"]);
    assert_eq!(scene.stop_all(), ["stop 3 for good"]);
    assert_eq!(scene.has_stopped(3), ["forget", "drain 2 for good", "wait 5s"]);
    // It is down, and is to say that it stays so.
    assert_eq!(scene.has_stopped(2), ["forget", "drain 1 for good", "wait 5s"]);
    assert_eq!(scene.has_stopped(1), ["forget", "all gone"]);
}

#[test]
fn the_end_is_not_announced_before_the_last_child_has_left() {
    let mut scene = Scene::of(Strategy::OneForOne, 1..=1);
    let (fate, actions) = scene.family.exited(1, 1, &Reason::Normal, 0, 0.5);
    assert_eq!((fate, scene.tell(actions)), (Fate::Ends, vec![]));
    assert!(scene.stop_all().is_empty());
    let actions = scene.family.left(1);
    assert_eq!(scene.tell(actions), ["all gone"]);
}

#[test]
fn who_does_not_stop_in_time_is_cut_off_and_the_rest_goes_on() {
    let mut scene = Scene::of(Strategy::OneForOne, 1..=2);
    scene.stop_all();
    assert_eq!(scene.advance(5 * SECOND), ["cut off 2 for good", "forget", "drain 1 for good", "wait 5s"]);
    assert_eq!(scene.has_stopped(1), ["forget", "all gone"]);
    assert_eq!(scene.exit(2, &failure()), (Fate::Ends, vec![]));
}

#[test]
fn children_of_one_that_is_lost_are_stopped_and_forgotten() {
    let mut scene = Scene::of(Strategy::OneForAll, 1..=3);
    assert_eq!(scene.fail(2), ["stop 3", "wait 5s"]);
    let actions = scene.family.abandon();
    assert_eq!(scene.tell(actions), ["forget", "drain 3 for good", "drain 2 for good", "drain 1 for good"]);
    assert!(scene.family.is_empty() && scene.waits.is_empty());
    assert_eq!(scene.exit(1, &Reason::Normal), (Fate::Ends, vec![]));
    assert!(scene.stop_all().is_empty());
}

#[test]
fn the_late_end_of_one_that_was_cut_off_says_nothing_of_its_next_life() {
    let mut scene = Scene::of(Strategy::OneForAll, 1..=2);
    assert_eq!(scene.fail(1), ["stop 2", "wait 5s"]);
    assert_eq!(scene.advance(5 * SECOND), ["forget", "cut off 2", "start 1"]);
    assert_eq!(scene.exit(2, &failure()), (Fate::Restarts, vec![]));
    assert_eq!(scene.has_started(1), ["start 2"]);
    let (fate, actions) = scene.family.exited(2, 1, &failure(), scene.now, 0.5);
    assert_eq!((fate, scene.tell(actions)), (Fate::Restarts, vec![]));
    let actions = scene.family.started(2, 1, scene.now);
    assert!(scene.tell(actions).is_empty());
    assert!(scene.has_started(2).is_empty());
}
