//! The command line of a server: one text, which each program takes apart by itself. Most do so as Microsoft's C
//! runtime does; a batch file is read by `cmd.exe`, which has rules of its own, and obeys what is not quoted by them.

use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use windows_sys::Win32::System::SystemInformation::GetSystemDirectoryW;

use super::program::is_batch;

/// What `CreateProcessW` is to run.
pub(super) struct CommandLine {
    /// The file of the program.
    pub(super) program: PathBuf,
    /// Ends with a zero.
    pub(super) text: Vec<u16>,
}

/// The longest command line, its zero included, and the longest that `cmd.exe` takes.
const LONGEST: usize = 32_767;
const LONGEST_BATCH: usize = 8_191;

impl CommandLine {
    /// Runs `program` with `arguments`; or says why that cannot be.
    pub(super) fn new(program: &Path, arguments: &[OsString]) -> Result<CommandLine, String> {
        let (line, longest) = if is_batch(program) {
            (CommandLine::of_batch(program, arguments)?, LONGEST_BATCH)
        } else {
            (CommandLine::of_program(program, arguments), LONGEST)
        };
        let length = line.text.len();
        if length > longest {
            return Err(format!("the command line has {length} characters; there may be {longest}"));
        }
        Ok(line)
    }

    fn of_program(program: &Path, arguments: &[OsString]) -> CommandLine {
        let mut text = quoted_name(program);
        for argument in arguments {
            text.push(SPACE);
            push_argument(&mut text, argument);
        }
        text.push(0);
        CommandLine { program: program.to_owned(), text }
    }

    fn of_batch(program: &Path, arguments: &[OsString]) -> Result<CommandLine, String> {
        let shell = system_directory().join("cmd.exe");
        // /d: no commands of the user's before ours. /e:on, /v:off: the meaning of `%` and `!`, whatever the
        // registry says. /s: the outermost quotes are taken off, and nothing else.
        let mut text = quoted_name(&shell);
        text.extend(r#" /d /e:on /v:off /s /c ""#.encode_utf16());
        push_batch_argument(&mut text, program.as_os_str())?;
        for argument in arguments {
            text.push(SPACE);
            push_batch_argument(&mut text, argument)?;
        }
        text.extend([QUOTE, 0]);
        Ok(CommandLine { program: shell, text })
    }
}

const SPACE: u16 = b' ' as u16;
const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;
const PERCENT: u16 = b'%' as u16;

/// A path, which contains no quotes.
fn quoted_name(path: &Path) -> Vec<u16> {
    let path = path.as_os_str().encode_wide();
    [QUOTE].into_iter().chain(path).chain([QUOTE]).collect()
}

/// Quoted if it must be. Backslashes mean themselves, unless a quote follows.
fn push_argument(text: &mut Vec<u16>, argument: &OsStr) {
    let needs_quotes = |byte: &u8| b" \t\n\x0b\"".contains(byte);
    if !argument.is_empty() && !argument.as_encoded_bytes().iter().any(needs_quotes) {
        return text.extend(argument.encode_wide());
    }
    text.push(QUOTE);
    let mut backslashes = 0;
    for unit in argument.encode_wide() {
        if unit == QUOTE {
            text.extend((0..=backslashes).map(|_| BACKSLASH));
        }
        backslashes = if unit == BACKSLASH { backslashes + 1 } else { 0 };
        text.push(unit);
    }
    text.extend((0..backslashes).map(|_| BACKSLASH));
    text.push(QUOTE);
}

/// Always quoted: between quotes, `cmd.exe` obeys `%` alone. A quote is doubled, so that for `cmd.exe` it ends one
/// quoted part and begins the next, and for the program that the batch file hands it to it is a quote.
fn push_batch_argument(text: &mut Vec<u16>, argument: &OsStr) -> Result<(), String> {
    text.push(QUOTE);
    let mut backslashes = 0;
    for unit in argument.encode_wide() {
        match unit {
            QUOTE => text.extend((0..backslashes).map(|_| BACKSLASH).chain([QUOTE])),
            // A `%` that begins the name of no variable is itself. What keeps it from beginning one is a variable
            // that is always there, of which no character is taken.
            PERCENT => text.extend("%%cd:~,".encode_utf16()),
            // A line's end ends the command.
            0x0a | 0x0d => {
                return Err(format!("{argument:?} has a line break, which cannot be handed to a batch file"));
            }
            _ => {}
        }
        backslashes = if unit == BACKSLASH { backslashes + 1 } else { 0 };
        text.push(unit);
    }
    text.extend((0..backslashes).map(|_| BACKSLASH));
    text.push(QUOTE);
    Ok(())
}

/// Where the system's own programs are. Neither `PATH` nor `ComSpec` has a say in it.
fn system_directory() -> PathBuf {
    let mut buffer = [0; 1024];
    // SAFETY: at most the buffer is written.
    let length = unsafe { GetSystemDirectoryW(buffer.as_mut_ptr(), buffer.len() as u32) };
    String::from_utf16_lossy(&buffer[..length as usize]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(program: &str, arguments: &[&str]) -> Result<String, String> {
        let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        let line = CommandLine::new(Path::new(program), &arguments)?;
        let (zero, text) = line.text.split_last().unwrap();
        assert_eq!(*zero, 0);
        Ok(String::from_utf16(text).unwrap())
    }

    /// What of a batch file's command line `cmd.exe` runs.
    fn batch(arguments: &[&str]) -> String {
        let text = text(r"C:\a b\npx.cmd", arguments).unwrap();
        let (shell, run) = text.split_once(r#" /d /e:on /v:off /s /c ""#).unwrap();
        assert!(shell.ends_with(r#"\cmd.exe""#), "{shell}");
        run.strip_suffix('"').unwrap().strip_prefix(r#""C:\a b\npx.cmd" "#).unwrap().to_owned()
    }

    #[test]
    fn arguments_are_quoted_for_the_c_runtime() {
        for (argument, quoted) in [
            ("plain", "plain"),
            ("", r#""""#),
            ("a b", r#""a b""#),
            (r"C:\dir\", r"C:\dir\"),
            (r"C:\my dir\", r#""C:\my dir\\""#),
            (r#"say "hi""#, r#""say \"hi\"""#),
            (r#"a\"b"#, r#""a\\\"b""#),
            (r#"{"a": 1}"#, r#""{\"a\": 1}""#),
            ("%PATH% & calc", r#""%PATH% & calc""#),
        ] {
            assert_eq!(text(r"C:\x.exe", &[argument]).unwrap(), format!(r#""C:\x.exe" {quoted}"#));
        }
    }

    #[test]
    fn arguments_of_batch_files_are_quoted_for_the_shell() {
        for (argument, quoted) in [
            ("plain", r#""plain""#),
            ("a&calc", r#""a&calc""#),
            (r#"a"&calc"#, r#""a""&calc""#),
            (r#"a\"&calc"#, r#""a\\""&calc""#),
            (r"dir\", r#""dir\\""#),
            ("100%", r#""100%%cd:~,%""#),
            ("%PATH%", r#""%%cd:~,%PATH%%cd:~,%""#),
        ] {
            assert_eq!(batch(&[argument]), quoted);
        }
        for line_break in ["a\nb", "a\rb"] {
            let error = text(r"C:\x.BAT", &[line_break]).unwrap_err();
            assert!(error.contains("line break"), "{error}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let long = "x".repeat(9000);
        assert!(text(r"C:\x.exe", &[&long]).is_ok());
        assert!(text(r"C:\x.cmd", &[&long]).unwrap_err().contains("8191"));
        assert!(text(r"C:\x.exe", &[&long, &long, &long, &long]).unwrap_err().contains("32767"));
    }
}
