//! The guardian's program. The library carries it inside (see build.rs); to be run it must lie in a file, which is
//! made once a process: in memory, or in the directory for temporary files where the system runs nothing from
//! memory (`vm.memfd_noexec`, some containers). Neither has a name that could be left behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{env, thread};

static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mcp-guardian"));

/// The program in a file without a name.
pub(super) struct Image(File);

impl Image {
    fn in_memory() -> io::Result<Image> {
        // Systems that know the flag may refuse what does not carry it; others refuse the flag.
        let mut file = match memory_file(libc::MFD_EXEC) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => memory_file(0)?,
            made => made?,
        };
        file.write_all(PROGRAM)?;
        // What runs as a guardian is not to be changed by anybody, this process included.
        let seals = libc::F_SEAL_WRITE | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        // SAFETY: plain system call.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Image(file))
    }

    fn in_directory(directory: &Path) -> io::Result<Image> {
        let (mut file, path) = new_file(directory)?;
        let image = file.write_all(PROGRAM).and_then(|()| File::open(&path));
        fs::remove_file(&path)?;
        // A file that is open for writing cannot be run.
        drop(file);
        Ok(Image(image?))
    }

    /// In this process, and in a child of it until its exec.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

fn memory_file(flags: libc::c_uint) -> io::Result<File> {
    let flags = flags | libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is a string.
    let fd = unsafe { libc::memfd_create(c"mcp-guardian".as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and ours.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// A file that was not there before, for this user alone.
fn new_file(directory: &Path) -> io::Result<(File, PathBuf)> {
    let mut number = 0;
    loop {
        let path = directory.join(format!("mcp-guardian-{}-{number}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            file => return Ok((file?, path)),
        }
    }
}

/// Where the program lies, once it was needed there.
struct Place {
    name: &'static str,
    make: fn() -> io::Result<Image>,
    image: Mutex<Option<Arc<Image>>>,
}

static PLACES: [Place; 2] = [
    Place { name: "from memory", make: Image::in_memory, image: Mutex::new(None) },
    Place {
        name: "from the directory for temporary files",
        make: || Image::in_directory(&env::temp_dir()),
        image: Mutex::new(None),
    },
];

impl Place {
    fn image(&self) -> io::Result<Arc<Image>> {
        let mut image = self.image.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = &*image {
            return Ok(image.clone());
        }
        Ok(image.insert(Arc::new((self.make)()?)).clone())
    }
}

/// Has `spawn` start the guardian's program from the first place that the system runs it from.
pub(super) fn run(spawn: impl Fn(&Image) -> io::Result<Child>) -> io::Result<Child> {
    let mut refusals = Vec::new();
    for place in &PLACES {
        match place.image().and_then(|image| persist(|| spawn(&image))) {
            Err(error) if is_refusal(&error) => refusals.push(format!("{}: {error}", place.name)),
            outcome => return outcome,
        }
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("the system does not run its program {}", refusals.join(", nor ")),
    ))
}

/// A file just written is busy for as long as a child that another thread forked meanwhile has not come to its
/// exec.
fn persist(spawn: impl Fn() -> io::Result<Child>) -> io::Result<Child> {
    for _ in 0..100 {
        match spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(1));
            }
            outcome => return outcome,
        }
    }
    spawn()
}

/// Whether another place may do better.
fn is_refusal(error: &io::Error) -> bool {
    let refusals = [libc::EACCES, libc::EPERM, libc::ENOSYS, libc::EINVAL, libc::ENOEXEC];
    error.raw_os_error().is_some_and(|code| refusals.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// The guardian refuses to work without arguments, which proves that it runs.
    fn assert_runs(image: io::Result<Image>) {
        let image = image.unwrap();
        let mut guardian = persist(|| Command::new(image.path()).stdin(Stdio::null()).spawn()).unwrap();
        assert_eq!(guardian.wait().unwrap().code(), Some(2));
    }

    #[test]
    fn the_guardian_runs_from_memory() {
        assert_runs(Image::in_memory());
    }

    #[test]
    fn the_guardian_runs_from_a_file_that_leaves_no_name() {
        let directory = env::temp_dir().join(format!("mcp-event-image-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let image = Image::in_directory(&directory);
        fs::remove_dir(&directory).expect("it is empty");
        assert_runs(image);
    }

    #[test]
    fn what_runs_from_nowhere_is_refused_with_all_reasons() {
        let refused = run(|_| Err(io::Error::from_raw_os_error(libc::EACCES))).unwrap_err().to_string();
        assert!(refused.contains("from memory") && refused.contains("temporary files"), "{refused}");
    }

    #[test]
    fn other_errors_are_handed_on() {
        let error = run(|_| Err(io::Error::from_raw_os_error(libc::EAGAIN))).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
    }
}
