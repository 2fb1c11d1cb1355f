//! What a link and its helper threads share: messages to post, messages that were heard, exchanges under way.
//!
//! The loop puts posts in and takes out what was heard; helpers take posts, and put in what they hear. Nobody
//! does anything slow under the lock, so the loop does not wait.
//!
//! Each message goes out in an exchange of its own. Of requests so many are under way at a time, the others wait;
//! checks and notices do not wait behind requests, so that a busy server is not taken for a hung one, and can be
//! told what its requests wait for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ureq::Agent;
use ureq::http::HeaderValue;

use super::endpoint::{Endpoint, Session};
use super::failure::Failure;
use super::helper;
use crate::server::heard::Heard;
use crate::server::link::{Kind, Ready};

/// Requests that are under way at the same time.
const MOST_REQUESTS: usize = 8;

/// Checks and notices that are under way at the same time.
const MOST_URGENT: usize = 2;

/// How much may wait to be posted, beside one message.
const OUTBOX_LIMIT: usize = 16 << 20;

/// How much may wait for the loop, beside one message of each helper.
const INBOX_LIMIT: usize = 16 << 20;

/// A message on its way to the server.
pub(super) struct Post {
    pub(super) line: String,
    pub(super) kind: Kind,
    /// It ends the handshake: nothing else goes out until it has been taken.
    pub(super) introduces: bool,
}

impl Post {
    /// The id of the request that it is.
    pub(super) fn request(&self) -> Option<i64> {
        match self.kind {
            Kind::Request(id) | Kind::Check(id) => Some(id),
            Kind::Notice => None,
        }
    }
}

/// What a helper is to do.
pub(super) enum Job {
    Post(Post),
    /// End the session.
    Farewell,
}

/// Tells the exchanges of a connection apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ExchangeNumber(u64);

pub(super) struct Connection {
    pub(super) name: String,
    pub(super) endpoint: Endpoint,
    state: Mutex<State>,
    /// There is something to do for a helper that is free.
    posted: Condvar,
    /// There is something to know for a helper in an exchange: room in the inbox, or that it is given up.
    changed: Condvar,
    /// Takes no lock of ours, and does not wait.
    notify: Box<dyn Fn(Ready) + Send + Sync>,
}

struct State {
    requests: Lane,
    urgent: Lane,
    waiting_bytes: usize,
    is_introducing: bool,
    session: Session,
    heard: Vec<Heard>,
    heard_bytes: usize,
    /// Why the server is lost.
    lost: Option<String>,
    exchanges: HashMap<ExchangeNumber, Exchange>,
    next_number: u64,
    /// Threads that take posts.
    workers: usize,
    is_listening: bool,
    end: End,
}

/// Posts that wait for each other, and not for others.
struct Lane {
    posts: VecDeque<Post>,
    under_way: usize,
    most: usize,
}

struct Exchange {
    request: Option<i64>,
    /// What ends it from outside; `None` once nobody wants its outcome.
    agent: Option<Agent>,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Request,
    Urgent,
    /// As `Urgent`, and ends the handshake.
    Introduction,
    Farewell,
    Listening,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// The next helper is to end the session.
    FarewellDue,
    /// The helpers end.
    Closing,
    /// Nobody waits for the helpers.
    GivenUp,
}

impl Lane {
    fn new(most: usize) -> Lane {
        Lane { posts: VecDeque::new(), under_way: 0, most }
    }

    fn takeable(&self) -> usize {
        self.posts.len().min(self.most - self.under_way)
    }

    fn take(&mut self) -> Option<Post> {
        let post = if self.takeable() > 0 { self.posts.pop_front() } else { None };
        self.under_way += usize::from(post.is_some());
        post
    }
}

impl State {
    fn is_wanted(&self, number: ExchangeNumber) -> bool {
        self.exchanges.get(&number).is_some_and(|exchange| exchange.agent.is_some())
    }

    fn take(&mut self) -> Option<Post> {
        if self.is_introducing {
            return None;
        }
        let post = self.urgent.take().or_else(|| self.requests.take())?;
        self.waiting_bytes -= post.line.len();
        self.is_introducing = post.introduces;
        Some(post)
    }

    fn takeable(&self) -> usize {
        if self.is_introducing { 0 } else { self.urgent.takeable() + self.requests.takeable() }
    }

    fn free_workers(&self) -> usize {
        self.workers - self.exchanges.values().filter(|exchange| exchange.role != Role::Listening).count()
    }

    fn begin(&mut self, role: Role, request: Option<i64>, agent: &Agent) -> ExchangeNumber {
        let number = ExchangeNumber(self.next_number);
        self.next_number += 1;
        self.exchanges.insert(number, Exchange { request, agent: Some(agent.clone()), role });
        number
    }

    /// Ends all exchanges, and what waits.
    fn abandon(&mut self) {
        self.requests.posts.clear();
        self.urgent.posts.clear();
        self.waiting_bytes = 0;
        self.exchanges.values_mut().filter_map(|exchange| exchange.agent.take()).for_each(Agent::shutdown);
    }

    fn is_deserted(&self) -> bool {
        self.workers == 0 && !self.is_listening
    }
}

impl Connection {
    pub(super) fn new(
        name: &str,
        endpoint: Endpoint,
        notify: impl Fn(Ready) + Send + Sync + 'static,
    ) -> Arc<Connection> {
        let state = State {
            requests: Lane::new(MOST_REQUESTS),
            urgent: Lane::new(MOST_URGENT),
            waiting_bytes: 0,
            is_introducing: false,
            session: Session::default(),
            heard: Vec::new(),
            heard_bytes: 0,
            lost: None,
            exchanges: HashMap::new(),
            next_number: 0,
            workers: 0,
            is_listening: false,
            end: End::Open,
        };
        Arc::new(Connection {
            name: name.to_owned(),
            endpoint,
            state: Mutex::new(state),
            posted: Condvar::new(),
            changed: Condvar::new(),
            notify: Box::new(notify),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // For the loop.

    /// Queues a message.
    ///
    /// # Errors
    /// The bytes that wait, when they are too many.
    pub(super) fn post(self: &Arc<Connection>, post: Post) -> Result<(), usize> {
        let mut state = self.state();
        if state.end != End::Open {
            return Ok(());
        }
        if state.waiting_bytes > OUTBOX_LIMIT {
            return Err(state.waiting_bytes);
        }
        state.waiting_bytes += post.line.len();
        match post.kind {
            Kind::Request(_) => state.requests.posts.push_back(post),
            Kind::Check(_) | Kind::Notice => state.urgent.posts.push_back(post),
        }
        self.hire(&mut state);
        drop(state);
        self.posted.notify_one();
        Ok(())
    }

    /// The handshake agreed on this revision of the protocol.
    pub(super) fn agree(&self, revision: &str) {
        self.state().session.revision = HeaderValue::from_str(revision).ok();
    }

    /// Ends the exchange of a request, or takes it back before it begins.
    pub(super) fn forget(&self, request: i64) {
        let mut state = self.state();
        let State { requests, urgent, waiting_bytes, exchanges, .. } = &mut *state;
        for lane in [requests, urgent] {
            lane.posts.retain(|post| {
                let is_meant = post.request() == Some(request);
                *waiting_bytes -= if is_meant { post.line.len() } else { 0 };
                !is_meant
            });
        }
        let mut exchanges = exchanges.values_mut();
        if let Some(agent) = exchanges
            .find(|exchange| exchange.request == Some(request))
            .and_then(|exchange| exchange.agent.take())
        {
            agent.shutdown();
            self.changed.notify_all();
        }
    }

    /// What was heard since the last call; and why the server is lost, if it is.
    pub(super) fn take_heard(&self) -> (Vec<Heard>, Option<String>) {
        let mut state = self.state();
        state.heard_bytes = 0;
        let heard = std::mem::take(&mut state.heard);
        let lost = state.lost.clone();
        drop(state);
        self.changed.notify_all();
        (heard, lost)
    }

    /// Ends all exchanges, then the session, then the helpers.
    pub(super) fn close(self: &Arc<Connection>) {
        let mut state = self.state();
        if state.end != End::Open {
            return;
        }
        state.abandon();
        if state.session.id.is_some() && state.lost.is_none() {
            state.end = End::FarewellDue;
            // The others may need a moment until they notice.
            if state.free_workers() == 0 {
                self.hire_one(&mut state);
            }
        } else {
            state.end = End::Closing;
        }
        self.wake(state);
    }

    /// Ends all exchanges, and waits for nothing. A helper that the system holds, in a connect or in a search for
    /// an address, ends by itself some seconds later.
    pub(super) fn give_up(&self) {
        let mut state = self.state();
        state.abandon();
        state.end = End::GivenUp;
        self.wake(state);
    }

    /// Whether the connection has ended, and nothing of it is left.
    pub(super) fn is_gone(&self) -> bool {
        let state = self.state();
        match state.end {
            End::Open | End::FarewellDue => false,
            End::Closing => state.is_deserted(),
            End::GivenUp => true,
        }
    }

    /// Wakes all whom an end concerns.
    fn wake(&self, state: MutexGuard<'_, State>) {
        drop(state);
        self.posted.notify_all();
        self.changed.notify_all();
        if self.is_gone() {
            (self.notify)(Ready::Process);
        }
    }

    // Helpers come and go.

    /// Sees to it that there is a helper for each post that may go out.
    fn hire(self: &Arc<Connection>, state: &mut State) {
        while state.takeable() > state.free_workers() && self.hire_one(state) {}
    }

    fn hire_one(self: &Arc<Connection>, state: &mut State) -> bool {
        match helper::start(self, "post", helper::work) {
            Ok(()) => {
                state.workers += 1;
                true
            }
            // Those that there are do its work, too.
            Err(_) if state.workers > 0 => false,
            Err(error) => {
                self.lose(state, format!("no thread can be started for its requests: {error}"));
                false
            }
        }
    }

    fn lose(&self, state: &mut State, why: String) {
        state.lost.get_or_insert(why);
        (self.notify)(Ready::Input);
    }

    /// A worker has ended, at the end or because it cannot work.
    pub(super) fn retire(&self, end: Result<(), Failure>) {
        let mut state = self.state();
        state.workers -= 1;
        if let Err(failure) = end {
            self.lose(&mut state, failure.why());
        }
        self.wake(state);
    }

    /// The listener has ended.
    pub(super) fn stop_listening(&self) {
        let mut state = self.state();
        state.is_listening = false;
        self.wake(state);
    }

    // For the helpers.

    /// Waits for something to do, and begins its exchange, over `agent`. `None`: the helper is to end.
    pub(super) fn next_job(&self, agent: &Agent) -> Option<(ExchangeNumber, Job)> {
        let mut state = self.state();
        loop {
            match state.end {
                End::Open => {}
                End::FarewellDue => {
                    state.end = End::Closing;
                    return Some((state.begin(Role::Farewell, None, agent), Job::Farewell));
                }
                End::Closing | End::GivenUp => return None,
            }
            if let Some(post) = state.take() {
                let role = match post.kind {
                    Kind::Request(_) => Role::Request,
                    Kind::Notice if post.introduces => Role::Introduction,
                    Kind::Check(_) | Kind::Notice => Role::Urgent,
                };
                return Some((state.begin(role, post.request(), agent), Job::Post(post)));
            }
            state = self.posted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Begins the exchange of the listener; `None` at the end.
    pub(super) fn begin_listening(&self, agent: &Agent) -> Option<ExchangeNumber> {
        let mut state = self.state();
        (state.end == End::Open).then(|| state.begin(Role::Listening, None, agent))
    }

    /// An exchange is over. False if nobody wanted its outcome any more: its agent is of no more use.
    pub(super) fn end(self: &Arc<Connection>, number: ExchangeNumber, outcome: Result<(), Failure>) -> bool {
        let mut state = self.state();
        let Some(exchange) = state.exchanges.remove(&number) else { return false };
        let is_wanted = exchange.agent.is_some();
        match exchange.role {
            Role::Request => state.requests.under_way -= 1,
            Role::Urgent | Role::Introduction => state.urgent.under_way -= 1,
            Role::Farewell | Role::Listening => {}
        }
        if let (Err(failure), true) = (outcome, is_wanted) {
            let is_lost = matches!(failure, Failure::Server(_));
            let why = failure.why();
            match exchange.request {
                Some(id) => self.hear(&mut state, Heard::Unanswered { id, why: why.clone() }, why.len()),
                None => tracing::debug!(server = %self.name, role = ?exchange.role, "{why}"),
            }
            if is_lost {
                self.lose(&mut state, why);
            }
        }
        if exchange.role == Role::Introduction {
            state.is_introducing = false;
            if state.end == End::Open {
                state.is_listening = helper::start(self, "listen", super::listener::listen).is_ok();
                self.hire(&mut state);
            }
        }
        is_wanted
    }

    /// Passes on what was heard in an exchange, as soon as there is room. False if nobody wants to hear it.
    pub(super) fn deliver(&self, number: ExchangeNumber, heard: Heard, bytes: usize) -> bool {
        let full = |state: &mut State| state.heard_bytes >= INBOX_LIMIT && state.is_wanted(number);
        let state = self.changed.wait_while(self.state(), full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let is_wanted = state.is_wanted(number);
        if is_wanted {
            self.hear(&mut state, heard, bytes);
        }
        is_wanted
    }

    fn hear(&self, state: &mut State, heard: Heard, bytes: usize) {
        state.heard_bytes += bytes;
        state.heard.push(heard);
        if state.heard.len() == 1 {
            (self.notify)(Ready::Input);
        }
    }

    /// Waits; false if the exchange is given up before or meanwhile.
    pub(super) fn wait(&self, number: ExchangeNumber, duration: Duration) -> bool {
        let waits = |state: &mut State| state.is_wanted(number);
        let woken = self.changed.wait_timeout_while(self.state(), duration, waits);
        woken.unwrap_or_else(PoisonError::into_inner).0.is_wanted(number)
    }

    /// What requests carry now.
    pub(super) fn session(&self) -> Session {
        self.state().session.clone()
    }

    /// The server names its session.
    pub(super) fn begin_session(&self, id: HeaderValue) {
        self.state().session.id = Some(id);
    }
}
