//! What holds of the portable poller on every system, with edges of the kernel's and with edges of ours.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use super::super::FileReady;
use super::*;

#[cfg(unix)]
fn number(socket: &TcpStream) -> OsFd {
    std::os::fd::AsRawFd::as_raw_fd(socket)
}

#[cfg(windows)]
fn number(socket: &TcpStream) -> OsFd {
    std::os::windows::io::AsRawSocket::as_raw_socket(socket)
}

const READ: u32 = FileReady::READ.bits();
const WRITE: u32 = FileReady::WRITE.bits();
const CLOSED: u32 = FileReady::CLOSED.bits();
const MILLISECOND: Nanos = 1_000_000;

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// One that relies on the edges of the kernel, where it has any, and one that does not.
fn pollers() -> impl Iterator<Item = Mio> {
    let all = [true, false].into_iter().filter(|has_edges| !has_edges || system::HAS_EDGES);
    all.map(|has_edges| {
        let poller = Mio::new().unwrap();
        poller.lock().has_edges = has_edges;
        poller
    })
}

impl Mio {
    fn watch(&self, socket: &TcpStream, token: u64, trigger: Trigger, interest: u32) {
        self.register(number(socket), token, trigger).unwrap();
        self.update(token, &|| interest, false).unwrap();
    }

    /// What is told by waits that last that long.
    fn told(&self, timeout: Nanos) -> Vec<(u64, u32)> {
        let mut ready = Vec::new();
        self.wait(&mut ready, Some(timeout)).unwrap();
        let interest = |token| self.lock().get(token).unwrap().interest;
        ready.iter().map(|item| (item.token, item.raw.delivered(interest(item.token)))).collect()
    }

    /// What is told as soon as anything is.
    fn next(&self) -> Vec<(u64, u32)> {
        self.next_while(|| ())
    }

    /// The same, doing `work` before each look.
    fn next_while(&self, mut work: impl FnMut()) -> Vec<(u64, u32)> {
        let look = |_| {
            work();
            self.told(MILLISECOND)
        };
        // Bounded only so that a lost event fails a test instead of hanging it.
        (0..2_000).map(look).find(|told| !told.is_empty()).expect("nothing came")
    }

    /// Nothing is ready any more, nor will be.
    fn assert_quiet(&self) {
        (0..5).for_each(|_| assert_eq!(self.told(MILLISECOND), []));
    }
}

#[test]
fn f1_level_is_told_while_it_lasts() {
    for poller in pollers() {
        let (mut own, mut peer) = connection();
        poller.watch(&own, 1, Trigger::Level, READ | CLOSED);
        poller.assert_quiet();
        for _ in 0..2 {
            peer.write_all(b"x").unwrap();
            (0..3).for_each(|_| assert_eq!(poller.next(), [(1, READ)]));
            own.read_exact(&mut [0]).unwrap();
            poller.assert_quiet();
        }
        poller.update(1, &|| WRITE, false).unwrap();
        (0..3).for_each(|_| assert_eq!(poller.next(), [(1, WRITE)]));
        poller.update(1, &|| 0, false).unwrap();
        poller.assert_quiet();
    }
}

#[test]
fn f2_an_edge_is_told_once_what_lasts() {
    for poller in pollers() {
        let (own, peer) = connection();
        poller.watch(&own, 1, Trigger::Edge, READ | WRITE | CLOSED);
        assert_eq!(poller.next(), [(1, WRITE)]);
        poller.assert_quiet();
        peer.shutdown(Shutdown::Write).unwrap();
        // Room to write is told along where the kernel's edges say how all stands.
        assert_eq!(poller.next()[0].1 & !WRITE, READ | CLOSED);
        poller.assert_quiet();
    }
}

#[test]
fn f2_an_edge_is_told_of_data_that_came_since_it_read() {
    for poller in pollers() {
        let (mut own, mut peer) = connection();
        poller.watch(&own, 1, Trigger::Edge, READ);
        for _ in 0..3 {
            peer.write_all(b"x").unwrap();
            assert_eq!(poller.next(), [(1, READ)]);
            own.read_exact(&mut [0]).unwrap();
            // Between two waits.
            peer.write_all(b"x").unwrap();
            assert_eq!(poller.next(), [(1, READ)]);
            own.read_exact(&mut [0]).unwrap();
            poller.assert_quiet();
        }
    }
}

#[test]
fn f2_an_edge_is_told_of_room_that_is_there_again() {
    for poller in pollers() {
        let (mut own, mut peer) = connection();
        own.set_nonblocking(true).unwrap();
        peer.set_nonblocking(true).unwrap();
        poller.watch(&own, 1, Trigger::Edge, WRITE);
        assert_eq!(poller.next(), [(1, WRITE)]);
        for _ in 0..2 {
            while own.write(&[0; 65536]).is_ok() || !poller.told(MILLISECOND).is_empty() {}
            poller.assert_quiet();
            assert_eq!(poller.next_while(|| _ = peer.read(&mut [0; 65536])), [(1, WRITE)]);
        }
    }
}

#[test]
fn f3_rearming_tells_again() {
    for poller in pollers() {
        let (own, mut peer) = connection();
        peer.write_all(b"x").unwrap();
        poller.watch(&own, 1, Trigger::Edge, WRITE);
        assert_eq!(poller.next(), [(1, WRITE)]);
        poller.update(1, &|| WRITE, true).unwrap();
        assert_eq!(poller.next(), [(1, WRITE)]);
        poller.update(1, &|| WRITE, false).unwrap();
        poller.assert_quiet();
    }
}

#[test]
fn f5_what_nobody_wants_wakes_nobody() {
    for poller in pollers() {
        for trigger in [Trigger::Level, Trigger::Edge] {
            let (mut own, mut peer) = connection();
            poller.watch(&own, 1, trigger, CLOSED);
            peer.write_all(b"x").unwrap();
            poller.assert_quiet();
            // A wait that somebody ends does not end by itself before.
            poller.wake();
            assert_eq!(poller.told(60_000 * MILLISECOND), []);
            // Where data hides the end, it shows once that is read.
            own.read_exact(&mut [0]).unwrap();
            peer.shutdown(Shutdown::Write).unwrap();
            assert_eq!(poller.next(), [(1, CLOSED)]);
            poller.deregister(1);
        }
    }
}

#[test]
fn f13_several_of_one_socket_keep_apart() {
    for poller in pollers() {
        let (mut own, mut peer) = connection();
        let registrations = [(3, Trigger::Level, READ), (1, Trigger::Edge, WRITE), (2, Trigger::Level, READ)];
        for (token, trigger, interest) in registrations {
            poller.watch(&own, token, trigger, interest);
        }
        assert_eq!(poller.next(), [(1, WRITE)]);
        peer.write_all(b"x").unwrap();
        while poller.next().len() < 2 {}
        assert_eq!(poller.next(), [(3, READ), (2, READ)]);
        poller.update(1, &|| WRITE, true).unwrap();
        assert_eq!(poller.next(), [(3, READ), (1, WRITE), (2, READ)]);
        poller.deregister(3);
        assert_eq!(poller.next(), [(2, READ)]);
        own.read_exact(&mut [0]).unwrap();
        poller.assert_quiet();
    }
}

#[test]
fn f16_what_is_no_socket_is_refused() {
    for poller in pollers() {
        assert!(poller.register(-1i32 as OsFd, 1, Trigger::Level).is_err());
        let number = number(&connection().0);
        poller.register(number, 1, Trigger::Level).unwrap();
        assert!(poller.update(1, &|| READ, false).is_err());
        poller.deregister(1);
        poller.assert_quiet();
    }
}

#[test]
fn f19_the_socket_stays_open() {
    for poller in pollers() {
        let (mut own, mut peer) = connection();
        poller.watch(&own, 1, Trigger::Level, READ);
        poller.assert_quiet();
        poller.deregister(1);
        drop(poller);
        peer.write_all(b"x").unwrap();
        own.read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn p7_any_thread_wakes_a_wait() {
    for poller in pollers() {
        for _ in 0..100 {
            std::thread::scope(|scope| {
                scope.spawn(|| poller.waker().wake());
                let mut ready = Vec::new();
                poller.wait(&mut ready, None).unwrap();
                assert!(ready.is_empty());
            });
        }
    }
}
