/// The system's name for something that can be watched: a file descriptor, on Windows a `SOCKET`.
#[cfg(not(windows))]
pub type OsFd = std::os::fd::RawFd;

/// The system's name for something that can be watched: a file descriptor, on Windows a `SOCKET`.
#[cfg(windows)]
pub type OsFd = std::os::windows::io::RawSocket;
