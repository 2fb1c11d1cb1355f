//! File descriptors. Ends are shut down, not only closed: a process that another test starts may hold a copy for a
//! moment.

use std::future::poll_fn;
use std::io::{self, Write};
use std::net::Shutdown;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};

use crate::common::*;

#[test]
fn a_stream_is_read_as_it_is_written() {
    let (dispatcher, log) = (dispatcher(), Log::new());
    let (reader, mut writer) = socket_pair();
    let reader = dispatcher.watch(reader).unwrap();
    let inner = log.clone();
    let mut task = dispatcher
        .spawn(async move {
            let mut buffer = [0; 2];
            loop {
                match reader.read(&mut buffer).await.unwrap() {
                    0 => break,
                    length => inner.add(buffer[..length].to_vec()),
                }
            }
        })
        .unwrap();
    pump(&dispatcher);
    writer.write_all(b"abc").unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [b"ab".to_vec(), b"c".to_vec()]);
    writer.write_all(b"d").unwrap();
    pump(&dispatcher);
    assert_eq!(log.take(), [b"d".to_vec()]);
    assert!(!task.is_finished());
    writer.shutdown(Shutdown::Write).unwrap();
    pump(&dispatcher);
    assert_eq!(task.wait(), Ok(()));
}

#[test]
fn one_reads_while_another_writes_more_than_fits() {
    const LENGTH: usize = 1 << 20;
    let background = Background::start(dispatcher());
    let (near, far) = socket_pair();
    let (near, far) =
        (Arc::new(background.dispatcher.watch(near).unwrap()), background.dispatcher.watch(far).unwrap());
    let (sink, source) = (near.clone(), near.clone());
    let mut reads = background
        .dispatcher
        .spawn(async move {
            let mut echoed = 0;
            let mut buffer = vec![0; 4096];
            while echoed < LENGTH {
                echoed += sink.read(&mut buffer).await.unwrap();
            }
            echoed
        })
        .unwrap();
    let mut writes =
        background.dispatcher.spawn(async move { source.write_all(&vec![7; LENGTH]).await }).unwrap();
    let mut echoes = background
        .dispatcher
        .spawn(async move {
            let mut buffer = vec![0; 4096];
            loop {
                match far.read(&mut buffer).await.unwrap() {
                    0 => break,
                    length => far.write_all(&buffer[..length]).await.unwrap(),
                }
            }
        })
        .unwrap();
    writes.wait().unwrap().unwrap();
    assert_eq!(reads.wait(), Ok(LENGTH));
    near.get_ref().shutdown(Shutdown::Both).unwrap();
    echoes.wait().unwrap();
}

#[test]
fn readiness_is_true_and_never_stale() {
    let dispatcher = dispatcher();
    let (near, mut far) = socket_pair();
    let near = dispatcher.watch(near).unwrap();
    pump(&dispatcher);
    let mut context = Context::from_waker(Waker::noop());
    assert!(near.poll_read_ready(&mut context).is_pending());
    assert!(near.poll_write_ready(&mut context).is_ready());
    far.write_all(b"x").unwrap();
    assert!(near.poll_read_ready(&mut context).is_ready());
    assert_eq!(read_byte(near.get_ref()), b'x');
    assert!(near.poll_read_ready(&mut context).is_pending());
    far.shutdown(Shutdown::Both).unwrap();
    assert!(matches!(near.poll_read_ready(&mut context), Poll::Ready(Ok(()))));
    assert!(matches!(near.poll_write_ready(&mut context), Poll::Ready(Ok(()))));
}

#[test]
#[cfg_attr(windows, ignore = "a connection takes what its peer will not read")]
fn a_hang_up_wakes_readers_and_writers() {
    let dispatcher = dispatcher();
    let (near, far) = socket_pair();
    let near = Arc::new(dispatcher.watch(near).unwrap());
    // Filled, so that a writer must wait.
    while (&mut near.get_ref()).write(&[0; 4096]).is_ok() {}
    let (reads, writes) = (near.clone(), near.clone());
    let mut reader = dispatcher.spawn(async move { reads.read(&mut [0; 8]).await }).unwrap();
    let mut ready = dispatcher.spawn(async move { near.readable().await }).unwrap();
    let mut writer = dispatcher.spawn(async move { writes.write(b"x").await }).unwrap();
    pump(&dispatcher);
    assert!(!reader.is_finished() && !ready.is_finished() && !writer.is_finished());
    far.shutdown(Shutdown::Both).unwrap();
    pump(&dispatcher);
    assert_eq!(reader.wait().unwrap().unwrap(), 0);
    ready.wait().unwrap().unwrap();
    assert_eq!(writer.wait().unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_foreign_thread_may_await_an_fd() {
    let background = Background::start(dispatcher());
    let (reader, mut writer) = pipe();
    let reader = background.dispatcher.watch(reader).unwrap();
    let other = Background::start(dispatcher());
    let (begun, has_begun) = mpsc::channel();
    let mut task = other
        .dispatcher
        .spawn(async move {
            let mut buffer = [0; 8];
            let mut read = pin!(reader.read(&mut buffer));
            poll_fn(|cx| {
                let result = read.as_mut().poll(cx);
                let _ = begun.send(());
                result
            })
            .await
            .unwrap()
        })
        .unwrap();
    soon(&has_begun);
    writer.write_all(b"abc").unwrap();
    assert_eq!(task.wait(), Ok(3));
}

#[test]
fn into_inner_ends_the_watch_and_keeps_the_fd() {
    let dispatcher = dispatcher();
    let (reader, mut writer) = pipe();
    let reader = dispatcher.watch(reader).unwrap().into_inner();
    writer.write_all(b"x").unwrap();
    pump(&dispatcher);
    assert_eq!(dispatcher.stats().file_events, 0);
    assert_eq!(read_byte(reader), b'x');
}

/// An fd of a number that is not open.
#[cfg(unix)]
struct Closed;

#[cfg(unix)]
impl AsFd for Closed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: not so; a test of what happens then. The number is beyond any limit of open files.
        unsafe { BorrowedFd::borrow_raw(i32::MAX) }
    }
}

// Windows cannot even name what is no socket.
#[cfg(unix)]
#[test]
fn what_cannot_be_watched_is_refused() {
    let dispatcher = dispatcher();
    assert_eq!(os_code(dispatcher.watch(Closed)), libc::EBADF);
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    assert_eq!(os_code(dispatcher.watch(&file)), libc::EPERM);
    let (near, far) = socket_pair();
    let near = dispatcher.watch(near).unwrap();
    far.shutdown(Shutdown::Both).unwrap();
    let mut task = dispatcher.spawn(async move { near.write_all(b"x").await }).unwrap();
    pump(&dispatcher);
    assert_eq!(task.wait().unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}
