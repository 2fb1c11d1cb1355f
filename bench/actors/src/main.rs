//! What an actor costs, ours beside those of others: a message, a request, an actor's making, its memory.
//!
//! All run in this process, in turns, but for the memory: each contender's is measured in a process of its own,
//! which this program starts, so that no page is counted that another one left behind.

mod contender;
mod counted;
mod harness;
mod memory;

use std::process::Command;
use std::time::Duration;
use std::{env, process};

use contender::{Contender, Ours};
use harness::{Entry, Experiment, Goal, Point, Program};
use memory::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Asks this program for the memory of so many of a contender's actors: its own second process.
const HOLD: &str = "--hold";

/// Asks for work whose instructions are counted, and for nothing else: see [`count`].
const COUNT: &str = "--count";

fn main() {
    let contenders = contender::all();
    let arguments: Vec<_> = env::args().collect();
    if let [_, flag, name, actors] = arguments.as_slice()
        && flag == HOLD
    {
        let contender =
            contenders.iter().find(|contender| contender.name() == name).expect("a known contender");
        return hold(&**contender, actors.parse().expect("a number of actors"));
    }

    if let [_, flag] = arguments.as_slice()
        && flag == COUNT
    {
        return count();
    }

    let mut program = Program::from_arguments("actors", contender::OURS);
    let messages = program.count(400_000);
    let requests = program.count(100_000);
    let blocking = program.count(20_000);
    let actors = program.count(20_000);
    let idle = program.count(200_000);
    let systems = program.count(50);

    let time = |took: Option<Duration>, operations| took.map_or(f64::NAN, |took| per(took, operations));
    let mut run = |title, unit, operations, goals, measure: &dyn Fn(&dyn Contender) -> f64| {
        let entry = |it| Entry { contender: Contender::name(it), measure: Box::new(move || measure(it)) };
        let entries = contenders.iter().map(|contender| entry(&**contender)).collect();
        program.run(&Experiment { title, unit, operations, goals, entries });
    };
    let at_most = |bound| vec![Goal::AtMost(bound)];

    run("tell, same thread", "ns", messages, at_most(30.0), &|it| time(it.tell_here(messages), messages));
    run("tell, four other threads to one actor", "ns", messages, at_most(100.0), &|it| {
        per(it.tell_from(4, messages), messages)
    });
    run(
        "throughput, one other thread to one actor",
        "messages/s",
        messages,
        vec![Goal::AtLeast(1e5)],
        &|it| 1e9 / per(it.tell_from(1, messages), messages),
    );
    run("ask, same thread, awaited", "ns", requests, at_most(150.0), &|it| time(it.ask(requests), requests));
    run("ask, from another thread, blocking", "ns", blocking, vec![], &|it| {
        time(it.ask_blocking(blocking), blocking)
    });
    run("spawn", "ns", actors, at_most(300.0), &|it| {
        let actors = actors.min(it.capacity());
        per(it.spawn(actors), actors)
    });
    run("start of a system, to the first reply", "us", systems, at_most(1000.0), &|it| {
        (0..systems).map(|_| it.start()).sum::<Duration>().as_secs_f64() * 1e6 / systems as f64
    });
    run("memory of an idle actor, allocated", "bytes", idle, at_most(256.0), &|it| held(it, idle).0);
    run("memory of an idle actor, resident", "bytes", idle, at_most(1024.0), &|it| held(it, idle).1);
    grow(&mut program, &contenders);
    program.finish();
}

/// What actors cost as there are more of them.
fn grow(program: &mut Program, contenders: &[Box<dyn Contender>]) {
    let messages = program.count(200_000);
    let most = program.count(1_000_000);
    let sizes = || [1, 10, 100, 1000, 10_000, 100_000, 1_000_000].into_iter().filter(|size| *size <= most);
    let mut run = |curve: &str, size, operations, measure: &dyn Fn(&dyn Contender) -> f64| {
        let title = format!("{curve} (actors: {size})");
        let curve = &format!("{curve}, by actors");
        let able = contenders.iter().filter(|contender| size <= contender.crowd());
        let entry = |it| Entry { contender: Contender::name(it), measure: Box::new(move || measure(it)) };
        let entries = able.map(|contender| entry(&**contender)).collect();
        let point = Some(Point { curve, size });
        program.run_at(point, &Experiment { title: &title, unit: "ns", operations, goals: vec![], entries });
    };
    for size in sizes() {
        run("tell, same thread, to a random one", size, messages, &|it| {
            it.tell_random(size, messages).map_or(f64::NAN, |took| per(took, messages))
        });
    }
    // With few, the start of the loop's run is most of it.
    for size in sizes().filter(|size| *size >= 100) {
        run("spawn", size, size, &|it| per(it.spawn(size), size));
    }
}

/// Nanoseconds an operation.
fn per(took: Duration, operations: usize) -> f64 {
    took.as_nanos() as f64 / operations as f64
}

/// Prints how many of its operations each call of [`counted::bench_counted`] does, in the order of the calls. All runs on
/// this thread.
fn count() {
    let (messages, requests, actors) = (4000, 2000, 1000);
    let ours = Ours::on_default();
    ours.tell_here(messages);
    println!("{messages}|a message to an actor of the same loop, and its handling");
    ours.ask(requests);
    println!("{requests}|a request to an actor of the same loop, awaited by a task, and its reply");
    ours.spawn(actors);
    println!("{actors}|an actor, made by another one of its loop, and its start");
}

/// Prints the bytes that an idle actor takes: allocated, and resident.
fn hold(contender: &dyn Contender, actors: usize) {
    let resident = || memory::resident().expect("the system tells");
    let before = resident();
    memory::begin_counting();
    contender.hold_idle(actors, &mut || {
        let allocated = memory::bytes_in_use() as f64 / actors as f64;
        println!("{allocated} {}", (resident() - before) as f64 / actors as f64);
        // Nothing is left to be found out, and ending all actors takes a while.
        process::exit(0);
    });
}

/// The bytes of an idle actor, allocated and resident, as another process of this program finds them.
fn held(contender: &dyn Contender, actors: usize) -> (f64, f64) {
    let actors = actors.min(contender.capacity());
    let program = env::current_exe().expect("this program has a path");
    let output = Command::new(program).args([HOLD, contender.name(), &actors.to_string()]).output();
    let output = output.expect("this program starts again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut figures = text.split_whitespace().map(|figure| figure.parse().expect("a number"));
    let mut next = || figures.next().expect("two numbers");
    (next(), next())
}
