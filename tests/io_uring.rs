//! The backend on io_uring where it is refused: it says why, and the default takes its place if the environment asked
//! for it. What it does where it works is the contract's, as on any other backend.

#![cfg(all(target_os = "linux", feature = "io_uring"))]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use common::*;
use mcp_event::io::{Accepted, Address, Listener, Received};
use mcp_event::{BackendState, Dispatcher, Error, FileReady, Handle, RunType, Timer, Trigger, backends};

/// Has the system answer `call` with `code` from now on, in this process.
fn refuse(call: libc::c_long, code: i32) {
    let instruction = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        // The number of the call is the first word.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 0, 1),
        instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | code as u32, 0, 0),
        instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program lives through the calls.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
    }
}

fn assert_unavailable(text: &str) {
    let Err(Error::Unavailable(why)) = Dispatcher::builder("x").backend("io_uring").build() else {
        panic!("it was made");
    };
    assert!(why.contains("io_uring") && why.contains(text), "{why}");
    let listed = backends().into_iter().find(|backend| backend.name == "io_uring").unwrap();
    assert_eq!(listed.state, BackendState::Refused(why));
}

#[test]
fn a_system_without_rings() {
    alone(|| {
        refuse(libc::SYS_io_uring_setup, libc::ENOSYS);
        assert_unavailable("has none");
    });
}

#[test]
fn a_filter_that_refuses_rings() {
    alone(|| {
        refuse(libc::SYS_io_uring_setup, libc::EPERM);
        assert_unavailable("refused");
    });
}

#[test]
fn a_filter_that_refuses_their_use() {
    alone(|| {
        refuse(libc::SYS_io_uring_enter, libc::EPERM);
        assert_unavailable("refused");
    });
}

#[test]
fn a_filter_that_refuses_what_is_registered_with_them() {
    alone(|| {
        refuse(libc::SYS_io_uring_register, libc::EPERM);
        assert_unavailable("refused");
    });
}

#[test]
fn f16_something_ran_out() {
    alone(|| {
        refuse(libc::SYS_io_uring_setup, libc::ENOMEM);
        assert_eq!(os_code(Dispatcher::builder("x").backend("io_uring").build()), libc::ENOMEM);
    });
}

/// Lets the process have so many descriptors more than it has.
fn leave_descriptors(count: u64) {
    let lowest = std::fs::File::open("/dev/null").unwrap().as_raw_fd();
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit lives through the calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = lowest as u64 + count;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}

fn on_a_ring() -> Dispatcher {
    Dispatcher::builder("on a ring").backend("io_uring").build().unwrap()
}

#[test]
fn p7_a_poll_fd_that_could_not_be_had_can_be_had_later() {
    alone(|| {
        let dispatcher = on_a_ring();
        // For the poll fd itself, but not for the ring that serves it.
        leave_descriptors(1);
        assert_eq!(os_code(dispatcher.poll_fd()), libc::EMFILE);
        leave_descriptors(8);
        let poll_fd = dispatcher.poll_fd().unwrap();
        dispatcher.post(|| ()).unwrap();
        assert!(is_readable(poll_fd, Some(Duration::ZERO)));
    });
}

#[test]
fn h1_no_lock_is_held_while_it_logs() {
    alone(|| {
        let dispatcher = on_a_ring();
        let (socket, _peer) = socket_pair();
        let event = watch(&dispatcher, &socket, Trigger::Edge, FileReady::READ, &Log::new());
        pump(&dispatcher);
        leave_descriptors(0);
        let (handle, log) = (dispatcher.handle(), Log::new());
        let inner = log.clone();
        let logger = OnLog(move |target: &str| {
            inner.add(target.to_owned());
            let _ = handle.poll_fd();
        });
        // The ring is the first thread's, and there is none to be had for this one.
        thread::spawn(move || tracing::subscriber::with_default(logger, || drop(event))).join().unwrap();
        assert_eq!(log.take(), ["mcp_event::poller::io_uring"]);
    });
}

#[test]
fn the_environment_gets_the_default_instead() {
    let output = in_own_process(
        |command| _ = command.env("MCP_EVENT_BACKEND", "io_uring"),
        || {
            refuse(libc::SYS_io_uring_setup, libc::EPERM);
            let dispatcher = Dispatcher::new("x").unwrap();
            assert_eq!(dispatcher.backend(), "epoll");
            pump(&dispatcher);
        },
    );
    assert!(output.is_none_or(|output| output.status.success()));
}

#[test]
fn what_the_ring_refuses_when_a_run_ends_the_next_run_sends() {
    // More than there is room for until the kernel takes some.
    const STREAMS: usize = 300;
    let dispatcher = Arc::new(Dispatcher::builder("x").backend("io_uring").build().unwrap());
    let (streams, peers): (Vec<_>, Vec<_>) = (0..STREAMS)
        .map(|_| {
            let (ours, peer) = UnixStream::pair().unwrap();
            peer.set_nonblocking(true).unwrap();
            (dispatcher.create_stream(ours).unwrap(), peer)
        })
        .unzip();
    let log = Log::new();
    let (runner, senders, noted) =
        (dispatcher.clone(), streams.iter().map(|stream| stream.sender()).collect::<Vec<_>>(), log.clone());
    let refused = thread::spawn(move || {
        // The ring is this thread's from here on: to make it so takes a call, too.
        pump(&runner);
        let handle = runner.handle();
        runner
            .post(move || {
                // From now on, and on this thread alone.
                refuse(libc::SYS_io_uring_enter, libc::ENOMEM);
                for (number, sender) in senders.iter().enumerate() {
                    let log = noted.clone();
                    let done = move |result: Result<(), Error>| log.add((number, result.is_ok()));
                    sender.send_then(format!("number {number}"), done).unwrap();
                }
                handle.exit();
            })
            .unwrap();
        let _ = runner.run(RunType::Block);
    });
    refused.join().unwrap();
    assert!(peers.iter().all(|peer| (&*peer).read(&mut [0; 16]).is_err()));
    assert!(streams.iter().all(|stream| stream.queued() > 0));
    assert!(log.take().is_empty());
    while log.len() < STREAMS {
        pump(&dispatcher);
    }
    let mut told = log.take();
    told.sort_unstable();
    assert_eq!(told, (0..STREAMS).map(|number| (number, true)).collect::<Vec<_>>());
    for (number, mut peer) in peers.iter().enumerate() {
        let mut bytes = [0; 16];
        let length = peer.read(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], format!("number {number}").as_bytes());
        assert!(peer.read(&mut bytes).is_err());
    }
}

/// Listens; what is accepted is heard.
fn listen(dispatcher: &Dispatcher) -> (Listener, SocketAddr, Receiver<Accepted>) {
    let (told, heard) = channel();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = dispatcher.listen(anywhere, move |accepted| told.send(accepted).unwrap()).unwrap();
    let address = tcp(listener.address().unwrap());
    (listener, address, heard)
}

fn tcp(address: Address) -> SocketAddr {
    match address {
        Address::Tcp(address) => address,
        Address::Unix(path) => panic!("{path:?}"),
    }
}

fn connect(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(address).unwrap()).collect()
}

#[test]
fn the_ring_accepts_what_comes_during_a_run() {
    let background = Background::start(on_a_ring());
    let (_listener, address, heard) = listen(&background.dispatcher);
    // The first one shows that it listens.
    let _first = (connect(address, 1), soon(&heard));
    // The loop's thread has no other way.
    background.on_loop(|| refuse(libc::SYS_accept4, libc::EMFILE));
    let _clients = connect(address, 100);
    (0..100).for_each(|_| drop(soon(&heard).unwrap()));
}

#[test]
fn what_a_refusing_ring_does_not_accept_the_next_run_does() {
    // The thread whose ring it was has ended, or lives on.
    for lives_on in [false, true] {
        let dispatcher = Arc::new(on_a_ring());
        let (_listener, address, heard) = listen(&dispatcher);
        let mut clients = connect(address, 1);
        let ((told, refused), (may_end, end)) = (channel(), channel::<()>());
        let runner = dispatcher.clone();
        let thread = thread::spawn(move || {
            let (again, handle, mut turns) = (Slot::<Timer>::new(), runner.handle(), 0);
            let own = again.clone();
            let timer = runner.create_timer(move || {
                turns += 1;
                if turns < 3 {
                    return own.with(|timer| timer.enable(Duration::ZERO));
                }
                refuse(libc::SYS_io_uring_enter, libc::ENOMEM);
                told.send(connect(address, 5)).unwrap();
                handle.exit();
            });
            timer.enable(Duration::ZERO);
            again.put(timer);
            let _ = runner.run(RunType::Block);
            again.destroy();
            let _ = end.recv();
        });
        clients.extend(soon(&refused));
        let thread = if lives_on {
            Some(thread)
        } else {
            may_end.send(()).unwrap();
            thread.join().unwrap();
            None
        };
        let mut accepted = Vec::new();
        for _ in 0..3 {
            clients.extend(connect(address, 5));
            while accepted.len() < clients.len() {
                // Refused while the other thread is still in its run.
                let _ = dispatcher.run(RunType::NonBlock);
                accepted.extend(heard.try_iter().map(|accepted| tcp(accepted.unwrap().1)));
            }
        }
        let mut peers: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        peers.sort();
        accepted.sort();
        assert_eq!(accepted, peers);
        drop(may_end);
        if let Some(thread) = thread {
            thread.join().unwrap();
        }
    }
}

#[test]
fn what_a_refusing_ring_took_and_does_not_hand_over_is_told() {
    // More than there is room for until it is taken out.
    const EVENTS: usize = 5_000;
    let dispatcher = Arc::new(on_a_ring());
    let (ours, mut peer) = UnixStream::pair().unwrap();
    let stream = dispatcher.create_stream(ours).unwrap();
    peer.write_all(b"lost").unwrap();
    let (told, heard) = channel();
    let receiver = move |received: Received<'_>| match received {
        Received::Failed(error) => told.send(os_code::<()>(Err(error))).unwrap(),
        other => panic!("{other:?}"),
    };
    let runner = dispatcher.clone();
    let refused = thread::spawn(move || {
        let (flooded, mut flood) = socket_pair();
        flood.write_all(b"x").unwrap();
        let fds: Vec<_> = (0..60).map(|_| flooded.try_clone().unwrap()).collect();
        let watch_one =
            |handle: &Handle, fd: &Socket| watch(handle, fd, Trigger::Edge, FileReady::READ, &Log::new());
        // When one of them is dropped it ends at once, for which all is submitted that waits to be.
        let quiet = socket_pair();
        let (first, second) = (watch_one(&runner, &quiet.0), watch_one(&runner, &quiet.1));
        let (mut first, mut second, mut events) = (Some(first), Some(second), Vec::new());
        let (watcher, leaver) = (runner.handle(), runner.handle());
        // In one iteration: the flood; the stream's turn, in which it asks to receive; the end of all.
        let flood = runner.create_timer(move || {
            events.extend((0..EVENTS).map(|index| watch_one(&watcher, &fds[index % fds.len()])));
            first.take();
        });
        let end = runner.create_schedulable_callback(move || {
            second.take();
            refuse(libc::SYS_io_uring_enter, libc::ENOMEM);
            leaver.exit();
        });
        let mut receiver = Some(receiver);
        let begin = runner.create_timer(move || {
            flood.enable(Duration::ZERO);
            stream.receive(receiver.take().unwrap()).unwrap();
            end.schedule_next_iteration();
        });
        begin.enable(Duration::ZERO);
        let _ = runner.run(RunType::Block);
        begin
    });
    let _begin = refused.join().unwrap();
    let mut code = heard.try_recv();
    while code.is_err() {
        pump(&dispatcher);
        code = heard.try_recv();
    }
    assert_eq!(code, Ok(libc::EIO));
}
