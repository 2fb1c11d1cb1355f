//! Who works in a pool at a moment, and who is about to go.
//!
//! Only handles are looked at under the lock; nothing of a user runs there, and no thread is waited for.
//!
//! Starts and stops of a pool may overlap. What it is to do is what the last of them said here, and is said to the workers
//! under the lock too; whoever then starts or ends one worker after the other asks again at each.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::crew::{Closing, Crew, Duty};
use super::observer::Hooks;
use super::policy::Choice;
use super::{PoolFigures, Worker};
use crate::dispatcher::Watchdog;
use crate::error::Error;
use crate::fork;

/// A worker and its number in the pool.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) number: usize,
    pub(super) worker: Arc<Worker>,
}

/// A worker that takes no new work.
struct Retiring {
    member: Member,
    since: Duration,
    /// It was told to end, and cannot be called back.
    is_ending: bool,
}

impl Retiring {
    /// Nobody holds it or anything of it, and it does nothing.
    fn is_idle(&self) -> bool {
        let worker = &self.member.worker;
        Arc::strong_count(worker) == 1 && worker.dispatcher().handle_count() == 0 && worker.backlog() == 0
    }
}

#[derive(Default)]
struct Members {
    /// By number.
    active: Vec<Member>,
    retiring: Vec<Retiring>,
    run: Option<Run>,
    /// How often the pool was started.
    runs: u64,
}

/// From a start of the pool to its stop.
#[derive(Clone)]
pub(super) struct Run {
    number: u64,
    /// What workers get that join later.
    pub(super) watchdog: Option<Arc<dyn Watchdog>>,
}

/// What [`Roster::end_run`] began.
pub(super) struct Ending<T> {
    /// Those to be stopped; the retiring ones are last, and not the pool's any more.
    pub(super) workers: Vec<Arc<Worker>>,
    /// What telling them gave.
    pub(super) told: T,
    pub(super) closing: Closing,
}

pub(super) struct Roster {
    members: RwLock<Members>,
    pub(super) choice: Choice,
    pub(super) hooks: Arc<Hooks>,
    /// Those who do what is submitted to the pool.
    pub(super) crew: Arc<Crew>,
    pub(super) figures: Arc<PoolFigures>,
    fork_generation: u32,
}

impl Roster {
    /// A roster of these workers, who get the numbers from 0.
    pub(super) fn new(workers: Vec<Worker>, choice: Choice) -> Roster {
        let (crew, fork_generation) = (Crew::new(), fork::generation());
        let (members, hooks, figures) = Default::default();
        let roster = Roster { members, choice, hooks, crew: crew.clone(), figures, fork_generation };
        let duty: Arc<Duty> = Arc::new(Duty(crew));
        roster.hooks.add(duty.clone());
        for (number, worker) in workers.into_iter().enumerate() {
            let member = roster.member(number, worker);
            roster.figures.join(member.worker.dispatcher().handle());
            // It may be started already.
            member.worker.state.introduce(duty.clone());
            roster.write().active.push(member);
        }
        roster
    }

    /// An error in a forked child: the threads stayed in the parent, and may have left the lock in any state.
    pub(super) fn check_fork(&self) -> Result<(), Error> {
        if fork::generation() == self.fork_generation { Ok(()) } else { Err(Error::Forked) }
    }

    /// A worker that knows the pool's observers and watchdog.
    pub(super) fn member(&self, number: usize, worker: Worker) -> Member {
        // A new worker has none.
        let _ = worker.state.hooks.set(self.hooks.clone());
        Member { number, worker: Arc::new(worker) }
    }

    pub(super) fn active(&self) -> Vec<Member> {
        self.read().active.clone()
    }

    pub(super) fn retiring(&self) -> Vec<Arc<Worker>> {
        self.read().retiring.iter().map(|retiring| retiring.member.worker.clone()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.read().active.len()
    }

    pub(super) fn get(&self, number: usize) -> Option<Arc<Worker>> {
        let members = self.read();
        members.active.iter().find(|member| member.number == number).map(|member| member.worker.clone())
    }

    /// The next worker by the policy.
    pub(super) fn next(&self) -> Option<Arc<Worker>> {
        let active = &self.read().active;
        let position = self.choice.next(active.len(), |position| active[position].worker.backlog())?;
        Some(active[position].worker.clone())
    }

    pub(super) fn for_key(&self, key: &[u8]) -> Option<Arc<Worker>> {
        let active = &self.read().active;
        let position = self.choice.for_key(key, active.iter().map(|member| member.number))?;
        Some(active[position].worker.clone())
    }

    /// The pool is started, and takes tasks; those who are to run.
    pub(super) fn begin_run(&self, watchdog: Option<Arc<dyn Watchdog>>) -> (Run, Vec<Member>) {
        let mut members = self.write();
        members.runs += 1;
        // The former one's watchdog may die with it, so outside the lock.
        let run = Run { number: members.runs, watchdog };
        let former = members.run.replace(run.clone());
        let active = members.active.clone();
        self.crew.open();
        drop(members);
        drop(former);
        (run, active)
    }

    /// The pool is stopped: nobody joins any more, and no task is taken. `tell` tells the workers.
    pub(super) fn end_run<T>(&self, tell: impl FnOnce(&[Arc<Worker>]) -> T) -> Ending<T> {
        let mut members = self.write();
        let run = members.run.take();
        let closing = self.crew.close();
        let retiring = std::mem::take(&mut members.retiring).into_iter().map(|retiring| retiring.member);
        let workers = members.active.iter().cloned().chain(retiring).map(|member| member.worker);
        let workers: Vec<_> = workers.collect();
        let told = tell(&workers);
        drop(members);
        drop(run);
        Ending { workers, told, closing }
    }

    /// Whether this run goes on, and no other one.
    pub(super) fn is_present(&self, run: &Run) -> bool {
        self.read().is_present(run)
    }

    /// Whether the pool is stopped, and needs no worker.
    pub(super) fn is_over(&self) -> bool {
        self.read().run.is_none()
    }

    /// The present run, if there is one.
    pub(super) fn run(&self) -> Option<Run> {
        self.read().run.clone()
    }

    /// The lowest number that nobody has.
    pub(super) fn free_number(&self) -> usize {
        let members = self.read();
        let retiring = members.retiring.iter().map(|retiring| &retiring.member);
        let taken: Vec<_> = members.active.iter().chain(retiring).map(|member| member.number).collect();
        (0..).find(|number| !taken.contains(number)).unwrap_or(taken.len())
    }

    /// Takes a worker in that was started for this run. Gives it back if the run is over.
    pub(super) fn join(&self, member: Member, run: &Run) -> Result<(), Member> {
        let mut members = self.write();
        if !members.is_present(run) {
            return Err(member);
        }
        self.figures.join(member.worker.dispatcher().handle());
        members.add(member);
        Ok(())
    }

    /// Calls back the worker that began to retire the last. False if there is none that can.
    pub(super) fn call_back(&self) -> bool {
        let mut members = self.write();
        let Some(position) = members.retiring.iter().rposition(|retiring| !retiring.is_ending) else {
            return false;
        };
        let member = members.retiring.remove(position).member;
        members.add(member.clone());
        drop(members);
        self.crew.recall(member.worker.dispatcher());
        true
    }

    /// From now on the worker takes no new work.
    pub(super) fn retire(&self, number: usize, now: Duration) {
        let mut members = self.write();
        if let Some(position) = members.active.iter().position(|member| member.number == number) {
            let member = members.active.remove(position);
            members.retiring.push(Retiring { member: member.clone(), since: now, is_ending: false });
            drop(members);
            self.crew.dismiss(member.worker.dispatcher());
        }
    }

    /// Tells those to end that retire and are idle, or retire for longer than `limit`; gives out those that have
    /// ended.
    pub(super) fn end_retiring(&self, now: Duration, limit: Duration) -> Vec<Arc<Worker>> {
        let mut members = self.write();
        for retiring in members.retiring.iter_mut().filter(|retiring| !retiring.is_ending) {
            let worker = &retiring.member.worker;
            if retiring.is_idle() {
                // Should a post come in between, it runs. Also between two runs of the loop, after a panic.
                worker.dispatcher().exit();
            } else if now.saturating_sub(retiring.since) >= limit {
                worker.state.cut_off();
            } else {
                continue;
            }
            retiring.is_ending = true;
        }
        let mut ended = Vec::new();
        members.retiring.retain(|retiring| {
            let worker = &retiring.member.worker;
            let has_ended = retiring.is_ending && !worker.state.is_alive();
            if has_ended {
                ended.push(worker.clone());
            }
            !has_ended
        });
        drop(members);
        self.settle_figures(&ended);
        ended
    }

    /// Of these workers, which have ended, those that are not the pool's any more leave its figures.
    pub(super) fn settle_figures(&self, ended: &[Arc<Worker>]) {
        let active = self.active();
        let gone = |worker: &&Arc<Worker>| !active.iter().any(|member| Arc::ptr_eq(&member.worker, worker));
        for worker in ended.iter().filter(gone) {
            self.figures.leave(worker.dispatcher());
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Members> {
        self.members.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Members> {
        self.members.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn is_present(&self, run: &Run) -> bool {
        self.run.as_ref().is_some_and(|present| present.number == run.number)
    }

    fn add(&mut self, member: Member) {
        let position = self.active.partition_point(|other| other.number < member.number);
        self.active.insert(position, member);
    }
}
