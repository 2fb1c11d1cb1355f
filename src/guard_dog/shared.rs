//! What a guard dog's handle and its two threads share.
//!
//! The *scanner* looks and decides. It waits for nobody: what it shares with others is locked for moments only, it
//! blocks all signals, calls no code of the user's, and hands what it found to the *reporter* without waiting. The
//! reporter asks the stuck threads, writes the log and runs the actions, any of which may take its time.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::builder::Settings;
use super::figures::Totals;
use super::judge::Judge;
use super::scan::Scan;
use super::signals_blocked::SignalsBlocked;
use super::watched::{Subject, TouchedWatch, Watched};
use super::{Event, Report};
use crate::dispatcher::closure::Outcome;
use crate::dispatcher::{Handle, Nanos, nanos};
use crate::error::Error;
use crate::stderr;

/// How many scans may wait for the reporter.
pub(super) const SCANS_WAITING: usize = 64;
/// A scan that comes so much too late shows that the whole process stood still, not a thread.
const STANDSTILL: Duration = Duration::from_millis(100);

pub(super) type Action = Arc<dyn Fn(&Report) -> Outcome + Send + Sync>;

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) totals: Totals,
    pack: Mutex<Pack>,
    stopped: Condvar,
    actions: Mutex<Vec<(Event, Action)>>,
}

/// All that is watched.
pub(super) struct Pack {
    pub(super) watched: Vec<Watched>,
    judge: Judge,
    is_stopped: bool,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Shared {
        let judge = Judge::new(settings.thresholds);
        Shared {
            settings,
            totals: Totals::default(),
            pack: Mutex::new(Pack { watched: Vec::new(), judge, is_stopped: false }),
            stopped: Condvar::new(),
            actions: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn pack(&self) -> MutexGuard<'_, Pack> {
        self.pack.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn actions(&self) -> MutexGuard<'_, Vec<(Event, Action)>> {
        self.actions.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn add_action(&self, event: Event, action: Action) {
        self.actions().push((event, action));
    }

    pub(super) fn watch(&self, dispatcher: &Handle) -> Result<(), Error> {
        dispatcher.core().check_fork()?;
        let subject = Subject::Loop(Arc::downgrade(dispatcher.core()));
        self.add(subject, dispatcher.name(), |watched| watched.subject.is_loop(dispatcher))
    }

    pub(super) fn watch_touched(&self, name: &str) -> Result<Arc<TouchedWatch>, Error> {
        let watch = Arc::new(TouchedWatch::new(self.settings.now()));
        self.add(Subject::Touched(Arc::downgrade(&watch)), name, |_| false)?;
        Ok(watch)
    }

    fn add(&self, subject: Subject, name: &str, is_same: impl Fn(&Watched) -> bool) -> Result<(), Error> {
        let watched = Watched::new(subject, name.into(), self.settings.now())
            .ok_or_else(|| Error::InvalidState(format!("the dispatcher {name} is gone")))?;
        let mut pack = self.pack();
        if pack.is_stopped {
            return Err(Error::InvalidState("the guard dog is stopped".into()));
        }
        if !pack.watched.iter().any(is_same) {
            pack.watched.push(watched);
        }
        Ok(())
    }

    pub(super) fn stop(&self) {
        self.pack().is_stopped = true;
        self.stopped.notify_all();
    }

    /// Looks at all, and counts what it finds. `lost` is time in which it could not look.
    pub(super) fn look(&self, lost: Nanos) -> Scan {
        let now = self.settings.now();
        let mut pack = self.pack();
        let pack = &mut *pack;
        if pack.is_stopped {
            return Scan::new(Vec::new(), &[]);
        }
        self.totals.scans.fetch_add(1, Ordering::Relaxed);
        let mut got_on = Vec::with_capacity(pack.watched.len());
        pack.watched.retain_mut(|watched| match watched.look_again(now) {
            Some(moved) => {
                got_on.push(moved);
                watched.standing.forgive(lost, now);
                true
            }
            None => false,
        });
        let standings = pack.watched.iter_mut().map(|watched| &mut watched.standing);
        let verdicts = pack.judge.judge(now, standings.zip(got_on));
        for verdict in &verdicts {
            self.totals.count(verdict.event);
            for (place, _) in &verdict.threads {
                pack.watched[*place].count(verdict.event);
            }
        }
        Scan::new(verdicts, &pack.watched)
    }

    /// Tells what a scan found: the log, then the actions, event by event. Returns unless that was a kill.
    pub(super) fn report(&self, scan: &Scan) {
        for report in scan.reports(self.settings.details) {
            match report.event {
                Event::Recovered => tracing::info!("{report}"),
                Event::Miss => tracing::warn!("{report}"),
                _ => tracing::error!("{report}"),
            }
            self.act(&report);
            if report.event.is_kill() && self.settings.abort {
                kill(&report.to_string());
            }
        }
    }

    fn act(&self, report: &Report) {
        // No lock is held while an action runs.
        let actions: Vec<_> = self
            .actions()
            .iter()
            .filter(|(event, _)| *event == report.event)
            .map(|(_, action)| action.clone())
            .collect();
        for action in actions {
            if let Err(failure) = action(report) {
                self.totals.failed_actions.fetch_add(1, Ordering::Relaxed);
                tracing::error!("guard dog: an action on a {}: {}", report.event, failure.describe());
            }
        }
    }

    /// The scanner's thread.
    pub(super) fn scan_until_stopped(&self, reporter: &SyncSender<Scan>) {
        let _calm = SignalsBlocked::new();
        let interval = nanos(self.settings.interval);
        let mut last = self.settings.now();
        let mut kill_by = None;
        while !self.wait() {
            let now = self.settings.now();
            let passed = now.saturating_sub(std::mem::replace(&mut last, now));
            let late = passed.saturating_sub(interval);
            let scan = self.look(if late > interval.max(nanos(STANDSTILL)) { late } else { 0 });
            if scan.has_kill() && self.settings.abort {
                // None: a grace beyond all time.
                kill_by = kill_by.or_else(|| Instant::now().checked_add(self.settings.kill_grace));
            }
            if kill_by.is_some_and(|by| Instant::now() > by) {
                kill("guard dog: kill: the actions before it do not end");
            }
            if !scan.is_empty()
                && let Err(TrySendError::Full(scan) | TrySendError::Disconnected(scan)) =
                    reporter.try_send(scan)
            {
                self.totals.dropped_events.fetch_add(scan.event_count(), Ordering::Relaxed);
            }
        }
    }

    /// Waits until it is time to look; true, if it is stopped.
    fn wait(&self) -> bool {
        let stopped = |pack: &mut Pack| !pack.is_stopped;
        let waited = self.stopped.wait_timeout_while(self.pack(), self.settings.interval, stopped);
        waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0.is_stopped
    }

    /// The reporter's thread.
    pub(super) fn report_all(&self, scans: &Receiver<Scan>) {
        while let Ok(scan) = scans.recv() {
            self.report(&scan);
        }
    }
}

/// Ends the process. Nobody may be able to write to the log any more, so this goes to the standard error by itself.
fn kill(why: &str) -> ! {
    stderr::write(&format!("{why}\n"));
    std::process::abort()
}
