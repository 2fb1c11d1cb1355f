//! Actors that read as a story.

#[path = "common/actor_stage.rs"]
mod actor_stage;

use std::sync::mpsc;
use std::time::Duration;

use actor_stage::{Log, Stage};
use mcp_event::actor::{
    ActorRef, ActorResult, ActorState, Async, AsyncActor, Context, Function, Inbox, Reason, Received,
    ReplyTo, Signal, Spec, System, Why,
};

enum Line {
    Say(&'static str),
    Rest(Duration),
    Fail,
    Panic,
    Leave,
    Double(u32, ReplyTo<u32>),
}

/// Tells its log what it reads; says goodbye, unless it fails.
struct Story(Log);

impl AsyncActor for Story {
    type Message = Line;

    async fn run(self, mut inbox: Inbox<Line>) -> ActorResult {
        self.0.add("begins");
        while let Some(line) = inbox.recv().await {
            match line {
                Line::Say(text) => self.0.add(text),
                Line::Rest(time) => inbox.dispatcher().sleep(time).await,
                Line::Fail => return Err("it failed".into()),
                Line::Panic => panic!("it panicked"),
                Line::Leave => break,
                Line::Double(n, reply) => reply.send(2 * n),
            }
        }
        self.0.add("goodbye");
        Ok(())
    }
}

trait Stories {
    fn story(&self) -> ActorRef<Line>;
}

impl Stories for Stage {
    fn story(&self) -> ActorRef<Line> {
        let log = self.log.clone();
        self.system.start(Spec::new(move || Async::new(Story(log.clone())))).unwrap()
    }
}

#[test]
fn it_takes_its_messages_one_by_one() {
    let stage = Stage::new();
    let story = stage.story();
    story.tell(Line::Say("a")).unwrap();
    story.tell(Line::Rest(Duration::from_secs(1))).unwrap();
    story.tell(Line::Say("b")).unwrap();
    assert_eq!(stage.run(), ["begins", "a"]);
    assert_eq!(story.queue_depth(), 1);
    assert_eq!(stage.advance(Duration::from_secs(1)), ["b"]);
    assert_eq!(stage.system.tree().actors[0].handled, 3);
}

#[test]
fn a_stop_lets_it_read_to_the_end_and_a_stop_now_does_not() {
    let stage = Stage::new();
    let story = stage.story();
    stage.run();
    story.tell(Line::Say("a")).unwrap();
    story.stop();
    assert_eq!(story.tell(Line::Say("late")).unwrap_err().why, Why::Stopped);
    assert_eq!(stage.run(), ["a", "goodbye"]);
    assert_eq!(story.state(), ActorState::Stopped);

    let story = stage.story();
    stage.run();
    story.tell(Line::Say("unheard")).unwrap();
    story.stop_now();
    assert_eq!(stage.run(), ["goodbye"]);
    assert_eq!(story.state(), ActorState::Stopped);
}

#[test]
fn a_failure_begins_it_anew_with_the_mail_it_had() {
    let stage = Stage::new();
    let story = stage.story();
    for line in [Line::Fail, Line::Say("a"), Line::Panic, Line::Say("b")] {
        story.tell(line).unwrap();
    }
    assert_eq!(stage.run(), ["begins", "begins", "a", "begins", "b"]);
    assert_eq!(stage.system.tree().actors[0].restarts, 2);
    story.tell(Line::Leave).unwrap();
    assert_eq!(stage.run(), ["goodbye"]);
    assert_eq!(story.state(), ActorState::Stopped, "it ended of itself, and is not permanent");
}

#[test]
fn one_that_does_not_stop_is_cut_off() {
    let stage = Stage::new();
    struct Deaf(Log);
    impl Drop for Deaf {
        fn drop(&mut self) {
            self.0.add("dropped");
        }
    }
    impl AsyncActor for Deaf {
        type Message = ();
        async fn run(self, _inbox: Inbox<()>) -> ActorResult {
            std::future::pending().await
        }
    }
    let spec = Spec::once(Async::new(Deaf(stage.log.clone()))).stop_limit(Duration::from_secs(3));
    let deaf = stage.system.start(spec).unwrap();
    stage.run();
    deaf.stop();
    assert!(stage.run().is_empty());
    assert_eq!(stage.advance(Duration::from_secs(3)), ["dropped"]);
    assert_eq!(deaf.state(), ActorState::Stopped);
}

#[test]
fn a_bound_counts_what_it_has_not_taken() {
    let stage = Stage::new();
    let log = stage.log.clone();
    let spec = Spec::new(move || Async::new(Story(log.clone()))).mailbox(2);
    let story = stage.system.start(spec).unwrap();
    story.tell(Line::Rest(Duration::from_secs(1))).unwrap();
    stage.run();
    story.tell(Line::Say("a")).unwrap();
    story.tell(Line::Say("b")).unwrap();
    stage.run();
    assert_eq!(story.tell(Line::Say("c")).unwrap_err().why, Why::Full);
    stage.advance(Duration::from_secs(1));
    story.tell(Line::Say("c")).unwrap();
}

#[test]
fn stories_ask_each_other_on_one_loop() {
    struct Asker(ActorRef<Line>, mpsc::Sender<u32>);
    impl AsyncActor for Asker {
        type Message = ();
        async fn run(self, mut inbox: Inbox<()>) -> ActorResult {
            let mut value = 1;
            while let Some(()) = inbox.recv().await {
                value = self.0.ask(|reply| Line::Double(value, reply)).await?;
                self.1.send(value)?;
            }
            Ok(())
        }
    }
    let system = System::new(1).unwrap();
    let story = system.spawn(Async::new(Story(Log::default()))).unwrap();
    let (sender, answers) = mpsc::channel();
    let asker = system.spawn(Async::new(Asker(story, sender))).unwrap();
    (0..5).for_each(|_| asker.tell(()).unwrap());
    assert_eq!(answers.iter().take(5).collect::<Vec<_>>(), [2, 4, 8, 16, 32]);
    system.stop().unwrap();
}

#[test]
fn it_sees_signals_if_it_wants_to_and_fails_with_its_links_if_not() {
    let stage = Stage::new();
    struct Watcher(Log, ActorRef<()>, bool);
    impl AsyncActor for Watcher {
        type Message = ();
        async fn run(self, mut inbox: Inbox<()>) -> ActorResult {
            inbox.monitor(&self.1);
            inbox.link(&self.1);
            if !self.2 {
                inbox.recv().await;
            }
            for _ in 0..2 {
                match inbox.next().await {
                    Some(Received::Signal(Signal::Down { actor, .. })) if actor == self.1.id() => {
                        self.0.add("down")
                    }
                    Some(Received::Signal(Signal::LinkFailed { reason: Reason::Error(_), .. })) => {
                        self.0.add("failed");
                    }
                    other => self.0.add(format!("{other:?}")),
                }
            }
            Ok(())
        }
    }
    for sees in [true, false] {
        let fails = Function::new(|(), _: &mut Context<'_, _>| Err("on purpose".into()));
        let broken = stage.system.spawn(fails).unwrap();
        let watcher = Watcher(stage.log.clone(), broken.clone(), sees);
        let watcher = stage.system.spawn(Async::new(watcher)).unwrap();
        stage.run();
        broken.tell(()).unwrap();
        let mut heard = stage.run();
        heard.sort();
        assert_eq!(watcher.state(), ActorState::Stopped);
        assert_eq!(heard, if sees { vec!["down", "failed"] } else { vec![] });
    }
}

#[test]
#[cfg_attr(windows, ignore = "it runs a shell")]
fn a_process_is_awaited_by_an_actor() {
    struct Runner(mpsc::Sender<Option<i32>>);
    impl AsyncActor for Runner {
        type Message = &'static str;
        async fn run(self, mut inbox: Inbox<&'static str>) -> ActorResult {
            while let Some(script) = inbox.recv().await {
                let mut child = std::process::Command::new("sh").args(["-c", script]).spawn()?;
                let status = inbox.dispatcher().child_exit(&mut child)?.await?;
                self.0.send(status.code())?;
            }
            Ok(())
        }
    }
    let system = System::new(1).unwrap();
    let (sender, codes) = mpsc::channel();
    let runner = system.spawn(Async::new(Runner(sender))).unwrap();
    runner.tell("exit 3").unwrap();
    runner.tell("exit 4").unwrap();
    assert_eq!(codes.iter().take(2).collect::<Vec<_>>(), [Some(3), Some(4)]);
}

#[test]
fn one_whose_loop_is_shut_down_ends() {
    let stage = Stage::new();
    let story = stage.story();
    stage.run();
    stage.dispatcher.shutdown();
    stage.run();
    assert_eq!(story.state(), ActorState::Stopped);
    assert_eq!(story.tell(Line::Say("late")).unwrap_err().why, Why::Stopped);
}
