//! A million actors in one process: what they take to make, to hold, to reach and to stop.
//!
//! ```text
//! cargo run --release --example million_actors -- [how many]
//! ```

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};
use std::{env, fs};

use mcp_event::actor::{Actor, ActorResult, Context, System};

/// Tells the main thread when the last of so many has reported.
struct Roll {
    missing: AtomicUsize,
    complete: Sender<()>,
}

impl Roll {
    fn report(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Nobody waits only if the program has ended.
            let _ = self.complete.send(());
        }
    }
}

/// Remembers what it was told last, and otherwise idles.
struct Sleeper {
    roll: Arc<Roll>,
    last: u64,
}

impl Actor for Sleeper {
    type Message = u64;

    fn started(&mut self, _: &mut Context<'_, Self>) -> ActorResult {
        self.roll.report();
        Ok(())
    }

    fn handle(&mut self, message: u64, _: &mut Context<'_, Self>) -> ActorResult {
        self.last = message;
        self.roll.report();
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let count = match env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 1_000_000,
    };
    let (complete, completed) = channel();
    let roll = Arc::new(Roll { missing: AtomicUsize::new(count), complete });
    let system = System::builder().build()?;
    println!("  {count} actors on {} loops", system.workers());

    let before = resident()?;
    let start = Instant::now();
    let actors: Result<Vec<_>, _> =
        (0..count).map(|_| system.spawn(Sleeper { roll: roll.clone(), last: 0 })).collect();
    let actors = actors?;
    if count > 0 {
        completed.recv()?;
    }
    show("spawned and started", start.elapsed(), count);
    let held = resident()?.saturating_sub(before);
    println!("  {:<28} {:>7} MB, {} bytes an actor", "resident memory", held >> 20, held / count.max(1));

    roll.missing.store(count, Ordering::Release);
    let start = Instant::now();
    for (actor, number) in actors.iter().zip(0..) {
        actor.tell(number)?;
    }
    if count > 0 {
        completed.recv()?;
    }
    show("told, and handled", start.elapsed(), count);

    let start = Instant::now();
    system.stop()?;
    show("stopped, the youngest first", start.elapsed(), count);
    Ok(())
}

fn show(what: &str, took: Duration, count: usize) {
    let each = took.as_nanos() / count.max(1) as u128;
    println!("  {what:<28} {:>7.0} ms, {each} ns an actor", took.as_secs_f64() * 1e3);
}

/// The process's resident memory, in bytes.
fn resident() -> io::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kilobytes.map(|kilobytes| kilobytes << 10).ok_or_else(|| io::Error::other("the memory is not told"))
}
