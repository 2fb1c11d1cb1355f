//! What cannot be launched.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use mcp_event::server::{Launch, LaunchError, Launcher, LocalLauncher};

use crate::server::*;

#[test]
fn what_cannot_be_run_is_told_with_the_reason() {
    let errno = |command: &Path| launch(&Launch::new("test", command)).exec_failed().raw_os_error();
    assert_eq!(errno(Path::new("no-such-command-anywhere")), Some(libc::ENOENT));
    assert_eq!(errno(Path::new("/no/such/command")), Some(libc::ENOENT));
    assert_eq!(errno(Path::new("/")), Some(libc::EACCES));
    let text = TestFile::new("text", b"#!/bin/sh\n", 0o644);
    assert_eq!(errno(&text.0), Some(libc::EACCES));
    let nonsense = TestFile::new("nonsense", b"\x01\x02\x03\x04", 0o755);
    assert_eq!(errno(&nonsense.0), Some(libc::ENOEXEC));
    assert_eq!(errno(&PathBuf::from("x".repeat(300))), Some(libc::ENAMETOOLONG));
}

#[test]
fn a_launch_that_makes_no_sense_is_refused_and_told_why() {
    let sound = Launch::new("test", "cat");
    let zero = || OsString::from_vec(b"a\0b".to_vec());
    let with_variable =
        |name: OsString, value: OsString| Launch { env: vec![(name, value)], ..sound.clone() };
    for (refused, why) in [
        (Launch { command: "".into(), ..sound.clone() }, "command of \"test\" is empty"),
        (Launch { command: zero(), ..sound.clone() }, "the command \"a\\0b\" contains a zero"),
        (Launch { name: "a\0b".into(), ..sound.clone() }, "the name"),
        (Launch { args: vec!["x".into(), zero()], ..sound.clone() }, "the argument"),
        (Launch { cwd: Some(zero().into()), ..sound.clone() }, "the working directory"),
        (with_variable(zero(), "x".into()), "the environment variable"),
        (with_variable("X".into(), zero()), "the value of the environment variable \"X\""),
        (with_variable("".into(), "x".into()), "cannot be the name"),
        (with_variable("A=B".into(), "x".into()), "\"A=B\" cannot be the name"),
    ] {
        match LocalLauncher::new().launch(&refused).map(|_| ()) {
            Err(LaunchError::InvalidArgument(text)) => assert!(text.contains(why), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_directory_that_is_none_is_named() {
    for (path, errno) in [("/no/such/directory", libc::ENOENT), ("/dev/null", libc::ENOTDIR)] {
        let wanted = Launch { cwd: Some(path.into()), ..Launch::new("test", "cat") };
        let error = LocalLauncher::new().launch(&wanted).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(path), "{error}");
        match error {
            LaunchError::WorkingDirectory { source, .. } => assert_eq!(source.raw_os_error(), Some(errno)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_values_of_the_environment_are_not_shown() {
    let mut wanted = Launch::new("test", "cat");
    wanted.env.push(("TOKEN".into(), "secret".into()));
    let shown = format!("{wanted:?}");
    assert!(shown.contains("TOKEN") && !shown.contains("secret"), "{shown}");
}
