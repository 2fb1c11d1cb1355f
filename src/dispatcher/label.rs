//! Labels: names for kinds of work, shown where a loop tells what it is doing.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fmt;
use std::sync::{Mutex, OnceLock};

use crate::error::Error;

/// A name for a kind of work ("accept", "tools/call"), shown in reports of the guard dog, in crash dumps and in the
/// log of slow callbacks.
///
/// Two labels of the same text are the same label. A label lives as long as the process, so there are to be few of
/// them: name what is done, not for whom.
///
/// ```
/// use mcp_event::{Dispatcher, Label};
///
/// let dispatcher = Dispatcher::new("main")?;
/// let timer = dispatcher.create_timer(|| ());
/// timer.set_label(Label::new("flush the cache")?);
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label(u32);

/// The texts by number, each with a zero behind it, for C. Read without a lock, also by signal handlers; written under
/// that of the index.
static TEXTS: [OnceLock<&'static str>; Label::MAX_COUNT] = [const { OnceLock::new() }; Label::MAX_COUNT];

static INDEX: Mutex<Option<HashMap<&'static str, u32>>> = Mutex::new(None);

impl Label {
    /// How many labels a process can have.
    pub const MAX_COUNT: usize = 4096;
    /// How long a label can be, in bytes.
    pub const MAX_LENGTH: usize = 100;

    /// The label of this text.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a text that is empty, longer than [`MAX_LENGTH`](Self::MAX_LENGTH), or has
    /// control characters (a report is read line by line); [`Error::InvalidState`] when the process has
    /// [`MAX_COUNT`](Self::MAX_COUNT) others.
    pub fn new(text: &str) -> Result<Label, Error> {
        if text.is_empty() {
            return Err(Error::InvalidArgument("a label is empty".into()));
        }
        if text.len() > Label::MAX_LENGTH {
            let (length, limit) = (text.len(), Label::MAX_LENGTH);
            return Err(Error::InvalidArgument(format!(
                "a label of {length} bytes; at most {limit} are allowed"
            )));
        }
        if text.contains(char::is_control) {
            return Err(Error::InvalidArgument(format!("the label {text:?} has control characters")));
        }
        let mut index = INDEX.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let index = index.get_or_insert_default();
        if let Some(number) = index.get(text) {
            return Ok(Label(*number));
        }
        let number = index.len();
        let Some(place) = TEXTS.get(number) else {
            return Err(Error::InvalidState(format!(
                "the process has {} labels already, so {text:?} cannot be one: labels are never freed",
                Label::MAX_COUNT
            )));
        };
        // For the life of the process, as promised.
        let terminated: &'static str = Box::leak(format!("{text}\0").into());
        place.get_or_init(|| terminated);
        index.insert(without_zero(terminated), number as u32);
        Ok(Label(number as u32))
    }

    /// Its text.
    pub fn text(self) -> &'static str {
        without_zero(self.terminated())
    }

    /// Its text, and a zero.
    pub(crate) fn terminated(self) -> &'static str {
        TEXTS[self.0 as usize].get().copied().unwrap_or("\0")
    }

    /// Its text, for C.
    pub(crate) fn c_text(self) -> &'static CStr {
        CStr::from_bytes_with_nul(self.terminated().as_bytes()).unwrap_or_default()
    }

    /// Zero stands for no label.
    pub(crate) fn number(label: Option<Label>) -> u32 {
        label.map_or(0, |label| label.0 + 1)
    }

    pub(crate) fn from_number(number: u32) -> Option<Label> {
        let index = number.checked_sub(1)?;
        ((index as usize) < Label::MAX_COUNT).then_some(Label(index))
    }
}

fn without_zero(terminated: &'static str) -> &'static str {
    &terminated[..terminated.len() - 1]
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Label({:?})", self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_the_same_label() {
        let label = Label::new("accept").unwrap();
        assert_eq!(label, Label::new(&String::from("accept")).unwrap());
        assert_ne!(label, Label::new("read").unwrap());
        assert_eq!((label.text(), label.to_string().as_str()), ("accept", "accept"));
        assert_eq!(label.terminated(), "accept\0");
    }

    #[test]
    fn numbers_go_there_and_back() {
        let label = Label::new("there and back").unwrap();
        assert_eq!(Label::from_number(Label::number(Some(label))), Some(label));
        assert_eq!(Label::from_number(Label::number(None)), None);
        assert_eq!(Label::from_number(u32::MAX), None);
    }

    #[test]
    fn texts_that_would_spoil_a_report_are_refused() {
        for (text, why) in [
            ("", "is empty"),
            ("two\nlines", "control characters"),
            (&"x".repeat(101), "101 bytes; at most 100"),
        ] {
            let refused = Label::new(text).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(Label::new(&"x".repeat(100)).is_ok());
    }
}
