//! Windows watches sockets alone, so what are pipes elsewhere are connections here.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::windows::io::AsRawSocket;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_event::{AsOsFd, OsFd};
use windows_sys::Win32::Networking::WinSock::{POLLRDNORM, WSAENOTSOCK, WSAPOLLFD, WSAPoll};

/// Signals that are free to be used: SIGTERM and SIGBREAK.
pub const SIGNAL: i32 = 15;
pub const OTHER_SIGNAL: i32 = 21;

/// There are so few that callers share them, and must not run beside each other.
pub fn own_signal() -> i32 {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    [libc::SIGINT, SIGNAL, OTHER_SIGNAL][NEXT.fetch_add(1, Ordering::Relaxed) % 3]
}

/// What the system says of a number that is nobody's.
pub const NOT_OPEN: i32 = WSAENOTSOCK;

pub type Socket = TcpStream;
pub type PipeReader = TcpStream;
pub type PipeWriter = TcpStream;

/// What can be watched.
pub trait Watchable {
    fn os_fd(&self) -> OsFd;
}

impl<T: AsOsFd> Watchable for T {
    fn os_fd(&self) -> OsFd {
        self.as_socket().as_raw_socket()
    }
}

/// Whether it ended by `abort()`, which fails fast.
pub fn has_aborted(status: ExitStatus) -> bool {
    const FAIL_FAST: u32 = 0xc000_0409;
    status.code() == Some(FAIL_FAST as i32)
}

pub fn pipe() -> (PipeReader, PipeWriter) {
    socket_pair()
}

pub fn socket_pair() -> (Socket, Socket) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let far = listener.accept().unwrap().0;
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

/// Whether `socket` is readable within `timeout`; `None` waits for ever.
pub fn is_readable(socket: OsFd, timeout: Option<Duration>) -> bool {
    let mut entry = WSAPOLLFD { fd: socket as _, events: POLLRDNORM, revents: 0 };
    let milliseconds = timeout.map_or(-1, |timeout| timeout.as_micros().div_ceil(1000) as i32);
    // SAFETY: one entry, valid for the call.
    unsafe { WSAPoll(&mut entry, 1, milliseconds) == 1 }
}
