//! I/O that the loop does: connections whose bytes come to callbacks, on every backend alike. Not on Windows.
//!
//! Where a [file event](crate::FileEvent) says that a socket is ready, and its user reads, a [`Stream`] reads, sends,
//! queues what the system does not take, and keeps time limits. A [`Listener`] hands out streams, a [`Connect`] makes
//! one. A program written on them runs on any backend of Linux, macOS and the BSDs.
//!
//! ```
//! use mcp_event::io::Received;
//! use mcp_event::{Dispatcher, RunType};
//! use std::os::unix::net::UnixStream;
//!
//! let dispatcher = Dispatcher::new("main")?;
//! let (ours, theirs) = UnixStream::pair().unwrap();
//! let (ours, theirs) = (dispatcher.create_stream(ours)?, dispatcher.create_stream(theirs)?);
//!
//! let echo = theirs.sender();
//! theirs.receive(move |received| {
//!     if let Received::Data(bytes) = received {
//!         echo.send(bytes).unwrap();
//!     }
//! })?;
//! let handle = dispatcher.handle();
//! ours.receive(move |received| {
//!     assert!(matches!(received, Received::Data(b"hello")));
//!     handle.exit();
//! })?;
//! ours.send("hello").unwrap();
//! dispatcher.run(RunType::Block)?;
//! # Ok::<(), mcp_event::Error>(())
//! ```

// Some of it is for the ring alone.
#![cfg_attr(
    not(all(target_os = "linux", feature = "io_uring")),
    allow(dead_code, reason = "no ring hands over what it has done")
)]

mod acceptor;
mod address;
mod arrivals;
mod buffer;
mod connect;
mod connection;
mod error;
mod listener;
mod outbox;
#[cfg(all(target_os = "linux", feature = "io_uring"))]
pub(crate) mod ring;
#[cfg(not(all(target_os = "linux", feature = "io_uring")))]
#[path = "no_ring.rs"]
mod ring;
mod socket;
mod stream;
mod time_limit;

pub use address::Address;
pub use connect::Connect;
pub use error::{Received, SendError, SendRefusal};
pub use listener::{Accepted, Listener};
pub use stream::{Sender, Stream};
