//! Random scripts, against what must always hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::{Just, TestCaseError, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Generator;

use super::super::*;
use super::{Kid, SECOND, Scene, failure};

#[derive(Debug, Clone, Copy)]
enum Event {
    Adopt(Restart),
    /// A living child ends.
    Exit {
        which: usize,
        how: usize,
    },
    /// The start of a child that is awaited succeeds.
    Started {
        which: usize,
    },
    /// One that is to stop, or was cut off, does end.
    Obey {
        which: usize,
    },
    Stop {
        which: usize,
        how: Stop,
    },
    StopAll,
    Advance(Nanos),
}

fn events() -> impl Generator<Value = Vec<Event>> {
    let restart = prop_oneof![Just(Restart::Permanent), Just(Restart::Transient), Just(Restart::Temporary)];
    let how = prop_oneof![Just(Stop::Drain), Just(Stop::Now)];
    let event = prop_oneof![
        4 => restart.prop_map(Event::Adopt),
        5 => (any::<usize>(), 0usize..3).prop_map(|(which, how)| Event::Exit { which, how }),
        8 => any::<usize>().prop_map(|which| Event::Started { which }),
        8 => any::<usize>().prop_map(|which| Event::Obey { which }),
        1 => (any::<usize>(), how).prop_map(|(which, how)| Event::Stop { which, how }),
        1 => Just(Event::StopAll),
        4 => prop_oneof![Just(SECOND / 3), Just(SECOND), Just(3 * SECOND), Just(6 * SECOND)].prop_map(Event::Advance),
    ];
    proptest::collection::vec(event, 1..120)
}

/// What one child really does, as the family's news and decisions go back and forth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Truth {
    life: LifeNumber,
    is_alive: bool,
    has_started: bool,
    /// It was asked to stop in this life.
    is_asked: bool,
    /// It was cut off in this life, and is not waited for.
    is_cut_off: bool,
    leaves: bool,
}

struct Model {
    strategy: Strategy,
    scene: Scene,
    truths: BTreeMap<u64, Truth>,
    failures: u32,
    restarts: Vec<(u64, Nanos)>,
    is_ending: bool,
    all_gone: usize,
    /// The last one that was asked to stop, while the group or the family does so.
    asked: Vec<u64>,
}

const MAX_RESTARTS: u32 = 3;

impl Model {
    fn carry_out(&mut self, actions: Actions<Kid>) -> Result<(), TestCaseError> {
        for action in &actions {
            match action {
                Action::Start { child, life } => {
                    let truth = self.truths.get_mut(&child.number).unwrap();
                    prop_assert!(!truth.is_alive || truth.is_cut_off, "started twice: {child:?}");
                    prop_assert!(!truth.leaves && !self.is_ending, "started though it leaves: {child:?}");
                    prop_assert_eq!(*life, truth.life + 1);
                    *truth = Truth {
                        life: *life,
                        is_alive: true,
                        has_started: false,
                        is_asked: false,
                        is_cut_off: false,
                        leaves: false,
                    };
                }
                Action::Stop { child, life, leaves, .. } => {
                    let truth = self.truths.get_mut(&child.number).unwrap();
                    prop_assert_eq!(*life, truth.life);
                    truth.is_asked = true;
                    truth.leaves |= leaves;
                    self.asked.push(child.number);
                }
                Action::CutOff { child, life, leaves } => {
                    let truth = self.truths.get_mut(&child.number).unwrap();
                    prop_assert_eq!(*life, truth.life);
                    prop_assert!(truth.is_asked);
                    truth.is_cut_off = true;
                    truth.leaves |= leaves;
                }
                Action::Fail(_) => self.failures += 1,
                Action::AllGone => {
                    self.all_gone += 1;
                    prop_assert!(self.is_ending);
                    prop_assert!(self.scene.family.is_empty());
                }
                Action::Wait(..) | Action::Forget(_) => {}
            }
        }
        self.scene.tell(actions);
        self.check()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let family = &self.scene.family;
        prop_assert_eq!(
            family.waits.keys().collect::<Vec<_>>(),
            self.scene.waits.keys().collect::<Vec<_>>(),
            "the waits that are known are those that are armed"
        );
        if self.strategy != Strategy::OneForOne && !self.is_ending {
            // Strangers to the group are those that were asked by name.
            let starting = family.members.values().filter(|member| member.state == State::Starting).count();
            prop_assert!(starting <= 1, "a group starts one at a time");
        }
        let stopping = |member: &&Member<Kid>| member.state == State::Stopping { leaves: false };
        prop_assert!(family.members.values().filter(stopping).count() <= 1, "a group stops one at a time");
        for (number, member) in family.members.iter() {
            let truth = self.truths[&number];
            let is_down = matches!(member.state, State::Held | State::Waiting | State::Leaving);
            prop_assert!(is_down || truth.is_alive || truth.is_asked, "nobody waits for the dead: {number}");
            prop_assert!(!is_down || !truth.is_alive || truth.is_cut_off, "the living are known: {number}");
        }
        if family.group.is_none() && !self.is_ending && self.failures == 0 {
            prop_assert!(
                family.members.values().all(|member| member.state != State::Held),
                "nobody is forgotten"
            );
        }
        Ok(())
    }

    fn exit(&mut self, number: u64, reason: &Reason) -> Result<(), TestCaseError> {
        let truth = self.truths.get_mut(&number).unwrap();
        truth.is_alive = false;
        let (life, was_cut_off, now) = (truth.life, truth.is_cut_off, self.scene.now);
        let fails = self.failures;
        let was_asked = truth.is_asked;
        let (fate, actions) = self.scene.family.exited(number, life, reason, now, 0.5);
        self.carry_out(actions)?;
        if fate == Fate::Restarts {
            prop_assert!(!self.is_ending || was_cut_off, "nobody restarts at the end");
            if !was_asked {
                self.restarts.push((number, now));
                let recent = |(_, at): &&(u64, Nanos)| now - at <= 5 * SECOND;
                let count = self.restarts.iter().filter(recent).count();
                prop_assert!(count <= MAX_RESTARTS as usize, "too many restarts");
            }
        } else {
            if self.failures > fails {
                self.is_ending = true;
                let actions = self.scene.family.stop_all();
                self.carry_out(actions)?;
            }
            let actions = self.scene.family.left(number);
            self.carry_out(actions)?;
        }
        Ok(())
    }

    fn pick(&self, which: usize, is_meant: impl Fn(&Truth) -> bool) -> Option<u64> {
        let meant: Vec<_> =
            self.truths.iter().filter(|(_, truth)| is_meant(truth)).map(|(n, _)| *n).collect();
        (!meant.is_empty()).then(|| meant[which % meant.len()])
    }

    fn play(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Adopt(restart) => {
                if self.scene.family.is_ending() {
                    return Ok(());
                }
                let number = self.truths.len() as u64 + 1;
                self.scene.adopt(Kid { restart, ..Kid::new(number) });
                let truth = Truth {
                    life: 1,
                    is_alive: true,
                    has_started: true,
                    is_asked: false,
                    is_cut_off: false,
                    leaves: false,
                };
                self.truths.insert(number, truth);
                Ok(())
            }
            Event::Exit { which, how } => match self.pick(which, |truth| truth.is_alive && !truth.is_asked) {
                Some(number) if how == 0 => self.exit(number, &Reason::Normal),
                Some(number) => self.exit(number, &failure()),
                None => Ok(()),
            },
            Event::Started { which } => {
                match self.pick(which, |truth| truth.is_alive && !truth.has_started) {
                    Some(number) => {
                        let truth = self.truths.get_mut(&number).unwrap();
                        truth.has_started = true;
                        let life = truth.life;
                        let actions = self.scene.family.started(number, life, self.scene.now);
                        self.carry_out(actions)
                    }
                    None => Ok(()),
                }
            }
            Event::Obey { which } => {
                // Also those that are down and say that they stay so.
                let obeys = |truth: &Truth| truth.is_asked && (truth.is_alive || truth.leaves);
                match self.pick(which, obeys) {
                    Some(number) => self.exit(number, &Reason::Stopped),
                    None => Ok(()),
                }
            }
            Event::Stop { which, how } => match self.pick(which, |truth| !truth.leaves) {
                Some(number) => {
                    if self.scene.family.members.contains(number) {
                        self.truths.get_mut(&number).unwrap().leaves = true;
                    }
                    let actions = self.scene.family.stop(number, how);
                    self.carry_out(actions)
                }
                None => Ok(()),
            },
            Event::StopAll => self.stop_all(),
            Event::Advance(by) => {
                self.scene.now += by;
                loop {
                    let due = self.scene.waits.iter().find(|(_, end)| **end <= self.scene.now);
                    let Some(wait) = due.map(|(wait, _)| *wait) else { return Ok(()) };
                    self.scene.waits.remove(&wait);
                    let actions = self.scene.family.elapsed(wait);
                    self.carry_out(actions)?;
                }
            }
        }
    }

    fn stop_all(&mut self) -> Result<(), TestCaseError> {
        self.is_ending = true;
        let actions = self.scene.family.stop_all();
        self.carry_out(actions)
    }
}

proptest! {
    /// Random lives, failures and stops; then the end.
    #[test]
    fn what_must_always_hold(
        strategy in prop_oneof![
            Just(Strategy::OneForOne), Just(Strategy::OneForAll), Just(Strategy::RestForOne)
        ],
        has_backoff in any::<bool>(),
        events in events(),
    ) {
        let mut supervision = Supervision::new(strategy).intensity(MAX_RESTARTS, Duration::from_secs(5));
        if has_backoff {
            let backoff = Backoff::exponential(Duration::from_millis(500), Duration::from_secs(4));
            supervision = supervision.backoff(backoff);
        }
        let mut model = Model {
            strategy,
            scene: Scene::new(supervision),
            truths: BTreeMap::new(),
            failures: 0,
            restarts: Vec::new(),
            is_ending: false,
            all_gone: 0,
            asked: Vec::new(),
        };
        for event in events {
            model.play(event)?;
        }
        model.stop_all()?;
        model.asked.clear();
        let left: BTreeSet<u64> = model.scene.family.members.iter().map(|(number, _)| number).collect();
        // Each obeys at once: so one after the other is asked, the youngest first, until none is left.
        for number in left.iter().rev() {
            let truth = model.truths[number];
            prop_assert!(truth.is_asked && truth.leaves || truth.is_cut_off, "{number} is not asked in its turn");
            model.exit(*number, &Reason::Stopped)?;
        }
        prop_assert!(model.asked.is_sorted_by(|younger, elder| younger > elder), "{:?}", model.asked);
        prop_assert_eq!(model.all_gone, 1);
        prop_assert!(model.scene.family.is_empty() && model.scene.waits.is_empty());
    }
}
