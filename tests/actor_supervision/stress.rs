//! Many actors and threads at once; what happens is up to chance, what must hold afterwards is not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mcp_event::actor::{
    Actor, ActorRef, ActorResult, ActorState, Backoff, Context, Event, Function, Placement, Restart, Spec,
    Strategy, Supervision, System, SystemHandle,
};

use crate::common::Log;
use crate::stage::SECOND;

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
    let cut_off = Log::<String>::default();
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
                for i in 0..1000 {
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
        let (tell, told) = mpsc::channel();
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
