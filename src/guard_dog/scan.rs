//! One look at all that is watched, and the report of what it found.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::builder::Details;
use super::judge::Verdict;
use super::watched::{Look, Subject, Watched};
use super::{Backtrace, Event, Report, StuckThread, interrupt, snapshot};
use crate::dispatcher::Nanos;

/// What a scan found: events, in their order, about suspects by number.
pub(super) struct Scan {
    verdicts: Vec<Verdict>,
    suspects: BTreeMap<usize, Suspect>,
}

/// One that an event is about, as the scan saw it.
struct Suspect {
    subject: Subject,
    name: String,
    look: Look,
    misses: u64,
    megamisses: u64,
    /// Found out once for all events of the scan.
    evidence: OnceCell<Evidence>,
}

#[derive(Clone)]
struct Evidence {
    tracked_objects: Result<String, String>,
    backtrace: Result<Backtrace, String>,
}

impl Scan {
    pub(super) fn new(verdicts: Vec<Verdict>, watched: &[Watched]) -> Scan {
        let places = verdicts.iter().flat_map(|verdict| verdict.threads.iter().map(|(place, _)| *place));
        let suspects = places.map(|place| (place, Suspect::new(&watched[place]))).collect();
        Scan { verdicts, suspects }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.verdicts.is_empty()
    }

    pub(super) fn event_count(&self) -> u64 {
        self.verdicts.len() as u64
    }

    pub(super) fn has_kill(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.event.is_kill())
    }

    /// A report for each event, made when it is asked for.
    pub(super) fn reports(&self, details: Details) -> impl Iterator<Item = Report> {
        self.verdicts.iter().map(move |Verdict { event, threads }| {
            let report = |(place, stuck): &(usize, Nanos)| {
                self.suspects.get(place).map(|suspect| suspect.report(*event, *stuck, details))
            };
            Report { event: *event, threads: threads.iter().filter_map(report).collect() }
        })
    }
}

impl Suspect {
    fn new(watched: &Watched) -> Suspect {
        Suspect {
            subject: watched.subject.clone(),
            name: watched.name.clone(),
            look: watched.last,
            misses: watched.misses,
            megamisses: watched.megamisses,
            evidence: OnceCell::new(),
        }
    }

    fn report(&self, event: Event, stuck: Nanos, details: Details) -> StuckThread {
        let Evidence { tracked_objects, backtrace } = match event {
            Event::Recovered => Evidence {
                tracked_objects: Err("it is not stuck any more".into()),
                backtrace: Err("it is not stuck any more".into()),
            },
            _ => self.evidence.get_or_init(|| self.ask(details)).clone(),
        };
        StuckThread {
            name: self.name.clone(),
            stuck_for: Duration::from_nanos(stuck),
            doing: self.look.doing(),
            thread_id: self.look.thread(),
            tracked_objects,
            backtrace,
            misses: self.misses,
            megamisses: self.megamisses,
        }
    }

    fn ask(&self, details: Details) -> Evidence {
        let stack = details.signal.map_or(Err("not wanted".into()), |signal| self.stack(signal));
        // What was found is of the moment that the event tells of only if nothing has moved since.
        let stack = stack.and_then(|addresses| self.still_stuck(addresses));
        let tracked_objects =
            if details.tracked_objects { self.tracked_objects() } else { Err("not wanted".into()) };
        let tracked_objects = tracked_objects.and_then(|text| self.still_stuck(text));
        // Names come last, since the thread may get on while they are looked up.
        Evidence { tracked_objects, backtrace: stack.map(Backtrace::of) }
    }

    fn stack(&self, signal: i32) -> Result<Vec<usize>, String> {
        match self.look.thread() {
            0 => Err("the thread is not known".into()),
            thread => interrupt::stack_of(thread, signal).map_err(|error| error.to_string()),
        }
    }

    fn tracked_objects(&self) -> Result<String, String> {
        match self.subject.core() {
            Some(core) => snapshot::describe(&core.tracked).map_err(|error| error.to_string()),
            None => Ok(String::new()),
        }
    }

    fn still_stuck<T>(&self, found: T) -> Result<T, String> {
        if self.subject.look() == Some(self.look) { Ok(found) } else { Err("it got on meanwhile".into()) }
    }
}
