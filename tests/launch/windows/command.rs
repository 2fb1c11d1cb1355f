//! What is run, and what it is given.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fs};

use mcp_event::server::{Launch, LaunchError, Launcher, LocalLauncher};

use super::server::*;

/// A directory with one batch file, `tool.cmd`.
struct Tool(PathBuf);

impl Tool {
    fn new(name: &str, script: &str) -> Tool {
        let directory = env::temp_dir().join(format!("mcp event {name} {}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("tool.cmd"), format!("@echo off\r\n{script}\r\n")).unwrap();
        // What `npm` puts beside it, for other systems.
        fs::write(directory.join("tool"), "#!/bin/sh\n").unwrap();
        Tool(directory)
    }

    fn launch(&self, arguments: &[&str]) -> Launch {
        let path = env::join_paths(
            [self.0.clone()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
        );
        Launch {
            args: arguments.iter().map(OsString::from).collect(),
            env: vec![("Path".into(), path.unwrap()), ("OURS".into(), "yes".into())],
            grace: NEVER,
            ..Launch::new("test", "tool")
        }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_batch_file_is_found_and_given_its_arguments() {
    let tool = Tool::new("batch", "echo [%~1]\r\necho [%~2]\r\necho [%OURS%]\r\nexit 7");
    let mut server = launch(&tool.launch(&["a b", "c&echo d"]));
    server.started();
    assert_eq!(line(&mut server.stdout), "[a b]");
    // What `%~2` is without its quotes is the file's own affair; what we handed over was one argument.
    assert_eq!(line(&mut server.stdout).split(']').next(), Some("[c"));
    server.exited();
    server.gone();
}

#[test]
fn a_server_runs_in_its_directory() {
    let tool = Tool::new("directory", "cd");
    let mut launch_ = tool.launch(&[]);
    launch_.cwd = Some(tool.0.clone());
    launch_.command = r".\tool.cmd".into();
    let mut server = launch(&launch_);
    server.started();
    let directory = line(&mut server.stdout);
    assert_eq!(fs::canonicalize(directory).unwrap(), fs::canonicalize(&tool.0).unwrap());
    server.exited();
    server.gone();
}

#[test]
fn what_cannot_be_run_is_told_with_the_reason() {
    let error = launch(&Launch::new("test", "no-such-command-anywhere")).exec_failed();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let tool = Tool::new("nonsense", "");
    let nonsense = tool.0.join("nonsense.exe");
    fs::write(&nonsense, b"\x01\x02\x03\x04").unwrap();
    launch(&Launch::new("test", nonsense)).exec_failed();
}

#[test]
fn a_launch_that_makes_no_sense_is_refused_and_told_why() {
    let tool = Tool::new("refused", "");
    let refused = |launch: &Launch| LocalLauncher::new().launch(launch).map(|_| ()).unwrap_err();
    match refused(&tool.launch(&["a\nb"])) {
        LaunchError::InvalidArgument(text) => assert!(text.contains("line break"), "{text}"),
        other => panic!("{other:?}"),
    }
    let zero = Launch { args: vec!["a\0b".into()], ..Launch::new("test", "tool") };
    assert!(matches!(refused(&zero), LaunchError::InvalidArgument(_)));
    let nowhere = Launch { cwd: Some(r"C:\no\such\directory".into()), ..Launch::new("test", "tool") };
    assert!(matches!(refused(&nowhere), LaunchError::WorkingDirectory { .. }));
}
