//! A timer writes words into a pipe, a file event reads them at its other end, a second thread posts: all on one
//! event loop, which ends when the pipe does.
//!
//! ```text
//! cargo run --example pipe_and_timer
//! ```

use std::error::Error;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use mcp_event::{Dispatcher, FileReady, RunType, Trigger};

fn main() -> Result<(), Box<dyn Error>> {
    let dispatcher = Dispatcher::new("example")?;
    dispatcher.enable_stats();
    println!("  the loop runs on {}", dispatcher.backend());
    let (mut reader, writer) = io::pipe()?;

    // The writing end goes with the last word, which is what ends the pipe.
    let mut writer = Some(writer);
    let mut words = ["one", "two", "three"].into_iter();
    let timer = dispatcher.create_periodic_timer(move || match (words.next(), &mut writer) {
        (Some(word), Some(pipe)) => pipe.write_all(word.as_bytes()).expect("the reader is there"),
        _ => writer = None,
    });
    timer.enable(Duration::from_millis(20));

    let handle = dispatcher.handle();
    let fd = reader.as_raw_fd();
    let _readable = dispatcher.create_file_event(fd, Trigger::Level, FileReady::READ, move |_| {
        let mut buffer = [0; 64];
        match reader.read(&mut buffer).expect("a pipe can be read") {
            0 => handle.exit(),
            size => println!("  read {}", String::from_utf8_lossy(&buffer[..size])),
        }
    })?;

    let handle = dispatcher.handle();
    let poster = thread::spawn(move || handle.post(|| println!("  a post from another thread")).is_ok());

    dispatcher.run(RunType::RunUntilExit)?;
    let accepted = poster.join().expect("posting does not panic");
    assert!(accepted, "the loop was there for the post");

    let stats = dispatcher.stats();
    println!(
        "  {} iterations, {} timers, {} file events, {} post; loop duration p99 {:?}, poll delay p99 {:?}",
        stats.iterations,
        stats.timers_fired,
        stats.file_events,
        stats.posts_run,
        stats.loop_duration.p99,
        stats.poll_delay.p99,
    );
    Ok(())
}
