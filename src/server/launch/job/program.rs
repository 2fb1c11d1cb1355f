//! Which file a command means.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{self, Path, PathBuf};

use super::environment::Environment;

/// What can be started, in the order in which it is looked for. What else `PATHEXT` may name needs a shell.
const EXTENSIONS: [&str; 4] = ["com", "exe", "bat", "cmd"];

/// Looks a command up: as a path, relative to the server's directory, if it has a separator, else in the `PATH` of
/// the server's environment. A name that does not say what kind of program it is may be any kind.
pub(super) fn find(
    command: &OsStr,
    directory: Option<&Path>,
    environment: &Environment,
) -> io::Result<PathBuf> {
    let has_separator = command.as_encoded_bytes().iter().any(|byte| b"\\/:".contains(byte));
    let found = if has_separator {
        let path = directory.unwrap_or(Path::new("")).join(command);
        let itself = path.is_file().then(|| path.clone());
        program_at(&path).or(itself)
    } else {
        let directories = environment.get("PATH").unwrap_or_default();
        // An empty entry is none; here nothing is looked for where a server happens to run.
        let directories = env::split_paths(directories).filter(|entry| entry.is_absolute());
        directories.into_iter().find_map(|entry| program_at(&entry.join(command)))
    };
    path::absolute(found.ok_or(io::ErrorKind::NotFound)?)
}

/// The program that `path` means; not a file of another kind, like the scripts for other systems that lie beside
/// `npx.cmd`.
fn program_at(path: &Path) -> Option<PathBuf> {
    if kind_of(path).is_some() {
        return path.is_file().then(|| path.to_owned());
    }
    let with = |extension| {
        let mut name = OsString::from(path);
        name.push(".");
        name.push(extension);
        PathBuf::from(name)
    };
    EXTENSIONS.into_iter().map(with).find(|path| path.is_file())
}

fn kind_of(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?;
    EXTENSIONS.into_iter().find(|known| extension.eq_ignore_ascii_case(known))
}

/// Whether it is a script for `cmd.exe`.
pub(super) fn is_batch(program: &Path) -> bool {
    matches!(kind_of(program), Some("bat" | "cmd"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::launch::Launch;
    use std::fs;

    #[test]
    fn a_command_is_the_first_program_of_that_name() {
        let directory = env::temp_dir().join(format!("mcp-event-program-{}", std::process::id()));
        let [first, second] = ["first", "second"].map(|name| directory.join(name));
        for path in ["first/npx", "first/npx.cmd", "second/npx.exe", "second/tool.v2.exe", "second/odd"] {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mut launch = Launch::new("test", "npx");
        launch.env = vec![("Path".into(), env::join_paths([&first, &second]).unwrap())];
        let environment = Environment::of(&launch, "name");
        let found = |command: &str| find(OsStr::new(command), Some(&directory), &environment).ok();
        assert_eq!(found("npx"), Some(first.join("npx.cmd")), "not the script without an extension");
        assert_eq!(found("npx.EXE"), Some(second.join("npx.EXE")));
        assert_eq!(found("tool.v2"), Some(second.join("tool.v2.exe")));
        assert_eq!(found("odd"), None);
        assert_eq!(found("nothing"), None);
        assert_eq!(found(r"second\tool.v2"), Some(second.join("tool.v2.exe")));
        assert_eq!(found("second/odd"), Some(second.join("odd")), "a path says what is meant");
        assert_eq!(found("./nothing"), None);
        fs::remove_dir_all(directory).unwrap();
    }
}
