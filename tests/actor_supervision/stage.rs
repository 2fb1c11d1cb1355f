//! Where the tests play: a system in simulated time, and actors that log what they live through.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_event::actor::{
    Actor, ActorRef, ActorResult, BoxError, Context, Event, Named, Reason, Signal, Spec, Stopping,
    Supervision, Supervisor, System,
};
use mcp_event::{Dispatcher, RunType, SimulatedClock};

use crate::common::Log;

pub const SECOND: Duration = Duration::from_secs(1);

/// A system on one loop in simulated time, which the test runs.
pub struct Stage {
    pub system: System,
    pub dispatcher: Dispatcher,
    pub clock: SimulatedClock,
    pub log: Log<String>,
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with(Supervision::default())
    }

    /// Events of the system go to the log.
    pub fn with(supervision: Supervision) -> Stage {
        let clock = SimulatedClock::new();
        let dispatcher = Dispatcher::builder("stage").clock(&clock).build().unwrap();
        let log = Log::default();
        let events = log.clone();
        let hook = move |event: &Event<'_>| {
            let name = |actor: &dyn Named| actor.name().unwrap_or("nobody").to_string();
            match event {
                Event::Failed { actor, reason, restarts } => {
                    let then = if *restarts { "restarts" } else { "ends" };
                    events.add(format!("{} {then}: {reason}", name(*actor)));
                }
                Event::GivenUp { actor, .. } => events.add(format!("{} is given up", name(*actor))),
                Event::CutOff { actor } => events.add(format!("{} is cut off", name(*actor))),
                Event::DeadLetter { actor } => events.add(format!("a dead letter for {}", name(*actor))),
                _ => events.add("something else".into()),
            }
        };
        let loops = [dispatcher.handle()];
        let system = System::builder().on(loops).supervise(supervision).on_event(hook).build().unwrap();
        Stage { system, dispatcher, clock, log }
    }

    pub fn run(&self) -> Vec<String> {
        self.dispatcher.run(RunType::NonBlock).unwrap();
        self.log.take()
    }

    pub fn advance(&self, by: Duration) -> Vec<String> {
        self.clock.advance(by);
        self.run()
    }

    pub fn part(&self, name: &str) -> Spec<Part> {
        part(&self.log, name)
    }

    pub fn find(&self, name: &str) -> ActorRef<Act> {
        self.system.find(name).unwrap()
    }

    pub fn tell(&self, name: &str, act: Act) {
        self.find(name).tell(act).unwrap();
    }

    pub fn restarts(&self, name: &str) -> u32 {
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
pub struct Part {
    pub log: Log<String>,
    name: String,
    /// It fails to start, this many times more.
    bad_starts: Arc<AtomicUsize>,
    /// It never says that it has finished.
    is_stubborn: bool,
}

pub enum Act {
    Note(&'static str),
    Fail,
    Panic,
    Stop,
    Do(Work),
}

pub type Work = Box<dyn FnOnce(&mut Context<'_, Part>) + Send>;

pub fn part(log: &Log<String>, name: &str) -> Spec<Part> {
    clumsy(log, name, &Arc::default())
}

/// Fails to start for the first few times.
pub fn clumsy(log: &Log<String>, name: &str, bad_starts: &Arc<AtomicUsize>) -> Spec<Part> {
    let part =
        Part { log: log.clone(), name: name.into(), bad_starts: bad_starts.clone(), is_stubborn: false };
    Spec::new(move || part.clone()).name(name)
}

pub fn stubborn(log: &Log<String>, name: &str) -> Spec<Part> {
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
pub fn team(stage: &Stage, supervision: Supervision) -> Spec<Supervisor> {
    let child = |name: &'static str| {
        let log = stage.log.clone();
        move || part(&log, name)
    };
    Supervisor::new().child(child("a")).child(child("b")).child(child("c")).spec(supervision).name("team")
}
