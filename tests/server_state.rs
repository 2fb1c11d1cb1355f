//! The state file: what it holds comes back, and it is whole whenever its writer dies.

#![cfg(feature = "servers")]

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, process};

#[cfg(unix)]
use common::alone;
use mcp_event::server::{
    Desired, Event, EventKind, FaultKind, ProcessId, ProcessIdentity, ServerState, State, StateError,
    StateFile,
};

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = env::temp_dir().join(format!("mcp-event-state-{name}-{}", process::id()));
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn path(&self) -> PathBuf {
        self.0.join("state.json")
    }

    fn open(&self) -> StateFile {
        StateFile::open(self.path()).unwrap()
    }

    /// The names in it.
    fn files(&self) -> Vec<String> {
        let names =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

/// A state with all that can be in one; `number` is in every part of it.
fn state(number: u64) -> State {
    let mut state = State::default();
    for index in 0..20 {
        let server = state.server(&format!("server \"{index}\"\n"));
        server.desired = [None, Some(Desired::Running), Some(Desired::Stopped)][index % 3];
        server.restarts = number;
        let process = ProcessId { pid: 1 + index as u32, start: u64::MAX - number };
        server.process = (index % 2 == 0).then(|| ProcessIdentity {
            server: process,
            guardian: process,
            boot: "3b0b7ea4".into(),
            launch: format!("launch {number}"),
        });
        for kind in [EventKind::Started, EventKind::Stopped, EventKind::Failed] {
            server.record(Event::new(at(number), kind, format!("because of {number}")));
        }
    }
    state
}

/// The number that all of a state has.
#[track_caller]
fn number(state: &State) -> u64 {
    let number = state.servers.values().next().map_or(0, |server| server.restarts);
    assert!(number == 0 || *state == self::state(number), "a mixture: {state:?}");
    number
}

#[test]
fn what_is_saved_is_loaded() {
    let directory = Directory::new("loaded");
    let file = directory.open();
    assert_eq!(file.load().unwrap(), State::default(), "no file yet");
    for number in [1, 2] {
        file.save(&state(number)).unwrap();
        assert_eq!(file.load().unwrap(), state(number));
    }
    drop(file);
    let file = directory.open();
    assert_eq!(file.load().unwrap(), state(2), "in the next life");
    file.save(&State::default()).unwrap();
    assert_eq!(file.load().unwrap(), State::default());
    assert_eq!(file.path(), directory.path());
}

#[cfg(unix)]
#[test]
fn the_files_are_their_owners_alone() {
    let directory = Directory::new("mode");
    let file = directory.open();
    file.save(&state(1)).unwrap();
    assert_eq!(directory.files(), ["state.json", "state.json.lock"]);
    for name in directory.files() {
        let mode = fs::metadata(directory.0.join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn history_is_bounded() {
    let mut server = ServerState::default();
    for number in 0..1_000 {
        server.record(Event::new(at(number), EventKind::Started, ""));
    }
    let times: Vec<_> = server.history().map(|event| event.at).collect();
    let expected: Vec<_> = (1_000 - ServerState::HISTORY as u64..1_000).map(at).collect();
    assert_eq!(times, expected, "the last ones, the oldest first");
    let event = Event::new(at(0), EventKind::Failed, "é".repeat(1_000) + "x");
    assert_eq!(event.reason, "é".repeat(Event::REASON_BYTES / 2));
    let odd = Event::new(at(0), EventKind::Failed, "x".to_owned() + &"é".repeat(1_000));
    assert_eq!(odd.reason.len(), Event::REASON_BYTES - 1, "no character is cut in two");
}

#[test]
fn times_that_no_file_can_hold_are_brought_into_range() {
    let directory = Directory::new("times");
    let file = directory.open();
    let mut state = State::default();
    for at in [UNIX_EPOCH - Duration::from_secs(1), UNIX_EPOCH + Duration::from_secs(1 << 39), at(1)] {
        state.server("a").record(Event::new(at + Duration::from_nanos(7), EventKind::Started, ""));
    }
    file.save(&state).unwrap();
    assert_eq!(file.load().unwrap(), state);
}

#[test]
fn a_file_has_one_user_at_a_time() {
    let directory = Directory::new("lock");
    let file = directory.open();
    let second = StateFile::open(directory.path()).unwrap_err();
    assert!(matches!(&second, StateError::InUse { file } if *file == directory.path()), "{second:?}");
    assert!(second.to_string().contains("in use"), "{second}");
    drop(file);
    directory.open();
}

#[cfg(unix)]
#[test]
fn a_forked_child_does_not_keep_the_lock() {
    let directory = Directory::new("forked");
    let file = directory.open();
    let (end, keep) = std::io::pipe().unwrap();
    // SAFETY: the child only waits, and ends without returning.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(keep);
        let _ = (&end).read(&mut [0]);
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    drop(file);
    directory.open();
    drop(keep);
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
}

#[test]
fn every_truncated_file_is_recognised() {
    let directory = Directory::new("truncated");
    let file = directory.open();
    let mut small = State::default();
    *small.server("a") = state(1).servers.into_values().next().unwrap();
    file.save(&small).unwrap();
    let whole = fs::read(directory.path()).unwrap();
    // Without the last byte, the end of line, it is whole still.
    for length in 0..whole.len() - 1 {
        fs::write(directory.path(), &whole[..length]).unwrap();
        let error = file.load().unwrap_err();
        assert!(matches!(error, StateError::Corrupt { .. }), "{length}: {error}");
    }
}

#[test]
fn damage_is_reported_with_its_place_and_nothing_is_overwritten() {
    let directory = Directory::new("damaged");
    let file = directory.open();
    let server = |process: &str| {
        format!(
            r#"{{"version": 1, "servers": {{"a": {{"desired": null, "restarts": 0, "process": {process}, "history": []}}}}}}"#
        )
    };
    let stamp = |pid: &str| server(&format!(r#"{{"server": {{"pid": {pid}, "startTicks": 1}}}}"#));
    for (text, kind, place) in [
        ("[]".into(), FaultKind::WrongType, "$"),
        ("{}".into(), FaultKind::Missing, "$"),
        (r#"{"version": "1"}"#.into(), FaultKind::WrongType, "$.version"),
        (r#"{"version": 1, "servers": {}, "servers": {}}"#.into(), FaultKind::Duplicate, "$.servers"),
        (server("5"), FaultKind::WrongType, "$.servers.a.process"),
        (stamp("0"), FaultKind::BadValue, "$.servers.a.process.server.pid"),
        (stamp("-1"), FaultKind::BadValue, "$.servers.a.process.server.pid"),
        (stamp("2147483648"), FaultKind::BadValue, "$.servers.a.process.server.pid"),
    ] {
        fs::write(directory.path(), &text).unwrap();
        let error = file.load().unwrap_err();
        let StateError::Corrupt { fault, .. } = &error else { panic!("{error:?}") };
        assert_eq!((fault.kind, fault.path.as_str()), (kind, place), "{text}");
        assert!(error.to_string().contains(directory.path().to_str().unwrap()), "{error}");
        assert_eq!(fs::read_to_string(directory.path()).unwrap(), text);
    }
}

#[test]
fn a_foreign_version_is_not_guessed_at() {
    let directory = Directory::new("version");
    let file = directory.open();
    fs::write(directory.path(), r#"{"version": 2, "everything": "new"}"#).unwrap();
    let error = file.load().unwrap_err();
    assert!(matches!(error, StateError::ForeignVersion { version: 2, .. }), "{error:?}");
}

#[test]
fn a_bad_file_is_set_aside_and_the_next_state_is_empty() {
    let directory = Directory::new("aside");
    let file = directory.open();
    for number in 1..=3 {
        fs::write(directory.path(), format!("bad {number}")).unwrap();
        file.load().unwrap_err();
        let aside = file.set_aside().unwrap();
        assert_eq!(aside, directory.0.join(format!("state.json.bad-{number}")));
        assert_eq!(fs::read_to_string(aside).unwrap(), format!("bad {number}"));
        assert_eq!(file.load().unwrap(), State::default());
    }
    assert!(matches!(file.set_aside(), Err(StateError::Io { .. })), "nothing to set aside");
}

/// What cannot be opened, with the text that says so.
#[track_caller]
fn assert_not_opened(path: &Path) {
    let error = StateFile::open(path).unwrap_err();
    assert!(matches!(error, StateError::Io { operation: "opening", .. }), "{error:?}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_to_is_an_error_at_once() {
    let directory = Directory::new("unwritable");
    assert_not_opened(&directory.0.join("missing/state.json"));
    File::create(directory.path()).unwrap();
    assert_not_opened(&directory.path().join("state.json"));
    // Not even root makes files there.
    assert_not_opened(Path::new("/proc/state.json"));
    assert_not_opened(Path::new("/\0"));
}

#[test]
fn a_directory_in_its_place_is_an_error_and_stays() {
    let directory = Directory::new("directory");
    fs::create_dir(directory.path()).unwrap();
    let file = directory.open();
    let error = file.load().unwrap_err();
    assert!(matches!(error, StateError::Io { operation: "reading", .. }), "{error:?}");
    let error = file.save(&state(1)).unwrap_err();
    assert!(matches!(error, StateError::Io { operation: "replacing", .. }), "{error:?}");
    assert_eq!(directory.files(), ["state.json", "state.json.lock"], "nothing is left of the attempt");
}

#[cfg(unix)]
#[test]
fn a_leftover_of_a_killed_writer_does_no_harm() {
    let directory = Directory::new("leftover");
    let file = directory.open();
    let victim = directory.0.join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, directory.0.join("state.json.tmp")).unwrap();
    file.save(&state(1)).unwrap();
    assert_eq!(number(&file.load().unwrap()), 1);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "the link was not followed");
}

#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_former_state() {
    alone(|| {
        let directory = Directory::new("full");
        let file = directory.open();
        file.save(&state(1)).unwrap();
        let size = fs::metadata(directory.path()).unwrap().len();
        let limit = libc::rlimit { rlim_cur: (size / 2) as libc::rlim_t, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: numbers and a struct that outlives the call. The limit makes a write fail as a full disk does;
        // without the signal's default action, which would end this process of ours.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
        }
        let error = file.save(&state(2)).unwrap_err();
        assert!(matches!(&error, StateError::Io { operation: "writing", .. }), "{error:?}");
        assert_eq!(number(&file.load().unwrap()), 1);
        assert_eq!(directory.files(), ["state.json", "state.json.lock"], "nothing is left of the attempt");
    });
}

/// Names the file to the writer, which is this test in a process of its own.
const WRITER: &str = "MCP_EVENT_TEST_STATE_WRITER";

/// Saves one state after the other, and says before and after each how far it is.
fn write_for_ever(path: &Path) -> ! {
    let file = StateFile::open(path).unwrap();
    let mut saved = number(&file.load().unwrap());
    let mut progress = std::io::stderr();
    loop {
        progress.write_all(b"b").unwrap();
        saved += 1;
        file.save(&state(saved)).unwrap();
        progress.write_all(b"a").unwrap();
    }
}

#[test]
fn a_writer_that_is_killed_at_any_moment_leaves_a_whole_state() {
    if let Some(path) = env::var_os(WRITER) {
        write_for_ever(Path::new(&path));
    }
    let directory = Directory::new("killed");
    let mut former = 0;
    let mut random = 1_u32;
    for _ in 0..60 {
        let mut writer = Command::new(env::current_exe().unwrap())
            .args(["a_writer_that_is_killed_at_any_moment_leaves_a_whole_state", "--exact", "--nocapture"])
            .env(WRITER, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The last of some steps is random, and how far the writer gets before the signal reaches it.
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut steps = vec![0; 1 + (random >> 16) as usize % 9];
        writer.stderr.as_mut().unwrap().read_exact(&mut steps).unwrap();
        for _ in 0..(random >> 8) % 2_000 {
            std::hint::spin_loop();
        }
        writer.kill().unwrap();
        let mut rest = Vec::new();
        writer.stderr.as_mut().unwrap().read_to_end(&mut rest).unwrap();
        writer.wait().unwrap();
        steps.extend(rest);
        assert!(steps.iter().all(|step| b"ab".contains(step)), "{}", String::from_utf8_lossy(&steps));
        let count = |what| steps.iter().filter(|step| **step == what).count() as u64;
        let (begun, done) = (former + count(b'b'), former + count(b'a'));
        let now = number(&directory.open().load().unwrap());
        assert!((done..=begun).contains(&now), "{now} is not from {done} to {begun}");
        former = now;
    }
    assert!(former > 60, "no writer came far");
}
