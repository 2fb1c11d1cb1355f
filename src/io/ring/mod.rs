//! I/O that the ring of an io_uring dispatcher does for its streams: it receives and sends, and says when that is done.
//!
//! Requests are made on the loop's thread and submitted with its next wait. Each has a place in a table, which keeps
//! what the kernel uses until its last completion: the socket, and the bytes to send. So a stream that is dropped first
//! has its requests cancelled, and its socket closes when they have ended.
//!
//! **Another thread, another ring.** What was under way in the former one is made anew, also what the kernel had not
//! taken yet. Nothing is done twice and nothing lost, because what a former ring has done is in its completions, which
//! are taken out, and nothing that waits there can do more: when such a ring is closed, many kernels have its thread go
//! on with what has become ready. So what receives finds no buffer there; and no send waits, but a poll in its place.
//! An accept, which could not be told to leave a connection alone, waits there during a run only: who leaves the loop
//! ends it before, and a listener is then a file event as on any poller. Should the kernel have done more than it tells
//! the thread that leaves (it may refuse to), what was under way has failed with EIO: nobody knows how far it came.

mod batch;
mod buffers;
mod news;

use std::io;
use std::mem;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use io_uring::{cqueue, opcode, squeue, types};
use socket2::Socket;

use self::batch::Batch;
pub(super) use self::batch::Ticket;
pub(super) use self::buffers::Lease;
use self::buffers::{Buffers, GROUP};
use self::news::News;
use super::acceptor::Acceptor;
use super::connection::Connection;
use crate::dispatcher::core::Core;
pub(super) use crate::poller::io_uring::OperationId;
use crate::poller::io_uring::{Completion, IoUring, Taken};
use crate::poller::{Poller, Raw, Ready};

/// The requests of one dispatcher.
#[derive(Default)]
pub(crate) struct Operations {
    table: Mutex<Table>,
    /// The number of the batch in the table.
    batch: AtomicU64,
}

/// Places from here on are those of the batch.
const BATCH: u32 = OperationId::PLACES / 2;

/// How many completions are looked up at once.
const LOOKED_UP: usize = 32;

#[derive(Default)]
struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
    /// Those of them that accept.
    accepts: Vec<OperationId>,
    /// To be cancelled: nobody waits for them any more, or not now.
    abandoned: Vec<OperationId>,
    /// Of the present ring and the one before, of which completions may be left; each with the ring's number.
    buffers: [Option<(u64, Arc<Buffers>)>; 2],
    /// The ring that the last completions came from.
    ring: u64,
    /// Requests were made, or are to end, since the last wait.
    is_ahead: bool,
    batch: Batch,
    /// Kept for its memory.
    completions: Vec<Completion>,
    news: Vec<News>,
}

#[derive(Default)]
struct Place {
    generation: u32,
    operation: Option<Operation>,
    /// The ring that it was made for.
    ring: u64,
}

struct Operation {
    what: What,
    /// The fd stays the kernel's to use until the request has ended.
    socket: Arc<Socket>,
    /// Who made it is gone.
    is_closed: bool,
}

enum What {
    Receive(Weak<Connection>),
    Send { of: Weak<Connection>, bytes: Vec<u8>, from: usize },
    AwaitRoom(Weak<Connection>),
    Accept(Weak<Acceptor>),
}

/// The ring of a dispatcher, and the requests that were made of it.
#[derive(Clone, Copy)]
pub(crate) struct RingIo<'a> {
    core: &'a Core,
    ring: &'a IoUring,
    operations: &'a Operations,
}

impl Operations {
    /// For a poller that waits on a ring which can do them.
    pub(crate) fn of(poller: &dyn Poller) -> Option<Operations> {
        poller.ring().filter(|ring| ring.has_operations()).map(|_| Operations::default())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Table {
    fn buffers_of(&self, ring: u64) -> Option<&Arc<Buffers>> {
        self.buffers.iter().flatten().find(|(number, _)| *number == ring).map(|(_, buffers)| buffers)
    }

    /// A name for one more request, if there is one left.
    fn next_id(&mut self) -> Option<OperationId> {
        let place = match self.free.last() {
            Some(place) => *place,
            None if self.places.len() < BATCH as usize => {
                self.places.push(Place::default());
                self.free.push(self.places.len() as u32 - 1);
                self.places.len() as u32 - 1
            }
            None => return None,
        };
        let generation = self.places[place as usize].generation.wrapping_add(1);
        Some(OperationId { place, generation })
    }

    /// Puts the request into the place that [`Table::next_id`] has just named.
    fn occupy(&mut self, id: OperationId, operation: Operation, ring: u64) {
        self.free.pop();
        if matches!(operation.what, What::Accept(_)) {
            self.accepts.push(id);
        }
        self.places[id.place as usize] =
            Place { generation: id.generation, operation: Some(operation), ring };
    }

    fn get(&mut self, id: OperationId) -> Option<&mut Operation> {
        let place = self.places.get_mut(id.place as usize)?;
        place.operation.as_mut().filter(|_| place.generation == id.generation)
    }

    fn end(&mut self, id: OperationId) -> Option<Operation> {
        let is_accept = matches!(self.get(id)?.what, What::Accept(_));
        if is_accept {
            self.accepts.retain(|accept| *accept != id);
        }
        self.free.push(id.place);
        self.places[id.place as usize].operation.take()
    }

    /// What a completion says, and to whom.
    fn look_up(&mut self, completion: &Completion) -> Option<News> {
        let Completion { id, ring, result, flags } = *completion;
        if let Some(index) = id.place.checked_sub(BATCH) {
            let is_now = self.batch.number() as u32 == id.generation;
            return is_now.then(|| self.batch.news(index as usize, result))?;
        }
        let buffers = self.buffers_of(ring);
        if let Some(buffers) = buffers.filter(|_| result == -libc::ENOBUFS) {
            buffers.want_more();
        }
        let lease = buffers.and_then(|buffers| buffers.lease(flags, result));
        let lease = lease.filter(|lease| !lease.bytes().is_empty());
        if !cqueue::more(flags) {
            return Some(News::Ended(self.end(id)?, -result, lease));
        }
        match &self.get(id)?.what {
            What::Receive(connection) => {
                let lease = lease?;
                // Nothing is dropped under the lock but leases.
                Some(News::Received(connection.upgrade()?, lease))
            }
            What::Accept(acceptor) if result >= 0 => Some(News::accepted(acceptor.clone(), result)),
            What::Accept(_) | What::Send { .. } | What::AwaitRoom(_) => None,
        }
    }

    /// Takes out a request that was made for another ring than the present one; with that one's number.
    fn next_stale(&mut self, from: &mut usize) -> Option<(Operation, u64)> {
        while let Some(place) = self.places.get(*from) {
            let id = OperationId { place: *from as u32, generation: place.generation };
            let (ring, is_stale) = (place.ring, place.operation.is_some() && place.ring != self.ring);
            *from += 1;
            if is_stale {
                return self.end(id).map(|operation| (operation, ring));
            }
        }
        None
    }
}

impl<'a> RingIo<'a> {
    /// The ring of `core`'s dispatcher, if it runs on one that does more than poll.
    pub(crate) fn of(core: &'a Core) -> Option<RingIo<'a>> {
        // First what costs nothing where there is no ring.
        let operations = core.operations.as_ref()?;
        Some(RingIo { core, ring: core.poller.ring()?, operations })
    }

    /// Receives, again and again, until that ends.
    pub(super) fn receive(self, connection: &Arc<Connection>) -> io::Result<OperationId> {
        self.register_buffers()?;
        let socket = connection.socket.clone();
        let entry = opcode::RecvMulti::new(types::Fd(socket.as_raw_fd()), GROUP).build();
        let what = What::Receive(Arc::downgrade(connection));
        self.submit(entry, Operation { what, socket, is_closed: false }).map_err(|(error, _)| error)
    }

    /// Whether accepts may wait in the ring now: not in one that somebody watches, for nobody runs the loop while it is
    /// waited for.
    pub(super) fn may_accept(self) -> bool {
        self.core.is_running_here() && !self.ring.is_watched()
    }

    /// Accepts, again and again, until that ends; at the latest, the run ends it.
    pub(super) fn accept(self, acceptor: &Arc<Acceptor>) -> io::Result<OperationId> {
        let socket = acceptor.socket.clone();
        let entry = opcode::AcceptMulti::new(types::Fd(socket.as_raw_fd()))
            .flags(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC)
            .build();
        let what = What::Accept(Arc::downgrade(acceptor));
        self.submit(entry, Operation { what, socket, is_closed: false }).map_err(|(error, _)| error)
    }

    /// The present ring has buffers to receive into.
    fn register_buffers(self) -> io::Result<()> {
        let ring = self.ring.own_ring()?;
        let mut table = self.operations.lock();
        if table.buffers_of(ring).is_none() {
            let buffers = self.ring.set_supply(Buffers::register)?;
            let former = table.buffers[0].replace((ring, buffers));
            table.buffers[1] = former;
        }
        Ok(())
    }

    /// Sends of `bytes` from the position `from` what there is room for.
    ///
    /// # Errors
    /// With the bytes.
    pub(super) fn send(
        self,
        connection: &Arc<Connection>,
        bytes: Vec<u8>,
        from: usize,
    ) -> Result<OperationId, (io::Error, Vec<u8>)> {
        let socket = connection.socket.clone();
        let part = &bytes[from..];
        // What is longer goes in several requests.
        let length = u32::try_from(part.len()).unwrap_or(1 << 30);
        let entry = opcode::Send::new(types::Fd(socket.as_raw_fd()), part.as_ptr(), length)
            .flags(libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT)
            .build();
        let what = What::Send { of: Arc::downgrade(connection), bytes, from };
        self.submit(entry, Operation { what, socket, is_closed: false }).map_err(|(error, operation)| {
            match operation.what {
                What::Send { bytes, .. } => (error, bytes),
                What::Receive(_) | What::AwaitRoom(_) | What::Accept(_) => (error, Vec::new()),
            }
        })
    }

    /// Waits until a send finds room.
    pub(super) fn await_room(self, connection: &Arc<Connection>) -> io::Result<OperationId> {
        let socket = connection.socket.clone();
        let entry = opcode::PollAdd::new(types::Fd(socket.as_raw_fd()), libc::POLLOUT as u32).build();
        let what = What::AwaitRoom(Arc::downgrade(connection));
        self.submit(entry, Operation { what, socket, is_closed: false }).map_err(|(error, _)| error)
    }

    /// Has a copy of `bytes` sent with the next wait, behind those of `former`, which is the stream's own in the batch.
    /// They count as sent; what the system does not take comes back before the batch is over. `None` if they are better
    /// sent otherwise.
    pub(super) fn send_in_batch(
        self,
        connection: &Arc<Connection>,
        former: Option<Ticket>,
        bytes: &[u8],
    ) -> Option<Ticket> {
        let mut table = self.operations.lock();
        table.is_ahead = true;
        table.batch.add(connection, former, bytes)
    }

    /// Whether it is not known yet what became of that send.
    pub(super) fn is_pending(self, ticket: Ticket) -> bool {
        ticket.batch() == self.operations.batch.load(Ordering::Acquire)
    }

    /// Keeps the socket of a stream that is dropped open until the batch is over.
    pub(super) fn keep_for_batch(self, socket: Arc<Socket>) {
        self.operations.lock().batch.keep(socket);
    }

    /// Sends the batch now if enough wait for each other.
    pub(super) fn send_batch_if_due(self) {
        let mut table = self.operations.lock();
        if table.batch.is_due() && self.ask_for_batch(&mut table).is_ok() {
            // Else the next wait does it.
            let _ = self.ring.submit_now();
        }
    }

    fn ask_for_batch(self, table: &mut Table) -> io::Result<()> {
        if table.batch.is_asked() {
            return Ok(());
        }
        let generation = table.batch.number() as u32;
        let requests = table
            .batch
            .unasked()
            .map(|(index, entry)| (OperationId { place: BATCH + index as u32, generation }, entry));
        // SAFETY: the bytes stay until the batch is over, and that it is when the ring has done all it was given; of the
        // sockets, the streams keep those that they do not leave to the batch.
        let (count, result) = unsafe { self.ring.submit_all(requests) };
        table.batch.note_asked(count);
        result
    }

    fn submit(
        self,
        entry: squeue::Entry,
        operation: Operation,
    ) -> Result<OperationId, (io::Error, Operation)> {
        let mut table = self.operations.lock();
        table.is_ahead = true;
        let Some(id) = table.next_id() else {
            return Err((io::ErrorKind::OutOfMemory.into(), operation));
        };
        // SAFETY: the table keeps the operation, and with it what the entry points to, until its last completion.
        match unsafe { self.ring.submit(id, entry) } {
            Ok(ring) => {
                table.occupy(id, operation, ring);
                Ok(id)
            }
            Err(error) => Err((error, operation)),
        }
    }

    /// Has these ended by the loop's next wait; from any thread.
    pub(super) fn abandon(self, operations: impl IntoIterator<Item = OperationId>) {
        let mut table = self.operations.lock();
        table.is_ahead = true;
        table.abandoned.extend(operations);
    }

    /// Ends what a stream was doing that is dropped; from any thread.
    pub(super) fn close(self, operations: impl IntoIterator<Item = OperationId>) {
        {
            let mut table = self.operations.lock();
            for id in operations {
                if let Some(operation) = table.get(id) {
                    operation.is_closed = true;
                    table.abandoned.push(id);
                    table.is_ahead = true;
                }
            }
            if table.abandoned.is_empty() {
                return;
            }
        }
        if self.core.is_running() {
            self.core.wake();
        } else {
            self.hang_up();
        }
    }

    /// Before the run ends: ends what accepts, and takes over what it has accepted.
    pub(crate) fn end_accepts(self, ready: &mut Vec<Ready>) {
        let accepts = self.operations.lock().accepts.clone();
        if accepts.is_empty() {
            return;
        }
        if let Err(error) = self.ring.end_now(&accepts) {
            tracing::warn!(dispatcher = %self.core.name, %error, "the ring does not say how its accepts ended");
        }
        self.deliver(ready);
    }

    /// When nobody runs the loop: nobody ends now what was dropped, and until then it keeps its socket open. Peers are to
    /// hear of it at once. To be called by who drops, and by who leaves the loop: so one of them sees it.
    pub(crate) fn hang_up(self) {
        let mut sockets = Vec::new();
        {
            let mut table = self.operations.lock();
            let abandoned = mem::take(&mut table.abandoned);
            let operations = abandoned.iter().filter_map(|id| {
                let operation = table.get(*id).filter(|operation| operation.is_closed)?;
                // A listening socket may be another process's, too.
                (!matches!(operation.what, What::Accept(_))).then(|| operation.socket.clone())
            });
            sockets.extend(operations);
            table.abandoned = abandoned;
        }
        for socket in sockets {
            // It fails when the connection is gone already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Whether the kernel is still to be told of something, by the next wait.
    pub(crate) fn is_ahead(self) -> bool {
        self.operations.lock().is_ahead
    }

    /// Before a wait: sends the batch, and ends what is abandoned, and what accepts once somebody watches the ring.
    pub(crate) fn prepare(self) {
        let mut table = self.operations.lock();
        if !table.accepts.is_empty() && self.ring.is_watched() {
            // If the kernel refuses, the end of the run tries again.
            let _ = self.ring.end_now(&table.accepts);
        }
        table.is_ahead = false;
        if self.ask_for_batch(&mut table).is_err() {
            // No room; it is tried again, at once.
            table.is_ahead = true;
            self.ring.wake();
        }
        while let Some(id) = table.abandoned.pop() {
            if table.get(id).is_some() && self.ring.cancel(id).is_err() {
                // No room; it is tried again before the next wait.
                table.abandoned.push(id);
                table.is_ahead = true;
                return;
            }
        }
    }

    /// After a wait: takes over what has completed, and says in `ready` who has something to tell its user.
    pub(crate) fn deliver(self, ready: &mut Vec<Ready>) {
        let (mut completions, mut news) = {
            let mut table = self.operations.lock();
            (mem::take(&mut table.completions), mem::take(&mut table.news))
        };
        let Taken { ring, is_dry, lost } = self.ring.take_completions(&mut completions);
        for some in completions.chunks(LOOKED_UP) {
            {
                let mut table = self.operations.lock();
                news.extend(some.iter().filter_map(|completion| table.look_up(completion)));
            }
            // No lock is held while they are told.
            ready.extend(news.drain(..).filter_map(News::tell).map(told));
        }
        completions.clear();
        let mut table = self.operations.lock();
        (table.completions, table.news) = (completions, news);
        // What the kernel has refused so far, it is asked for again.
        table.is_ahead |= !is_dry;
        let silent = if lost.is_some() { table.batch.silent() } else { Vec::new() };
        let sockets = if is_dry && table.batch.is_asked() { table.batch.end() } else { Vec::new() };
        self.operations.batch.store(table.batch.number(), Ordering::Release);
        let is_same = mem::replace(&mut table.ring, ring) == ring;
        drop(table);
        drop(sockets);
        if is_same {
            return;
        }
        ready.extend(silent.into_iter().filter_map(News::tell).map(told));
        let mut from = 0;
        loop {
            // No lock is held while it is told.
            let stale = self.operations.lock().next_stale(&mut from);
            let Some((operation, ring)) = stale else { return };
            let code = if lost == Some(ring) { libc::EIO } else { libc::ECANCELED };
            ready.extend(News::Ended(operation, code, None).tell().map(told));
        }
    }
}

fn told(token: u64) -> Ready {
    Ready { token, raw: Raw(Raw::IN) }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpStream};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::io::Address;
    use crate::{Dispatcher, RunType};

    /// Whether the kernel has a request to accept in the ring of `core`.
    fn is_accepting(core: &Core) -> bool {
        let fd = RingIo::of(core).unwrap().ring.ring_fd();
        let requests = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
        requests.contains(&format!("op={},", opcode::AcceptMulti::CODE))
    }

    #[test]
    fn nothing_accepts_in_a_ring_that_nobody_runs() {
        let dispatcher = Dispatcher::builder("x").backend("io_uring").build().unwrap();
        let (told, heard) = channel();
        let listener = dispatcher
            .listen(SocketAddr::from(([127, 0, 0, 1], 0)), move |accepted| told.send(accepted).unwrap())
            .unwrap();
        let Address::Tcp(address) = listener.address().unwrap() else { panic!("it listens on TCP") };
        for _ in 0..2 {
            let _client = TcpStream::connect(address).unwrap();
            let handle = dispatcher.handle();
            let check = dispatcher.create_periodic_timer(move || {
                if is_accepting(handle.core()) {
                    handle.exit();
                }
            });
            check.enable(Duration::from_millis(1));
            dispatcher.run(RunType::Block).unwrap();
            assert!(!is_accepting(dispatcher.core()));
            assert!(heard.try_recv().unwrap().is_ok());
        }
    }
}
