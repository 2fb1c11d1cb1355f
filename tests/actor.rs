//! Actors: messages, life, timers, requests.

#[path = "common/actor_stage.rs"]
mod actor_stage;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actor_stage::{Log, Stage};
use mcp_event::actor::{
    Actor, ActorResult, ActorState, AskError, Backoff, BoxError, Context, FindError, Function, Placement,
    Reason, ReplyTo, SpawnError, Spec, Stopping, Supervision, System, Why,
};
use mcp_event::{BackendState, Dispatcher, Error, SimulatedClock, WorkerOptions, backends};

/// Tells its log all that it lives through.
struct Diary {
    log: Log,
}

enum Entry {
    Note(&'static str),
    Later(Duration, &'static str),
    Every(Duration, &'static str),
    Fail(&'static str),
    Panic(&'static str),
    Stop,
    Sum(u32, u32, ReplyTo<u32>),
    Ignore(ReplyTo<u32>),
    Work(Box<dyn FnOnce() + Send + Sync>),
}

impl Diary {
    fn new(log: &Log) -> Diary {
        Diary { log: log.clone() }
    }
}

impl Actor for Diary {
    type Message = Entry;

    fn started(&mut self, _: &mut Context<'_, Self>) -> ActorResult {
        self.log.add("started");
        Ok(())
    }

    fn handle(&mut self, entry: Entry, context: &mut Context<'_, Self>) -> ActorResult {
        match entry {
            Entry::Note(text) => self.log.add(text),
            Entry::Later(delay, text) => {
                context.after(delay, Entry::Note(text));
            }
            Entry::Every(delay, text) => {
                context.every(delay, move || Entry::Note(text));
            }
            Entry::Fail(text) => return Err(text.into()),
            Entry::Panic(text) => panic!("{text}"),
            Entry::Stop => context.stop(),
            Entry::Sum(a, b, reply) => reply.send(a + b),
            Entry::Ignore(reply) => drop(reply),
            Entry::Work(work) => work(),
        }
        Ok(())
    }

    fn stopping(&mut self, _: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
        self.log.add("stopping");
        Ok(Stopping::Now)
    }

    fn stopped(&mut self, reason: &Reason) {
        self.log.add(format!("stopped: {reason}"));
    }
}

impl Drop for Diary {
    fn drop(&mut self) {
        self.log.add("dropped");
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn messages_are_handled_in_order_after_the_start() {
    let stage = Stage::new();
    let diary = stage.system.spawn(Diary::new(&stage.log)).unwrap();
    diary.tell(Entry::Note("a")).unwrap();
    diary.tell(Entry::Note("b")).unwrap();
    assert_eq!(diary.state(), ActorState::Starting);
    assert_eq!(diary.queue_depth(), 2);
    assert_eq!(stage.run(), ["started", "a", "b"]);
    assert_eq!(diary.state(), ActorState::Running);
    assert_eq!(diary.queue_depth(), 0);
}

#[test]
fn a_stop_drains_and_a_stop_now_does_not() {
    let stage = Stage::new();
    let diary = stage.system.spawn(Diary::new(&stage.log)).unwrap();
    diary.tell(Entry::Note("a")).unwrap();
    diary.stop();
    let late = diary.tell(Entry::Note("late")).unwrap_err();
    assert_eq!(late.why, Why::Stopped);
    assert!(matches!(late.message, Entry::Note("late")));
    assert_eq!(stage.run(), ["started", "a", "stopping", "stopped: it was stopped", "dropped"]);
    assert_eq!(diary.state(), ActorState::Stopped);

    let diary = stage.system.spawn(Diary::new(&stage.log)).unwrap();
    stage.run();
    diary.tell(Entry::Note("unheard")).unwrap();
    diary.stop_now();
    assert_eq!(stage.run(), ["stopping", "stopped: it was stopped", "dropped"]);
    assert_eq!(diary.queue_depth(), 0);
}

#[test]
fn an_actor_may_stop_itself() {
    let stage = Stage::new();
    let diary = stage.system.spawn(Diary::new(&stage.log)).unwrap();
    diary.tell(Entry::Stop).unwrap();
    diary.tell(Entry::Note("unheard")).unwrap();
    assert_eq!(stage.run(), ["started", "stopping", "stopped: it stopped itself", "dropped"]);
}

#[test]
fn a_failure_is_the_actors_alone() {
    let stage = Stage::new();
    let broken = stage.system.spawn(Diary::new(&stage.log)).unwrap();
    let other = stage.system.spawn(Diary::new(&stage.log)).unwrap();
    broken.tell(Entry::Panic("oh")).unwrap();
    other.tell(Entry::Note("fine")).unwrap();
    assert_eq!(stage.run(), ["started", "started", "dropped", "fine"]);
    assert_eq!(broken.state(), ActorState::Stopped);
    assert_eq!(other.state(), ActorState::Running);
}

#[test]
fn a_restarted_actor_keeps_its_mail() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let spec = Spec::new(move || Diary::new(&log)).name("diary");
    let diary = stage.system.start(spec).unwrap();
    diary.tell(Entry::Fail("oh")).unwrap();
    diary.tell(Entry::Note("survives")).unwrap();
    assert_eq!(stage.run(), ["started", "dropped", "started", "survives"]);
    let tree = stage.system.tree();
    assert_eq!((tree.actors[0].restarts, tree.actors[0].handled), (1, 2));
    assert_eq!(tree.actors[0].name.as_deref(), Some("diary"));
}

#[test]
fn mail_that_is_not_kept_goes_to_the_hook() {
    let stage = Stage::new();
    let (log, dead) = (stage.log.clone(), stage.log.clone());
    let spec = Spec::new(move || Diary::new(&log)).discard_mail_on_failure().dead_letters(move |entry| {
        if let Entry::Note(text) = entry {
            dead.add(format!("dead: {text}"));
        }
    });
    let diary = stage.system.start(spec).unwrap();
    diary.tell(Entry::Fail("oh")).unwrap();
    diary.tell(Entry::Note("lost")).unwrap();
    assert_eq!(stage.run(), ["started", "dropped", "dead: lost", "started"]);
    diary.tell(Entry::Note("heard")).unwrap();
    assert_eq!(stage.run(), ["heard"]);
}

#[test]
fn a_bounded_mailbox_refuses_and_a_send_waits_for_room() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let diary = stage.system.start(Spec::new(move || Diary::new(&log)).mailbox(2)).unwrap();
    diary.tell(Entry::Note("1")).unwrap();
    diary.tell(Entry::Note("2")).unwrap();
    let full = diary.tell(Entry::Note("3")).unwrap_err();
    assert_eq!(full.why, Why::Full);
    let (sent, has_sent) = mpsc::channel();
    let patient = diary.clone();
    let sender = std::thread::spawn(move || {
        for text in ["4", "5", "6"] {
            patient.send(Entry::Note(text)).wait().unwrap();
            sent.send(()).unwrap();
        }
    });
    let mut heard = Vec::new();
    while heard.len() < 6 {
        heard.extend(stage.run());
    }
    assert_eq!(heard, ["started", "1", "2", "4", "5", "6"]);
    sender.join().unwrap();
    assert_eq!(has_sent.iter().count(), 3);
}

#[test]
fn a_sender_that_waits_is_told_of_the_end() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let diary = stage.system.start(Spec::new(move || Diary::new(&log)).mailbox(0)).unwrap();
    let waiting = diary.clone();
    let sender = std::thread::spawn(move || waiting.send(Entry::Note("never")).wait());
    stage.run();
    diary.stop();
    stage.run();
    assert_eq!(sender.join().unwrap().unwrap_err().why, Why::Stopped);
}

#[test]
fn requests_are_answered_or_say_why_not() {
    let system = System::new(1).unwrap();
    let log = Log::default();
    let diary = system.spawn(Diary::new(&log)).unwrap();
    assert_eq!(diary.ask(|reply| Entry::Sum(40, 2, reply)).wait(), Ok(42));
    assert_eq!(diary.ask(Entry::Ignore).wait(), Err(AskError::NoReply));
    let (go, wait_for_it) = mpsc::channel::<()>();
    let wait_for_it = Mutex::new(wait_for_it);
    diary.tell(Entry::Work(Box::new(move || assert!(wait_for_it.lock().unwrap().recv().is_err())))).unwrap();
    let mut slow = diary.ask(|reply| Entry::Sum(1, 1, reply));
    assert_eq!(slow.wait_timeout(Duration::from_millis(1)), Err(AskError::TimedOut));
    drop(go);
    assert_eq!(slow.wait_timeout(Duration::MAX), Ok(2));
    let ended = diary.ended();
    diary.stop();
    assert!(matches!(ended.wait(), Ok(Reason::Stopped)));
    assert_eq!(diary.ask(Entry::Ignore).wait(), Err(AskError::Refused(Why::Stopped)));
}

#[test]
fn a_request_is_waited_for_no_longer_than_its_time() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let diary = stage.system.start(Spec::new(move || Diary::new(&log))).unwrap();
    let kept = Arc::new(Mutex::new(None));
    let keeps = stage.system.spawn(Function::new({
        let kept = kept.clone();
        move |reply: ReplyTo<u32>, _| {
            *kept.lock().unwrap() = Some(reply);
            Ok(())
        }
    }));
    let keeps = keeps.unwrap();
    let (answered, late) = (diary.clone(), keeps.clone());
    let outcomes = Log::default();
    let outcome = outcomes.clone();
    let asks = async move {
        let answer = answered.ask_within(SECOND, |reply| Entry::Sum(1, 2, reply)).await;
        outcome.add(format!("{answer:?}"));
        let answer = late.ask_within(SECOND, |reply| reply).await;
        outcome.add(format!("{answer:?}"));
    };
    stage.dispatcher.spawn(asks).unwrap();
    stage.run();
    assert_eq!(outcomes.take(), ["Ok(3)"]);
    stage.advance(SECOND - Duration::from_nanos(1));
    assert!(outcomes.take().is_empty());
    stage.advance(Duration::from_nanos(1));
    assert_eq!(outcomes.take(), ["Err(TimedOut)"]);
    assert_eq!(keeps.ask_within(Duration::ZERO, |reply| reply).wait(), Err(AskError::TimedOut));
}

/// In a handler, a request that is refused is an error like any other: it can be shown to several threads.
#[test]
fn a_refused_request_is_an_error_of_the_handler() {
    let stage = Stage::new();
    let gone = stage.system.spawn(Diary::new(&stage.log)).unwrap();
    gone.stop_now();
    stage.run();
    let passes_on = Function::new(move |reply: ReplyTo<u32>, _| Ok(gone.tell(Entry::Ignore(reply))?));
    let passes_on = stage.system.spawn(passes_on).unwrap();
    passes_on.tell(ReplyTo::callback(|_| ())).unwrap();
    stage.run();
    assert_eq!(passes_on.state(), ActorState::Stopped);
}

#[test]
fn a_loop_does_not_wait_for_itself() {
    let system = System::new(1).unwrap();
    let diary = system.spawn(Diary::new(&Log::default())).unwrap();
    let (result, outcome) = mpsc::channel();
    let asks_itself = diary.clone();
    let work = move || result.send(asks_itself.ask(|reply| Entry::Sum(1, 1, reply)).wait()).unwrap();
    diary.tell(Entry::Work(Box::new(work))).unwrap();
    assert_eq!(outcome.recv().unwrap(), Err(AskError::OnLoop));
}

#[test]
fn timers_send_messages_until_the_life_ends() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let diary = stage.system.start(Spec::new(move || Diary::new(&log))).unwrap();
    diary.tell(Entry::Later(SECOND, "once")).unwrap();
    diary.tell(Entry::Every(SECOND * 2, "tick")).unwrap();
    assert_eq!(stage.run(), ["started"]);
    assert_eq!(stage.advance(SECOND), ["once"]);
    assert_eq!(stage.advance(SECOND), ["tick"]);
    assert_eq!(stage.advance(SECOND * 2), ["tick"]);
    diary.tell(Entry::Fail("oh")).unwrap();
    assert_eq!(stage.run(), ["dropped", "started"]);
    assert!(stage.advance(SECOND * 10).is_empty());
}

#[test]
fn children_end_before_their_parent_the_youngest_first() {
    let stage = Stage::new();
    struct Child(Log, &'static str);
    impl Actor for Child {
        type Message = ();
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> ActorResult {
            Ok(())
        }
        fn stopped(&mut self, _: &Reason) {
            self.0.add(self.1);
        }
    }
    struct Parent(Log);
    impl Actor for Parent {
        type Message = ();
        fn started(&mut self, context: &mut Context<'_, Self>) -> ActorResult {
            for name in ["first", "second", "third"] {
                context.spawn(Child(self.0.clone(), name))?;
            }
            Ok(())
        }
        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> ActorResult {
            Ok(())
        }
        fn stopped(&mut self, _: &Reason) {
            self.0.add("parent");
        }
    }
    let parent = stage.system.spawn(Parent(stage.log.clone())).unwrap();
    stage.run();
    assert_eq!(stage.system.tree().actors[0].children.len(), 3);
    parent.stop();
    assert_eq!(stage.run(), ["third", "second", "first", "parent"]);
    assert!(stage.system.tree().actors.is_empty());
}

#[test]
fn names_are_unique_and_typed() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let diary = stage.system.start(Spec::once(Diary::new(&log)).name("diary")).unwrap();
    let again = stage.system.start(Spec::once(Diary::new(&log)).name("diary"));
    assert_eq!(again.unwrap_err(), SpawnError::NameTaken("diary".into()));
    assert_eq!(stage.system.find::<Entry>("diary").unwrap(), diary);
    assert_eq!(stage.system.find::<Entry>("nobody").unwrap_err(), FindError::Unknown("nobody".into()));
    assert!(matches!(stage.system.find::<u32>("diary"), Err(FindError::OtherMessages { .. })));
    diary.stop();
    stage.run();
    assert!(stage.system.find::<Entry>("diary").is_err());
    stage.system.start(Spec::once(Diary::new(&log)).name("diary")).unwrap();
}

#[test]
fn placement_is_checked() {
    let system = System::new(2).unwrap();
    let nowhere = system.start(Spec::once(Diary::new(&Log::default())).place(Placement::Worker(2)));
    assert_eq!(nowhere.unwrap_err(), SpawnError::NoWorker { worker: 2, workers: 2 });
    for worker in 0..2 {
        let (sender, receiver) = mpsc::channel();
        let tells_its_thread = Function::new(move |(), _| {
            sender.send(std::thread::current().name().map(String::from))?;
            Ok(())
        });
        let actor = system.start(Spec::once(tells_its_thread).place(Placement::Worker(worker))).unwrap();
        actor.tell(()).unwrap();
        assert_eq!(receiver.recv().unwrap(), Some(format!("worker_{worker}")));
    }
}

#[test]
fn a_systems_workers_are_as_they_were_asked_for() {
    for backend in backends().into_iter().filter(|backend| backend.state == BackendState::Works) {
        let options = WorkerOptions { backend: Some(backend.name.into()), ..WorkerOptions::default() };
        let system = System::builder().workers(2).worker_options(options).build().unwrap();
        // Some have a second name.
        let own = Dispatcher::builder("as asked for").backend(backend.name).build().unwrap();
        for worker in 0..2 {
            assert_eq!(system.dispatcher(worker).unwrap().backend(), own.backend());
        }
    }
}

#[test]
fn time_for_actors_without_a_parent_is_that_of_a_systems_workers() {
    const HOUR: Duration = Duration::from_secs(3600);
    let clock = SimulatedClock::new();
    let options = WorkerOptions { clock: Some(clock.clone()), ..WorkerOptions::default() };
    let system = System::builder()
        .workers(1)
        .worker_options(options)
        .supervise(Supervision::default().backoff(Backoff::exponential(HOUR, HOUR)))
        .build()
        .unwrap();
    let (began, begins) = mpsc::channel();
    let failing = system
        .start(Spec::new(move || {
            began.send(()).unwrap();
            Function::new(|(), _| Err("as asked".into()))
        }))
        .unwrap();
    begins.recv().unwrap();
    failing.tell(()).unwrap();
    // The hour begins when the system has heard of the failure.
    while begins.try_recv().is_err() {
        clock.advance(Duration::from_secs(60));
        std::thread::yield_now();
    }
}

#[test]
fn a_drop_in_simulated_time_ends_though_nobody_moves_the_clock() {
    /// Puts its end off, and never comes to it.
    struct Stubborn {
        _held: mpsc::Sender<()>,
    }

    impl Actor for Stubborn {
        type Message = ();

        fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> ActorResult {
            Ok(())
        }

        fn stopping(&mut self, _: &mut Context<'_, Self>) -> Result<Stopping, BoxError> {
            Ok(Stopping::Later)
        }
    }

    let options = WorkerOptions { clock: Some(SimulatedClock::new()), ..WorkerOptions::default() };
    let system = System::builder().workers(1).worker_options(options).build().unwrap();
    let (held, hold) = mpsc::channel();
    system.spawn(Stubborn { _held: held }).unwrap();
    drop(system);
    assert_eq!(hold.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

#[test]
fn a_system_without_loops_is_refused() {
    assert!(System::new(0).is_err());
    assert!(System::builder().on([]).build().is_err());
}

#[test]
fn a_system_whose_workers_cannot_be_is_refused() {
    let build = |options| System::builder().workers(1).worker_options(options).build().unwrap_err();
    let backend = Some("no such".into());
    let error = build(WorkerOptions { backend, ..WorkerOptions::default() });
    assert!(matches!(&error, Error::InvalidArgument(text) if text.contains("no such")), "{error}");
    let error = build(WorkerOptions { stack_size: Some(1), ..WorkerOptions::default() });
    assert!(matches!(&error, Error::InvalidArgument(text) if text.contains("stack")), "{error}");
}

#[test]
fn a_stopped_system_starts_nothing() {
    let system = System::new(1).unwrap();
    let diary = system.spawn(Diary::new(&Log::default())).unwrap();
    system.stop().unwrap();
    system.stop().unwrap();
    assert_eq!(diary.state(), ActorState::Stopped);
    assert_eq!(system.spawn(Diary::new(&Log::default())).unwrap_err(), SpawnError::Stopping);
}

#[test]
fn many_threads_tell_one_actor() {
    const EACH: usize = 10_000;
    let system = System::new(2).unwrap();
    let mut next = [0; 4];
    let mut left = 4 * EACH;
    let (done, is_done) = mpsc::channel();
    let counter = system
        .spawn(Function::new(move |(sender, n): (usize, usize), _| {
            assert_eq!(next[sender], n, "each sender's order is kept");
            next[sender] += 1;
            left -= 1;
            if left == 0 {
                done.send(())?;
            }
            Ok(())
        }))
        .unwrap();
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let counter = counter.clone();
            scope.spawn(move || (0..EACH).for_each(|n| counter.tell((sender, n)).unwrap()));
        }
    });
    is_done.recv().unwrap();
}

/// Each post posts itself again, so there is always a full batch of them.
#[test]
fn a_flood_of_posts_does_not_keep_an_actor_from_its_turn() {
    let stage = Stage::new();
    let diary = stage.system.spawn(Diary::new(&stage.log)).unwrap();
    stage.run();
    let has_come = Arc::new(AtomicBool::new(false));
    fn flood(handle: mcp_event::Handle, has_come: Arc<AtomicBool>) {
        if !has_come.load(Ordering::Relaxed) {
            let next = handle.clone();
            handle.post(move || flood(next, has_come)).unwrap();
        }
    }
    (0..3_000).for_each(|_| flood(stage.dispatcher.handle(), has_come.clone()));
    let comes = Box::new(move || has_come.store(true, Ordering::Relaxed));
    stage.dispatcher.post(move || diary.tell(Entry::Work(comes)).unwrap()).unwrap();
    // It ends, because the flood does.
    while stage.dispatcher.queue_depth() > 0 {
        stage.run();
    }
}

#[test]
fn a_message_that_panics_when_its_timer_goes_harms_nobody() {
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "the bomb of a test goes off");
        }
    }
    let stage = Stage::new();
    let careless = Function::new(|_: Bomb, context| {
        context.after(SECOND, Bomb(true));
        context.after(SECOND, Bomb(true));
        Err("on purpose".into())
    });
    let careless = stage.system.spawn(careless).unwrap();
    let other = stage.system.spawn(Diary::new(&stage.log)).unwrap();
    careless.tell(Bomb(false)).unwrap();
    other.tell(Entry::Note("fine")).unwrap();
    assert_eq!(stage.run(), ["started", "fine"]);
    assert_eq!(careless.state(), ActorState::Stopped);
}
