//! Sets of CPUs, and threads that are bound to them.

#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "linux.rs")]
#[cfg_attr(target_os = "freebsd", path = "freebsd.rs")]
#[cfg_attr(windows, path = "windows.rs")]
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android", target_os = "freebsd", windows)),
    path = "unsupported.rs"
)]
mod system;

use std::collections::BTreeSet;
use std::fmt;

use crate::error::Error;

/// The CPUs, by the system's numbers, that a thread may run on.
///
/// ```
/// use mcp_event::CpuSet;
///
/// let cpus = CpuSet::from_iter([0, 1, 2, 5]);
/// assert_eq!(cpus.to_string(), "0-2,5");
/// assert!(cpus.contains(5) && !cpus.contains(3));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CpuSet(BTreeSet<usize>);

impl FromIterator<usize> for CpuSet {
    fn from_iter<I: IntoIterator<Item = usize>>(cpus: I) -> CpuSet {
        CpuSet(cpus.into_iter().collect())
    }
}

impl CpuSet {
    /// The CPUs that are ours: those that the calling thread may run on.
    ///
    /// # Errors
    /// [`Error::Os`] when the system does not tell; [`Error::Unavailable`] where threads cannot be bound.
    pub fn available() -> Result<CpuSet, Error> {
        system::available()
    }

    /// A set for each of these CPUs, to give each worker a CPU of its own.
    pub fn one_each(cpus: impl IntoIterator<Item = usize>) -> Vec<CpuSet> {
        cpus.into_iter().map(|cpu| CpuSet::from_iter([cpu])).collect()
    }

    /// The CPUs, the lowest number first.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this CPU is one of them.
    pub fn contains(&self, cpu: usize) -> bool {
        self.0.contains(&cpu)
    }

    /// Whether threads can be bound to all of them.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let ours = CpuSet::available()?;
        let foreign: CpuSet = self.0.difference(&ours.0).copied().collect();
        if self.is_empty() {
            Err(Error::InvalidArgument(format!("a set without any CPU: {ours} are ours")))
        } else if !foreign.is_empty() {
            Err(Error::InvalidArgument(format!("CPU {foreign} is not ours: {ours} are")))
        } else {
            Ok(())
        }
    }

    /// From now on the calling thread runs on these alone.
    pub(crate) fn bind_thread(&self) -> Result<(), Error> {
        system::bind_thread(self)
    }
}

impl fmt::Display for CpuSet {
    /// Numbers and ranges, as in `0-3,8`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for cpu in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == cpu => *last = cpu,
                _ => ranges.push((cpu, cpu)),
            }
        }
        for (position, (first, last)) in ranges.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_as_ranges() {
        let text = |cpus: &[usize]| cpus.iter().copied().collect::<CpuSet>().to_string();
        assert_eq!(text(&[]), "");
        assert_eq!(text(&[3]), "3");
        assert_eq!(text(&[9, 1, 0, 2, 8, 11, 2]), "0-2,8-9,11");
    }

    #[test]
    fn a_bound_thread_runs_on_its_cpus_alone() {
        let cpus: CpuSet = CpuSet::available().unwrap().iter().take(1).collect();
        let bound = std::thread::spawn({
            let cpus = cpus.clone();
            move || {
                cpus.bind_thread().unwrap();
                CpuSet::available().unwrap()
            }
        });
        assert_eq!(bound.join().unwrap(), cpus);
    }

    #[test]
    fn what_is_not_ours_is_refused_by_number() {
        let ours = CpuSet::available().unwrap();
        ours.check().unwrap();
        for (cpus, named) in
            [(CpuSet::default(), "without any"), (CpuSet::from_iter([usize::MAX]), "CPU 1844")]
        {
            match cpus.check() {
                Err(Error::InvalidArgument(text)) => {
                    assert!(text.contains(named) && text.contains(&ours.to_string()), "{text}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
