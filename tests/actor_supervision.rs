//! Supervision, through the public API: restarts, backoff, escalation, order, time limits, links, names.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp_event::actor::{
    Actor, ActorRef, ActorResult, ActorState, Backoff, BoxError, Context, Event, Function, Placement, Reason,
    Restart, Signal, SpawnError, Spec, Stopping, Strategy, Supervision, Supervisor, System, SystemHandle,
    Why,
};
use mcp_event::{Dispatcher, RunType, SimulatedClock};

const SECOND: Duration = Duration::from_secs(1);

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A system on one loop in simulated time, which the test runs.
struct Stage {
    system: System,
    dispatcher: Dispatcher,
    clock: SimulatedClock,
    log: Log,
}

impl Stage {
    fn new() -> Stage {
        Stage::with(Supervision::default())
    }

    /// Events of the system go to the log.
    fn with(supervision: Supervision) -> Stage {
        let clock = SimulatedClock::new();
        let dispatcher = Dispatcher::builder("stage").clock(&clock).build().unwrap();
        let log = Log::default();
        let events = log.clone();
        let hook = move |event: &Event<'_>| {
            let name = |actor: &dyn mcp_event::actor::Named| actor.name().unwrap_or("nobody").to_string();
            match event {
                Event::Failed { actor, reason, restarts } => {
                    let then = if *restarts { "restarts" } else { "ends" };
                    events.add(format!("{} {then}: {reason}", name(*actor)));
                }
                Event::GivenUp { actor, .. } => events.add(format!("{} is given up", name(*actor))),
                Event::CutOff { actor } => events.add(format!("{} is cut off", name(*actor))),
                Event::DeadLetter { actor } => events.add(format!("a dead letter for {}", name(*actor))),
                _ => events.add("something else"),
            }
        };
        let loops = [dispatcher.handle()];
        let system = System::builder().on(loops).supervise(supervision).on_event(hook).build().unwrap();
        Stage { system, dispatcher, clock, log }
    }

    fn run(&self) -> Vec<String> {
        self.dispatcher.run(RunType::NonBlock).unwrap();
        self.log.take()
    }

    fn advance(&self, by: Duration) -> Vec<String> {
        self.clock.advance(by);
        self.run()
    }

    fn part(&self, name: &str) -> Spec<Part> {
        part(&self.log, name)
    }

    fn find(&self, name: &str) -> ActorRef<Act> {
        self.system.find(name).unwrap()
    }

    fn tell(&self, name: &str, act: Act) {
        self.find(name).tell(act).unwrap();
    }

    fn restarts(&self, name: &str) -> u32 {
        let mut left = self.system.tree().actors;
        while let Some(actor) = left.pop() {
            if actor.name.as_deref() == Some(name) {
                return actor.restarts;
            }
            left.extend(actor.children);
        }
        panic!("there is no {name}");
    }
}

/// An actor that does as it is told, and logs the turns of its life under its name.
#[derive(Clone)]
struct Part {
    log: Log,
    name: String,
    /// It fails to start, this many times more.
    bad_starts: Arc<AtomicUsize>,
    /// It never says that it has finished.
    is_stubborn: bool,
}

enum Act {
    Note(&'static str),
    Fail,
    Panic,
    Stop,
    Do(Work),
}

type Work = Box<dyn FnOnce(&mut Context<'_, Part>) + Send>;

fn part(log: &Log, name: &str) -> Spec<Part> {
    clumsy(log, name, &Arc::default())
}

/// Fails to start for the first few times.
fn clumsy(log: &Log, name: &str, bad_starts: &Arc<AtomicUsize>) -> Spec<Part> {
    let part =
        Part { log: log.clone(), name: name.into(), bad_starts: bad_starts.clone(), is_stubborn: false };
    Spec::new(move || part.clone()).name(name)
}

fn stubborn(log: &Log, name: &str) -> Spec<Part> {
    let part = Part { log: log.clone(), name: name.into(), bad_starts: Arc::default(), is_stubborn: true };
    Spec::new(move || part.clone()).name(name)
}

impl Actor for Part {
    type Message = Act;

    fn started(&mut self, _: &mut Context<'_, Self>) -> ActorResult {
        let take_one = |left: usize| left.checked_sub(1);
        if self.bad_starts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one).is_ok() {
            return Err("cannot start".into());
        }
        self.log.add(format!("+{}", self.name));
        Ok(())
    }

    fn handle(&mut self, act: Act, context: &mut Context<'_, Self>) -> ActorResult {
        match act {
            Act::Note(text) => self.log.add(format!("{}: {text}", self.name)),
            Act::Fail => return Err("oh".into()),
            Act::Panic => panic!("oh"),
            Act::Stop => context.stop(),
            Act::Do(work) => work(context),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> ActorResult {
        match &signal {
            Signal::Down { restarts, reason, .. } => {
                self.log.add(format!("{} hears: {reason} ({restarts})", self.name));
                Ok(())
            }
            Signal::LinkFailed { reason, .. } => Err(format!("with another: {reason}").into()),
            _ => Ok(()),
        }
    }

    fn stopping(&mut self, _: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
        Ok(if self.is_stubborn { Stopping::Later } else { Stopping::Now })
    }

    fn stopped(&mut self, _: &Reason) {
        self.log.add(format!("-{}", self.name));
    }
}

/// Three parts in order, under a supervisor.
fn team(stage: &Stage, supervision: Supervision) -> Spec<Supervisor> {
    let child = |name: &'static str| {
        let log = stage.log.clone();
        move || part(&log, name)
    };
    Supervisor::new().child(child("a")).child(child("b")).child(child("c")).spec(supervision).name("team")
}

#[test]
fn each_strategy_restarts_whom_it_says_in_order() {
    for (strategy, expected) in [
        (Strategy::OneForOne, vec!["b restarts: it failed: oh", "+b"]),
        (Strategy::OneForAll, vec!["b restarts: it failed: oh", "-c", "-a", "+a", "+b", "+c"]),
        (Strategy::RestForOne, vec!["b restarts: it failed: oh", "-c", "+b", "+c"]),
    ] {
        let stage = Stage::new();
        stage.system.start(team(&stage, Supervision::new(strategy))).unwrap();
        assert_eq!(stage.run(), ["+a", "+b", "+c"], "{strategy:?}");
        stage.tell("b", Act::Fail);
        assert_eq!(stage.run(), expected, "{strategy:?}");
        stage.system.begin_stop();
        assert_eq!(stage.run(), ["-c", "-b", "-a"], "{strategy:?}");
    }
}

#[test]
fn siblings_that_are_restarted_keep_their_mail() {
    let stage = Stage::new();
    stage.system.start(team(&stage, Supervision::new(Strategy::OneForAll))).unwrap();
    stage.run();
    stage.tell("a", Act::Panic);
    stage.tell("a", Act::Note("survives"));
    stage.tell("c", Act::Note("first"));
    let told = stage.run();
    assert_eq!(told[0], "a restarts: it panicked: oh");
    assert!(told.contains(&"a: survives".into()) && told.contains(&"c: first".into()), "{told:?}");
    assert_eq!(stage.find("c").queue_depth(), 0);
}

#[test]
fn how_it_ended_decides_whether_it_is_restarted() {
    let stage = Stage::new();
    for (name, restart) in
        [("forever", Restart::Permanent), ("mostly", Restart::Transient), ("once", Restart::Temporary)]
    {
        stage.system.start(stage.part(name).restart(restart)).unwrap();
    }
    stage.run();
    for name in ["forever", "mostly", "once"] {
        stage.tell(name, Act::Stop);
    }
    assert_eq!(
        stage.run(),
        ["-forever", "forever restarts: it stopped itself", "-mostly", "-once", "+forever"]
    );
    stage.find("forever").stop();
    assert_eq!(stage.run(), ["-forever"]);
    assert!(stage.system.tree().actors.is_empty());
}

#[test]
fn too_many_failures_escalate_from_parent_to_parent() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let inner = move || {
        let log = log.clone();
        let supervision = Supervision::default().intensity(1, SECOND);
        Supervisor::new().child(move || part(&log, "leaf")).spec(supervision).name("inner")
    };
    let supervision = Supervision::default().intensity(1, SECOND);
    stage.system.start(Supervisor::new().child(inner).spec(supervision).name("outer")).unwrap();
    assert_eq!(stage.run(), ["+leaf"]);
    let mut told = Vec::new();
    for _ in 0..4 {
        stage.tell("leaf", Act::Fail);
        told.extend(stage.run());
    }
    let once = "its children failed too often, the last so: it failed: oh";
    let twice = format!("its children failed too often, the last so: {once}");
    assert_eq!(
        told,
        [
            "leaf restarts: it failed: oh".to_string(),
            "+leaf".into(),
            "leaf ends: it failed: oh".into(),
            format!("inner restarts: {once}"),
            "+leaf".into(),
            "leaf restarts: it failed: oh".into(),
            "+leaf".into(),
            "leaf ends: it failed: oh".into(),
            format!("inner ends: {once}"),
            format!("outer restarts: {twice}"),
            "+leaf".into(),
        ]
    );
    assert_eq!(stage.restarts("outer"), 1);
}

#[test]
fn who_has_no_parent_is_given_up_by_itself() {
    let stage = Stage::with(Supervision::default().intensity(1, SECOND));
    stage.system.start(stage.part("bad")).unwrap();
    stage.system.start(stage.part("good")).unwrap();
    let bad = stage.find("bad");
    stage.run();
    bad.tell(Act::Fail).unwrap();
    assert_eq!(stage.run(), ["bad restarts: it failed: oh", "+bad"]);
    bad.tell(Act::Fail).unwrap();
    assert_eq!(stage.run(), ["bad ends: it failed: oh", "bad is given up"]);
    assert_eq!(bad.tell(Act::Fail).unwrap_err().why, Why::Stopped);
    stage.tell("good", Act::Fail);
    assert_eq!(stage.run(), ["good restarts: it failed: oh", "+good"]);
}

#[test]
fn a_backoff_grows_while_it_fails_and_begins_anew_after_a_long_life() {
    let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(SECOND, SECOND * 4) };
    let stage = Stage::with(Supervision::default().unlimited());
    stage.system.start(clumsy(&stage.log, "clumsy", &Arc::new(4.into())).backoff(backoff)).unwrap();
    let failed = "clumsy restarts: it failed: cannot start";
    assert_eq!(stage.run(), [failed]);
    assert_eq!(stage.find("clumsy").state(), ActorState::Restarting);
    for wait in [1, 2, 4] {
        assert!(stage.advance(SECOND * wait - Duration::from_nanos(1)).is_empty());
        assert_eq!(stage.advance(Duration::from_nanos(1)), [failed]);
    }
    assert_eq!(stage.advance(SECOND * 4), ["+clumsy"]);
    stage.advance(SECOND * 4);
    stage.tell("clumsy", Act::Fail);
    stage.run();
    assert_eq!(stage.advance(SECOND), ["+clumsy"]);
}

#[test]
fn jitter_keeps_within_its_share() {
    let stage = Stage::with(Supervision::default().backoff(Backoff::exponential(SECOND * 4, SECOND * 100)));
    for i in 0..50 {
        stage.system.start(clumsy(&stage.log, &format!("{i}"), &Arc::new(1.into()))).unwrap();
    }
    stage.run();
    assert!(stage.advance(SECOND * 3 - Duration::from_nanos(1)).is_empty());
    let early = stage.advance(SECOND).len();
    assert!(early > 0 && early < 50, "{early} of 50 came back early");
    assert_eq!(stage.advance(SECOND).len(), 50 - early);
}

#[test]
fn stopped_while_it_backs_off_it_stays_down() {
    let stage = Stage::with(Supervision::default().backoff(Backoff::exponential(SECOND, SECOND)));
    stage.system.start(stage.part("part")).unwrap();
    stage.run();
    let part = stage.find("part");
    part.tell(Act::Fail).unwrap();
    part.tell(Act::Note("unheard")).unwrap();
    assert_eq!(stage.run(), ["part restarts: it failed: oh"]);
    part.stop();
    assert_eq!(stage.run(), ["a dead letter for part"]);
    assert_eq!((part.state(), part.queue_depth()), (ActorState::Stopped, 0));
    assert!(stage.advance(SECOND * 10).is_empty());
    // Its name is free.
    stage.system.start(stage.part("part")).unwrap();
}

#[test]
fn a_system_that_stops_ends_those_that_back_off() {
    let stage = Stage::with(Supervision::default().backoff(Backoff::exponential(SECOND, SECOND)));
    let ended = stage.system.start(stage.part("part")).unwrap().ended();
    stage.tell("part", Act::Fail);
    stage.run();
    stage.system.begin_stop();
    assert!(!stage.system.wait_stopped(Duration::ZERO));
    stage.run();
    assert!(stage.system.wait_stopped(Duration::ZERO));
    assert!(matches!(ended.wait(), Ok(Reason::Stopped)));
}

#[test]
fn stopped_before_it_started_it_never_lives() {
    let stage = Stage::new();
    let part = stage.system.start(stage.part("part")).unwrap();
    part.tell(Act::Note("unheard")).unwrap();
    part.stop_now();
    assert_eq!(part.state(), ActorState::Stopping);
    assert_eq!(stage.run(), ["a dead letter for part"]);
    assert_eq!((part.state(), part.queue_depth()), (ActorState::Stopped, 0));
    assert!(stage.system.tree().actors.is_empty());
}

#[test]
fn the_rest_of_a_team_waits_for_one_that_fails_to_start() {
    let stage = Stage::new();
    let (first, second) = (stage.log.clone(), stage.log.clone());
    let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(SECOND, SECOND) };
    let bad_starts = Arc::new(AtomicUsize::new(2));
    let base = move || clumsy(&first, "base", &bad_starts).backoff(backoff);
    let team = Supervisor::new().child(base).child(move || part(&second, "top"));
    stage.system.start(team.spec(Supervision::default())).unwrap();
    let failed = "base restarts: it failed: cannot start";
    assert_eq!(stage.run(), [failed]);
    assert_eq!(stage.advance(SECOND), [failed]);
    assert_eq!(stage.advance(SECOND), ["+base", "+top"]);
}

#[test]
fn who_stops_too_slowly_is_cut_off_and_the_rest_goes_on() {
    let stage = Stage::new();
    stage.system.start(stage.part("elder")).unwrap();
    let slow = stage.system.start(stubborn(&stage.log, "slow").stop_limit(SECOND * 2)).unwrap();
    stage.system.start(stage.part("younger")).unwrap();
    let ended = slow.ended();
    stage.run();
    stage.system.begin_stop();
    assert_eq!(stage.run(), ["-younger"]);
    assert!(stage.advance(SECOND * 2 - Duration::from_nanos(1)).is_empty());
    let told = stage.advance(Duration::from_nanos(1));
    assert_eq!(told, ["slow is cut off", "slow ends: it did not stop within 2s, and was cut off", "-elder"]);
    assert!(matches!(ended.wait(), Ok(Reason::CutOff(limit)) if limit == SECOND * 2));
    assert!(stage.system.wait_stopped(Duration::ZERO));
}

#[test]
fn one_that_is_cut_off_in_a_groups_restart_is_started_with_it() {
    let stage = Stage::new();
    let (first, second) = (stage.log.clone(), stage.log.clone());
    let team = Supervisor::new().child(move || part(&first, "a")).child(move || stubborn(&second, "slow"));
    stage.system.start(team.spec(Supervision::new(Strategy::OneForAll))).unwrap();
    stage.run();
    stage.tell("a", Act::Fail);
    assert_eq!(stage.run(), ["a restarts: it failed: oh"]);
    stage.tell("slow", Act::Note("kept"));
    let told = stage.advance(SECOND * 5);
    assert_eq!(
        told,
        [
            "slow is cut off",
            "slow restarts: it did not stop within 5s, and was cut off",
            "+a",
            "+slow",
            "slow: kept"
        ]
    );
    // It does not count as a failure of its new life.
    assert_eq!((stage.restarts("a"), stage.restarts("slow")), (1, 1));
}

#[test]
fn the_time_limit_covers_children() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let team = Supervisor::new().child(move || stubborn(&log, "slow").stop_limit(SECOND * 10));
    let team = stage.system.start(team.spec(Supervision::default()).name("team").stop_limit(SECOND)).unwrap();
    stage.run();
    let ended = team.ended();
    team.stop();
    stage.run();
    assert_eq!(stage.advance(SECOND), ["team is cut off"]);
    assert!(stage.system.tree().actors.is_empty());
    assert_eq!(stage.advance(SECOND * 9)[0], "slow is cut off");
    assert!(matches!(ended.wait(), Ok(Reason::CutOff(_))));
}

#[test]
fn what_it_puts_off_its_stop_for_can_be_finished() {
    struct Careful(Log);
    impl Actor for Careful {
        type Message = &'static str;
        fn handle(&mut self, message: &'static str, context: &mut Context<'_, Self>) -> ActorResult {
            self.0.add(message);
            if message == "flushed" {
                context.finish();
            }
            Ok(())
        }
        fn stopping(&mut self, context: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
            context.after(SECOND, "flushed");
            Ok(Stopping::Later)
        }
        fn stopped(&mut self, reason: &Reason) {
            self.0.add(format!("stopped: {reason}"));
        }
    }
    let stage = Stage::new();
    let careful = stage.system.spawn(Careful(stage.log.clone())).unwrap();
    stage.run();
    careful.stop();
    assert!(stage.run().is_empty());
    assert_eq!(careful.tell("too late").unwrap_err().why, Why::Stopped);
    assert_eq!(stage.advance(SECOND), ["flushed", "stopped: it was stopped"]);
}

#[test]
fn to_finish_without_having_been_stopped_means_nothing() {
    let stage = Stage::new();
    stage.system.start(stage.part("part")).unwrap();
    stage.tell("part", Act::Do(Box::new(|context| context.finish())));
    assert_eq!(stage.run(), ["+part"]);
    assert_eq!(stage.find("part").state(), ActorState::Running);
}

#[test]
fn monitors_are_told_once_and_links_fail_together() {
    let stage = Stage::new();
    for name in ["watcher", "twin", "target"] {
        stage.system.start(stage.part(name)).unwrap();
    }
    stage.run();
    let target = stage.find("target");
    for _ in 0..2 {
        let monitored = target.clone();
        stage.tell("watcher", Act::Do(Box::new(move |context| context.monitor(&monitored))));
        let linked = target.clone();
        stage.tell("twin", Act::Do(Box::new(move |context| context.link(&linked))));
    }
    stage.run();
    target.tell(Act::Fail).unwrap();
    assert_eq!(
        stage.run(),
        [
            "target restarts: it failed: oh",
            "watcher hears: it failed: oh (true)",
            "twin restarts: it failed: with another: it failed: oh",
            "+target",
            "+twin",
        ]
    );
    // All that is gone by now.
    target.tell(Act::Fail).unwrap();
    assert_eq!(stage.run(), ["target restarts: it failed: oh", "+target"]);
}

#[test]
fn to_watch_one_that_has_ended_tells_at_once() {
    let stage = Stage::with(Supervision::default().intensity(0, SECOND));
    let gone = stage.system.start(stage.part("gone")).unwrap();
    stage.system.start(stage.part("watcher")).unwrap();
    gone.tell(Act::Fail).unwrap();
    stage.run();
    let (monitored, linked) = (gone.clone(), gone);
    stage.tell("watcher", Act::Do(Box::new(move |context| context.monitor(&monitored))));
    assert_eq!(stage.run(), ["watcher hears: it had ended before (false)"]);
    stage.tell("watcher", Act::Do(Box::new(move |context| context.link(&linked))));
    assert_eq!(stage.run()[0], "watcher ends: it failed: with another: it failed: oh");
}

#[test]
fn an_actor_that_watches_itself_ends_like_any_other() {
    let stage = Stage::new();
    stage.system.start(stage.part("self")).unwrap();
    let watch = |context: &mut Context<'_, Part>| {
        let myself = context.myself();
        context.monitor(&myself);
        context.link(&myself);
        context.unlink(&myself);
    };
    stage.tell("self", Act::Do(Box::new(watch)));
    stage.tell("self", Act::Fail);
    assert_eq!(stage.run(), ["+self", "self restarts: it failed: oh", "+self"]);
    stage.find("self").stop();
    assert_eq!(stage.run(), ["-self"]);
}

#[test]
fn who_was_unlinked_does_not_care() {
    let stage = Stage::new();
    for name in ["one", "other"] {
        stage.system.start(stage.part(name)).unwrap();
    }
    let other = stage.find("other");
    let change_its_mind = move |context: &mut Context<'_, Part>| {
        context.link(&other);
        context.unlink(&other);
    };
    stage.tell("one", Act::Do(Box::new(change_its_mind)));
    stage.run();
    stage.tell("other", Act::Fail);
    assert_eq!(stage.run(), ["other restarts: it failed: oh", "+other"]);
}

#[test]
fn names_outlive_restarts_and_are_free_after_the_end() {
    let stage = Stage::new();
    let supervision = Supervision::default().intensity(0, SECOND);
    stage.system.start(team(&stage, supervision)).unwrap();
    stage.run();
    // The team fails, and its next life spawns children of the same names, while some are down and wait.
    stage.tell("b", Act::Fail);
    let told = stage.run();
    assert_eq!(told.last().unwrap(), "+c", "{told:?}");
    let taken = stage.system.start(stage.part("a"));
    assert_eq!(taken.unwrap_err(), SpawnError::NameTaken("a".into()));
}

#[test]
fn a_team_that_fails_while_members_are_down_has_their_names_back() {
    let stage = Stage::new();
    let supervision =
        Supervision::default().intensity(1, SECOND * 100).backoff(Backoff::exponential(SECOND, SECOND));
    stage.system.start(team(&stage, supervision)).unwrap();
    stage.run();
    stage.tell("a", Act::Fail);
    stage.run();
    stage.tell("b", Act::Fail);
    let told = stage.run();
    assert_eq!(told[told.len() - 3..], ["+a", "+b", "+c"], "{told:?}");
}

#[test]
fn factories_hooks_and_destructors_that_panic_hurt_nobody_else() {
    struct Bomb;
    impl Actor for Bomb {
        type Message = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> ActorResult {
            Err("on purpose".into())
        }
        fn stopped(&mut self, _: &Reason) {
            panic!("in stopped");
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let clock = SimulatedClock::new();
    let dispatcher = Dispatcher::builder("stage").clock(&clock).build().unwrap();
    let hook = |_: &Event<'_>| panic!("in the event hook");
    let system = System::builder().on([dispatcher.handle()]).on_event(hook).build().unwrap();
    let run = || dispatcher.run(RunType::NonBlock).unwrap();
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let make = move || {
        assert_ne!(count.fetch_add(1, Ordering::SeqCst), 1, "in the factory");
        Bomb
    };
    let bomb = system.start(Spec::new(make).dead_letters(|()| panic!("in the dead letter hook"))).unwrap();
    bomb.when_ended(|_| panic!("in the callback for the end"));
    let ended = bomb.ended();
    run();
    bomb.tell(()).unwrap();
    run();
    assert_eq!((made.load(Ordering::SeqCst), bomb.state()), (3, ActorState::Running));
    bomb.tell(()).unwrap();
    bomb.stop_now();
    run();
    assert!(matches!(ended.wait(), Ok(Reason::Stopped)));
    assert_eq!(bomb.queue_depth(), 0);
}

#[test]
fn a_supervisor_whose_child_cannot_be_described_tries_again() {
    let stage = Stage::new();
    let (log, tries) = (stage.log.clone(), Arc::new(AtomicUsize::new(0)));
    let child = move || {
        assert_ne!(tries.fetch_add(1, Ordering::SeqCst), 0, "not yet");
        part(&log, "child")
    };
    stage.system.start(Supervisor::new().child(child).spec(Supervision::default()).name("team")).unwrap();
    let told = stage.run();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1], "+child");
}

#[test]
fn a_tick_that_panics_is_the_actors_failure() {
    let stage = Stage::new();
    stage.system.start(stage.part("part")).unwrap();
    stage.run();
    let tick = |context: &mut Context<'_, Part>| {
        context.every(SECOND, || panic!("no message"));
    };
    stage.tell("part", Act::Do(Box::new(tick)));
    stage.run();
    assert_eq!(stage.advance(SECOND), ["part restarts: it panicked: no message", "+part"]);
}

#[test]
fn a_bounded_mailbox_is_empty_again_after_all_that_may_happen() {
    let stage = Stage::with(Supervision::default().unlimited());
    for (name, discards) in [("keeps", false), ("discards", true)] {
        let spec = stage.part(name).mailbox(3);
        let spec = if discards { spec.discard_mail_on_failure() } else { spec };
        stage.system.start(spec).unwrap();
        stage.run();
        let part = stage.find(name);
        for _ in 0..5 {
            part.tell(Act::Note("1")).unwrap();
            part.tell(Act::Fail).unwrap();
            part.tell(Act::Note("2")).unwrap();
            assert_eq!(part.tell(Act::Fail).unwrap_err().why, Why::Full);
            stage.run();
            assert_eq!(part.queue_depth(), 0, "{name}");
        }
    }
}

#[test]
fn actors_on_a_loop_that_is_shut_down_are_lost_and_the_rest_goes_on() {
    let stage = Stage::new();
    let other = Dispatcher::new("other").unwrap();
    let (log, events) = (stage.log.clone(), stage.log.clone());
    let hook = move |event: &Event<'_>| events.add(format!("{event:?}"));
    let loops = [stage.dispatcher.handle(), other.handle()];
    let system = System::builder().on(loops).on_event(hook).build().unwrap();
    let on = |name: &str, worker| part(&log, name).place(Placement::Worker(worker));
    let here = system.start(on("here", 0)).unwrap();
    let lost: Vec<_> = (0..3).map(|i| system.start(on(&format!("there {i}"), 1)).unwrap()).collect();
    other.run(RunType::NonBlock).unwrap();
    stage.run();
    let ended: Vec<_> = lost.iter().map(ActorRef::ended).collect();
    lost[0].tell(Act::Note("unheard")).unwrap();
    drop(other);
    assert_eq!(lost[0].queue_depth(), 0);
    assert_eq!(lost[0].tell(Act::Fail).unwrap_err().why, Why::Stopped);
    let nowhere = system.start(on("nowhere", 1));
    assert!(matches!(nowhere, Err(SpawnError::NoLoop(_))));
    system.begin_stop();
    assert_eq!(stage.run(), ["-here"]);
    assert!(system.wait_stopped(Duration::ZERO));
    assert_eq!(here.state(), ActorState::Stopped);
    for ended in ended {
        assert!(matches!(ended.wait(), Ok(Reason::LoopGone)));
    }
    assert!(lost.iter().all(|actor| actor.state() == ActorState::Stopped));
}

#[test]
fn what_a_shut_down_loop_drops_before_it_was_told_counts_as_lost() {
    let stage = Stage::new();
    let part = stage.system.start(stage.part("part")).unwrap();
    let ended = part.ended();
    stage.dispatcher.shutdown();
    assert!(matches!(ended.wait(), Ok(Reason::LoopGone)));
    assert!(stage.system.tree().actors.is_empty());
    // The loop runs again, and takes others.
    stage.system.start(stage.part("part")).unwrap_err();
    stage.run();
    stage.system.start(stage.part("part")).unwrap();
    assert_eq!(stage.run(), ["+part"]);
}

#[test]
fn a_system_dropped_in_a_callback_of_its_own_ends() {
    let (done, is_done) = std::sync::mpsc::channel();
    let system = System::new(2).unwrap();
    let handle = system.handle();
    let holder = system.spawn(Function::new(move |system: System, _| {
        drop(system);
        done.send(())?;
        Ok(())
    }));
    holder.unwrap().tell(system).unwrap();
    is_done.recv().unwrap();
    assert!(handle.spawn(Function::new(|(), _| Ok(()))).is_err());
}

#[test]
fn a_system_leaves_nothing_behind() {
    let token = Arc::new(());
    let system = System::new(2).unwrap();
    let handle = system.handle();
    for i in 0..4 {
        let token = token.clone();
        let spec = Spec::new(move || {
            let token = token.clone();
            Function::new(move |(), _| {
                let _ = &token;
                Ok(())
            })
        });
        system.start(spec.name(format!("{i}"))).unwrap().tell(()).unwrap();
    }
    drop(system);
    assert_eq!(Arc::strong_count(&token), 1);
    assert!(handle.wait_stopped(Duration::MAX));
    assert!(handle.tree().actors.is_empty());
}

/// An actor of the stress tests: it does as a number says.
struct Chaos {
    system: SystemHandle,
    depth: u32,
}

fn chaos(system: &SystemHandle, depth: u32) -> Spec<Chaos> {
    let system = system.clone();
    let strategies = [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne];
    let supervision = Supervision::new(strategies[depth as usize % 3]).intensity(20, SECOND);
    Spec::new(move || Chaos { system: system.clone(), depth })
        .supervise(
            supervision.backoff(Backoff::exponential(Duration::from_micros(20), Duration::from_micros(200))),
        )
        .mailbox(64)
}

impl Actor for Chaos {
    type Message = u32;

    fn started(&mut self, context: &mut Context<'_, Self>) -> ActorResult {
        if self.depth < 3 {
            for _ in 0..2 {
                context.start(chaos(&self.system, self.depth + 1))?;
            }
        }
        Ok(())
    }

    fn handle(&mut self, what: u32, context: &mut Context<'_, Self>) -> ActorResult {
        match what % 16 {
            0 => return Err("oh".into()),
            1 => std::panic::resume_unwind(Box::new("oh")),
            2 => context.stop(),
            3 if self.depth < 3 => {
                // A name that others fight for as well.
                let spec = chaos(&self.system, self.depth + 1).name(format!("{}", what / 16 % 8));
                if let Ok(child) = context.start(spec) {
                    context.link(&child);
                    child.tell(what / 16)?;
                }
            }
            4 | 5 => {
                if let Ok(other) = self.system.find::<u32>(&format!("{}", what / 16 % 8)) {
                    context.monitor(&other);
                    // It may be full, or have stopped.
                    let _ = other.tell(what / 16);
                }
            }
            6 => {
                context.after(Duration::from_micros(50), what / 16);
            }
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn chaos_on_four_workers_ends_in_order() {
    let cut_off = Log::default();
    let events = cut_off.clone();
    let hook = move |event: &Event<'_>| {
        if let Event::CutOff { actor } = event {
            events.add(actor.to_string());
        }
    };
    let system = System::builder().workers(4).supervise(Supervision::default().unlimited()).on_event(hook);
    let system = system.build().unwrap();
    let roots: Vec<_> =
        (0..8).map(|_| system.start(chaos(&system, 0).restart(Restart::Permanent)).unwrap()).collect();
    let ended: Vec<_> = roots.iter().map(ActorRef::ended).collect();
    std::thread::scope(|scope| {
        for thread in 0..3u32 {
            let (system, roots) = (system.handle(), &roots);
            scope.spawn(move || {
                let mut chance = 0x9e37_79b9 ^ thread;
                for i in 0..300 {
                    chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let what = chance >> 8;
                    match i % 8 {
                        0 => assert!(!system.tree().to_string().is_empty()),
                        1 => {
                            if let Ok(actor) = system.find::<u32>(&format!("{}", what % 8)) {
                                if what & 64 == 0 { actor.stop() } else { actor.stop_now() }
                            }
                        }
                        // A full mailbox is as good.
                        _ => drop(roots[what as usize % roots.len()].tell(what)),
                    }
                }
            });
        }
    });
    system.stop().unwrap();
    assert!(system.tree().actors.is_empty());
    for (root, ended) in roots.iter().zip(ended) {
        assert!(ended.wait().is_ok());
        assert_eq!((root.state(), root.queue_depth()), (ActorState::Stopped, 0));
    }
    for name in 0..8 {
        assert!(system.find::<u32>(&format!("{name}")).is_err());
    }
    assert!(cut_off.take().is_empty(), "nobody was slow, so nobody is cut off");
}

#[test]
fn senders_that_wait_for_room_all_get_in() {
    const EACH: usize = 200;
    let system = System::new(2).unwrap();
    let handled = Arc::new(AtomicUsize::new(0));
    let count = handled.clone();
    let spec = Spec::new(move || {
        let count = count.clone();
        Function::new(move |fails: bool, _| {
            count.fetch_add(1, Ordering::SeqCst);
            if fails { Err("oh".into()) } else { Ok(()) }
        })
    });
    let actor = system.start(spec.mailbox(1).intensity(None, SECOND)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let actor = actor.clone();
            scope.spawn(move || (0..EACH).for_each(|i| actor.send(i % 10 == 0).wait().unwrap()));
        }
    });
    actor.stop();
    assert!(actor.ended().wait().is_ok());
    assert_eq!(handled.load(Ordering::SeqCst), 4 * EACH);
}

#[test]
fn loops_that_go_under_working_actors_leave_nobody_waiting() {
    let system = System::builder().workers(3).supervise(Supervision::default().unlimited()).build().unwrap();
    let loops: Vec<_> = {
        let (tell, told) = std::sync::mpsc::channel();
        for worker in 0..3 {
            let tell = tell.clone();
            let spec = Spec::once(Function::new(move |(), context| {
                tell.send(context.dispatcher())?;
                Ok(())
            }));
            system.start(spec.place(Placement::Worker(worker))).unwrap().tell(()).unwrap();
        }
        (0..3).map(|_| told.recv().unwrap()).collect()
    };
    let mut refs = Vec::new();
    for i in 0..200u32 {
        if let Ok(actor) = system.start(chaos(&system, 1)) {
            // One that is lost by now refuses.
            let _ = actor.tell(i);
            refs.push(actor);
        }
        if i == 100 {
            loops[1].shutdown();
        }
    }
    system.stop().unwrap();
    for actor in refs {
        assert!(actor.ended().wait().is_ok());
        assert_eq!(actor.state(), ActorState::Stopped);
    }
}
