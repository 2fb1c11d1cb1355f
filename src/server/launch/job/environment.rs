//! A server's environment. Names that differ in case only are one.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::OsStrExt;

use windows_sys::Win32::Globalization::CompareStringOrdinal;

use crate::server::launch::Launch;
use crate::server::launch::name::LAUNCH_VARIABLE;

/// The variables, in the order that the system wants.
pub(super) struct Environment(BTreeMap<Name, OsString>);

impl Environment {
    /// This process's, with what the launch adds, and the launch's name.
    pub(super) fn of(launch: &Launch, launch_name: &str) -> Environment {
        let added = launch.env.iter().cloned().chain([(LAUNCH_VARIABLE.into(), launch_name.into())]);
        let mut variables = BTreeMap::new();
        for (name, value) in env::vars_os().chain(added) {
            // An equal name that is there already stays as it is written.
            variables.insert(Name::new(&name), value);
        }
        Environment(variables)
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(&Name::new(OsStr::new(name))).map(OsString::as_os_str)
    }

    /// As `CreateProcessW` takes it: each variable ends with a zero, and all with another.
    pub(super) fn block(&self) -> Vec<u16> {
        let mut block = Vec::new();
        for (name, value) in &self.0 {
            block.extend(&name.0);
            block.push(u16::from(b'='));
            block.extend(value.encode_wide());
            block.push(0);
        }
        if block.is_empty() {
            block.push(0);
        }
        block.push(0);
        block
    }
}

/// Compared as the system does.
struct Name(Vec<u16>);

impl Name {
    fn new(name: &OsStr) -> Name {
        Name(name.encode_wide().collect())
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        let (ours, others) = (&self.0, &other.0);
        // SAFETY: two texts with their lengths. It gives 1, 2 or 3: less, equal, greater.
        let order = unsafe {
            CompareStringOrdinal(ours.as_ptr(), ours.len() as i32, others.as_ptr(), others.len() as i32, 1)
        };
        order.cmp(&2)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Name {}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(block: &[u16]) -> Vec<String> {
        let text = String::from_utf16(block).unwrap();
        assert!(text.ends_with("\0\0"));
        text.trim_end_matches('\0').split('\0').map(str::to_owned).collect()
    }

    #[test]
    fn what_a_launch_adds_replaces_what_is_there_whatever_its_case() {
        let mut launch = Launch::new("test", "server");
        launch.env = vec![("pAtH".into(), "ours".into()), ("OURS".into(), "a=b".into())];
        let environment = Environment::of(&launch, "its-name");
        assert_eq!(environment.get("PATH"), Some(OsStr::new("ours")));
        let variables = variables(&environment.block());
        let paths = variables.iter().filter(|one| one.to_lowercase().starts_with("path=")).count();
        assert_eq!(paths, 1, "{variables:?}");
        assert!(variables.contains(&"OURS=a=b".into()));
        assert!(variables.contains(&"MCP_EVENT_LAUNCH=its-name".into()));
    }
}
