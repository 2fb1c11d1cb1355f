//! Both ends of a connection within this process, of a kind that a loop can wait for.

use std::io;

use crate::poller::BorrowedOsFd;

#[cfg(windows)]
pub(super) use std::net::TcpStream as Connection;
#[cfg(unix)]
pub(super) use std::os::unix::net::UnixStream as Connection;

/// What a loop waits for.
pub(super) fn borrowed(connection: &Connection) -> BorrowedOsFd<'_> {
    #[cfg(unix)]
    return std::os::fd::AsFd::as_fd(connection);
    #[cfg(windows)]
    return std::os::windows::io::AsSocket::as_socket(connection);
}

#[cfg(unix)]
pub(super) fn connected_pair() -> io::Result<(Connection, Connection)> {
    Connection::pair()
}

/// By way of the loopback interface: not every Windows has another kind of socket.
#[cfg(windows)]
pub(super) fn connected_pair() -> io::Result<(Connection, Connection)> {
    use std::net::{Ipv4Addr, TcpListener};

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let one = Connection::connect(listener.local_addr()?)?;
    let own_address = one.local_addr()?;
    loop {
        let (other, address) = listener.accept()?;
        // Any program may have connected meanwhile.
        if address == own_address {
            one.set_nodelay(true)?;
            other.set_nodelay(true)?;
            return Ok((one, other));
        }
    }
}
