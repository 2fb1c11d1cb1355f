//! A thread's stack in words.

use std::fmt;

/// Where a thread was: the functions on its stack, innermost first.
///
/// Names, files and lines come from the symbols of the program and its libraries. Without the feature `backtrace`
/// only exported names are known; the offset in the module then leads to the line, with `addr2line` or a debugger.
#[derive(Debug, Clone)]
pub struct Backtrace {
    frames: Vec<Frame>,
}

/// A function on a stack. One that was inlined has a frame of its own, at the same address as its caller.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Frame {
    /// Where the thread was in it.
    pub address: usize,
    /// Its name, if that is known.
    pub function: Option<String>,
    /// File and line, "src/main.rs:12", if they are known.
    pub place: Option<String>,
    /// The program or library that it belongs to, and how far from its beginning, if that is known:
    /// "libfoo.so+0x1a2b".
    pub module: Option<String>,
}

impl Backtrace {
    /// Of the addresses on a stack, innermost first. The first time, this may take seconds: symbols are read.
    pub(super) fn of(addresses: Vec<usize>) -> Backtrace {
        let mut frames = Vec::new();
        addresses.into_iter().for_each(|address| symbolise(address, &mut frames));
        Backtrace { frames }
    }

    /// The frames, innermost first.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

/// A line for each frame: its number, the function, and in brackets where that is.
impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, frame) in self.frames.iter().enumerate() {
            writeln!(f, "{number:>3}: {frame}")?;
        }
        Ok(())
    }
}

/// "serve (src/main.rs:12)".
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => f.write_str(function)?,
            None => write!(f, "{:#x}", self.address)?,
        }
        match self.place.as_ref().or(self.module.as_ref()) {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

#[cfg(feature = "backtrace")]
fn symbolise(address: usize, frames: &mut Vec<Frame>) {
    let before = frames.len();
    // It looks at the byte before a return address; ours are inside their instructions already.
    backtrace::resolve(std::ptr::without_provenance_mut(address.wrapping_add(1)), |symbol| {
        let place = symbol.filename().map(|file| match symbol.lineno() {
            Some(line) => format!("{}:{line}", file.display()),
            None => file.display().to_string(),
        });
        // Without the hash at its end.
        let function = symbol.name().map(|name| format!("{name:#}"));
        frames.push(Frame { address, function, place, module: None });
    });
    let (exported, module) = exported(address);
    match frames.get_mut(before) {
        Some(_) => frames[before..].iter_mut().for_each(|frame| frame.module.clone_from(&module)),
        None => frames.push(Frame { address, function: exported, place: None, module }),
    }
}

#[cfg(not(feature = "backtrace"))]
fn symbolise(address: usize, frames: &mut Vec<Frame>) {
    let (function, module) = exported(address);
    frames.push(Frame { address, function, place: None, module });
}

/// What the loader knows: the exported name, and the module with the offset in it.
#[cfg(unix)]
fn exported(address: usize) -> (Option<String>, Option<String>) {
    // SAFETY: all-zero is a valid `Dl_info`.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is valid for writing; any address may be asked for.
    if unsafe { libc::dladdr(std::ptr::without_provenance(address), &mut info) } == 0 {
        return (None, None);
    }
    let text = |text: *const std::ffi::c_char| {
        // SAFETY: strings of the loader's, which live as long as the module.
        (!text.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy().into_owned())
    };
    let offset = address.wrapping_sub(info.dli_fbase as usize);
    let module = text(info.dli_fname).map(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        format!("{name}+{offset:#x}")
    });
    (text(info.dli_sname), module)
}

/// Nothing comes here, since no thread is asked for its stack.
#[cfg(windows)]
fn exported(_: usize) -> (Option<String>, Option<String>) {
    (None, None)
}
