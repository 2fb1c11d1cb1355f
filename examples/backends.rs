//! Says which backends a dispatcher can run on here, and why not on the others.
//!
//! With `--names`, prints the names of those that work, a line each, for scripts.

use mcp_event::{BackendState, Dispatcher, backends};

fn main() -> Result<(), mcp_event::Error> {
    let names_only = std::env::args().any(|argument| argument == "--names");
    for backend in backends() {
        match (backend.state, names_only) {
            (BackendState::Works, true) => println!("{}", backend.name),
            (_, true) => {}
            (BackendState::Works, false) => println!("{:<10} works", backend.name),
            (BackendState::Refused(why), false) => println!("{:<10} is refused: {why}", backend.name),
            (BackendState::NotBuiltIn(why), false) => println!("{:<10} is not built in: {why}", backend.name),
            (state, false) => println!("{:<10} {state:?}", backend.name),
        }
    }
    if !names_only {
        println!("a dispatcher gets {:?}", Dispatcher::new("default")?.backend());
    }
    Ok(())
}
