//! An HTTP endpoint for Prometheus, on a dispatcher.

mod connection;
mod request;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::{Exposition, Registry};
use crate::dispatcher::{FileEvent, Handle, Timer};
use crate::error::Error;
use crate::poller::{FileReady, Trigger, os_fd};
use connection::{Connection, Next};
use request::{Answer, Refusal};

/// How many connections are let in at a time: others, and the loop's own work, have their turn.
const ACCEPTS: usize = 16;
/// After a connection could not be let in, for want of file descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// Settings of a [`MetricsEndpoint`].
#[derive(Debug, Clone)]
#[must_use]
pub struct EndpointOptions {
    connection_limit: usize,
    timeout: Duration,
}

impl Default for EndpointOptions {
    fn default() -> EndpointOptions {
        EndpointOptions { connection_limit: 64, timeout: Duration::from_secs(5) }
    }
}

impl EndpointOptions {
    /// The default settings.
    pub fn new() -> EndpointOptions {
        EndpointOptions::default()
    }

    /// How many connections may be open at a time; those in excess are turned away with status 503. 64 by default.
    pub fn connection_limit(mut self, connections: usize) -> EndpointOptions {
        self.connection_limit = connections;
        self
    }

    /// How long a request may take to come, and then the response to go. Five seconds by default.
    pub fn timeout(mut self, timeout: Duration) -> EndpointOptions {
        self.timeout = timeout;
        self
    }
}

/// Serves the figures of a [`Registry`] over HTTP, at `/metrics`, for Prometheus to scrape. Dropping it closes its
/// sockets.
///
/// It runs on the loop of a dispatcher, which answers while somebody runs it. Each connection takes one request.
/// There is neither encryption nor a password: whoever can reach the address reads the figures. Bind it to the
/// loopback, or to a network that is trusted.
///
/// ```
/// use mcp_event::Dispatcher;
/// use mcp_event::metrics::{MetricsEndpoint, Registry};
///
/// let dispatcher = Dispatcher::new("main")?;
/// let registry = Registry::new();
/// registry.add_dispatcher(&dispatcher)?;
/// let endpoint = MetricsEndpoint::bind(&dispatcher, ([127, 0, 0, 1], 0), &registry)?;
/// println!("http://{}/metrics", endpoint.local_addr());
/// # Ok::<(), mcp_event::Error>(())
/// ```
pub struct MetricsEndpoint {
    address: SocketAddr,
    server: Arc<Server>,
}

/// What the callbacks share. They hold it weakly: the endpoint alone keeps it.
struct Server {
    dispatcher: Handle,
    registry: Registry,
    options: EndpointOptions,
    state: Mutex<State>,
}

/// Handles are made and changed under its lock, and dropped outside: that may wait for a callback.
struct State {
    /// None once the endpoint is dropped.
    door: Option<Door>,
    visits: HashMap<u64, Visit>,
    visit_count: u64,
}

/// The listening socket, which its event's callback owns.
struct Door {
    event: FileEvent,
    /// Opens it again after a pause.
    reopening: Timer,
}

/// An open connection, which its callbacks own.
struct Visit {
    event: FileEvent,
    timeout: Timer,
}

impl MetricsEndpoint {
    /// Listens at `address`, with the default settings. Port 0 takes a free one: [`local_addr`](Self::local_addr)
    /// tells which.
    ///
    /// # Errors
    /// [`Error::Os`] when the system does not let it: the address is taken or not this machine's, say;
    /// [`Error::Forked`] in a forked child.
    pub fn bind(
        dispatcher: &Handle,
        address: impl Into<SocketAddr>,
        registry: &Registry,
    ) -> Result<MetricsEndpoint, Error> {
        MetricsEndpoint::bind_with(dispatcher, address, registry, EndpointOptions::default())
    }

    /// As [`bind`](MetricsEndpoint::bind), with settings of your own.
    ///
    /// # Errors
    /// As for `bind`; [`Error::InvalidArgument`] for a limit or a timeout of zero.
    pub fn bind_with(
        dispatcher: &Handle,
        address: impl Into<SocketAddr>,
        registry: &Registry,
        options: EndpointOptions,
    ) -> Result<MetricsEndpoint, Error> {
        if options.connection_limit == 0 || options.timeout.is_zero() {
            let text = "a metrics endpoint needs a connection limit and a timeout above zero";
            return Err(Error::InvalidArgument(text.into()));
        }
        let address = address.into();
        let (listener, address) = listen(address)
            .map_err(|source| Error::os(format!("listening at {address} for metrics"), source))?;
        let server = Arc::new(Server {
            dispatcher: dispatcher.clone(),
            registry: registry.clone(),
            options,
            state: Mutex::new(State { door: None, visits: HashMap::new(), visit_count: 0 }),
        });
        let door = server.open_door(listener)?;
        server.lock().door = Some(door);
        Ok(MetricsEndpoint { address, server })
    }

    /// The address that it listens at, with the port that it really has.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl Drop for MetricsEndpoint {
    fn drop(&mut self) {
        let (door, visits) = {
            let mut state = self.server.lock();
            (state.door.take(), std::mem::take(&mut state.visits))
        };
        drop((door, visits));
    }
}

impl fmt::Debug for MetricsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsEndpoint").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_door(self: &Arc<Self>, listener: TcpListener) -> Result<Door, Error> {
        let (fd, server) = (os_fd::raw(&listener), Arc::downgrade(self));
        let on_knock = move |_| {
            if let Some(server) = server.upgrade() {
                server.let_in(&listener);
            }
        };
        let event = self.dispatcher.create_file_event(fd, Trigger::Level, FileReady::READ, on_knock)?;
        let server = Arc::downgrade(self);
        let reopening = self.dispatcher.create_timer(move || {
            if let Some(server) = server.upgrade() {
                server.set_door(FileReady::READ);
            }
        });
        Ok(Door { event, reopening })
    }

    /// Lets in who waits. What fails without an end in sight pauses it: the socket stays readable, and the loop
    /// would do nothing else.
    fn let_in(self: &Arc<Self>, listener: &TcpListener) {
        for _ in 0..ACCEPTS {
            let result = match listener.accept() {
                Ok((stream, _)) => self.receive(stream),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => continue,
                    _ => Err(error),
                },
            };
            if let Err(error) = result {
                tracing::warn!(%error, "the metrics cannot let a connection in");
                self.set_door(FileReady::NONE);
                return;
            }
        }
    }

    fn set_door(&self, events: FileReady) {
        if let Some(door) = &self.lock().door {
            if let Err(error) = door.event.set_enabled(events) {
                tracing::error!(%error, "the metrics let nobody in any more for now");
            } else if !events.is_empty() {
                return;
            }
            door.reopening.enable(PAUSE);
        }
    }

    fn receive(self: &Arc<Self>, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let mut state = self.lock();
        if state.door.is_none() {
            return Ok(());
        }
        if state.visits.len() >= self.options.connection_limit {
            drop(state);
            turn_away(stream);
            return Ok(());
        }
        state.visit_count += 1;
        let number = state.visit_count;
        let fd = os_fd::raw(&stream);
        let connection = Arc::new(Mutex::new(Connection::new(stream)));
        // The last of its callbacks to go closes it.
        let callback = |advance: fn(&mut Connection) -> Next| {
            let (server, connection) = (Arc::downgrade(self), connection.clone());
            move || go_on(&server, number, &connection, advance)
        };
        let on_ready = callback(Connection::advance);
        let event =
            self.dispatcher.create_file_event(fd, Trigger::Level, FileReady::READ, move |_| on_ready())?;
        let timeout = self.dispatcher.create_timer(callback(Connection::time_out));
        timeout.enable(self.options.timeout);
        state.visits.insert(number, Visit { event, timeout });
        Ok(())
    }

    fn response(&self, answer: Answer) -> Vec<u8> {
        match answer {
            Answer::Page { head_only } => {
                let mut page = Exposition::new();
                self.registry.write_to(&mut page);
                request::page(&page, head_only)
            }
            Answer::Refusal { refusal, head_only } => refusal.response(head_only),
        }
    }

    /// Has the dispatcher watch for what the visit waits for. A new phase has its own time.
    fn wait_for(&self, number: u64, next: Next, is_new_phase: bool) {
        let mut state = self.lock();
        let events = match next {
            Next::Writable => FileReady::WRITE,
            Next::Readable => FileReady::READ,
            Next::Response(_) | Next::Close => FileReady::NONE,
        };
        let stays = state.visits.get(&number).is_some_and(|visit| {
            if is_new_phase {
                visit.timeout.enable(self.options.timeout);
            }
            !events.is_empty() && visit.event.set_enabled(events).is_ok()
        });
        let gone = if stays { None } else { state.visits.remove(&number) };
        drop(state);
        drop(gone);
    }
}

/// A callback of a visit.
fn go_on(
    server: &Weak<Server>,
    number: u64,
    connection: &Mutex<Connection>,
    advance: fn(&mut Connection) -> Next,
) {
    let Some(server) = server.upgrade() else { return };
    let lock = || connection.lock().unwrap_or_else(PoisonError::into_inner);
    let next = advance(&mut lock());
    if let Next::Response(answer) = next {
        // Outside the lock: sources of the program's own take part in the page.
        let response = server.response(answer);
        let next = lock().respond(response);
        server.wait_for(number, next, true);
    } else {
        server.wait_for(number, next, false);
    }
}

/// For who comes in excess. What he asked for is read as far as it is there, lest closing resets the connection
/// before he has read the answer.
fn turn_away(stream: TcpStream) {
    let mut connection = Connection::new(stream);
    connection.advance();
    connection.respond(Refusal::TooMany.response(false));
}
