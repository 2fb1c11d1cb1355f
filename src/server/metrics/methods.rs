//! Requests by method. A method beyond the first 64, or of an overlong name, is counted as `other`: whoever
//! chooses the names of methods does not choose how much memory the figures take.

use std::collections::BTreeMap;
use std::time::Duration;

use super::latency::Latency;
use crate::LatencyHistogram;

/// How many methods are told apart.
const DISTINCT: usize = 64;

/// How long the name of a method that is told apart may be, in bytes.
const NAME_BYTES: usize = 128;

/// All others.
const OTHER: &str = "other";

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestOutcome {
    /// With a result.
    Ok,
    /// With an error from the server.
    Error,
    /// Without an answer in time.
    Timeout,
}

#[derive(Debug, Default)]
pub(super) struct Methods(BTreeMap<String, Method>);

#[derive(Debug, Default)]
struct Method {
    ok: u64,
    error: u64,
    timeout: u64,
    latency: Latency,
}

impl Methods {
    pub(super) fn record(&mut self, method: &str, outcome: RequestOutcome, latency: Duration) {
        let figures = self.figures(method);
        match outcome {
            RequestOutcome::Ok => figures.ok += 1,
            RequestOutcome::Error => figures.error += 1,
            RequestOutcome::Timeout => figures.timeout += 1,
        }
        // A timeout says how long we waited, not how long the server takes.
        if outcome != RequestOutcome::Timeout {
            figures.latency.record(latency);
        }
    }

    fn figures(&mut self, method: &str) -> &mut Method {
        let told_apart = self.0.len() - usize::from(self.0.contains_key(OTHER));
        let has_room = told_apart < DISTINCT && method.len() <= NAME_BYTES;
        let name = if has_room || self.0.contains_key(method) { method } else { OTHER };
        self.0.entry(name.to_owned()).or_default()
    }

    pub(super) fn snapshot(&self) -> Vec<MethodMetrics> {
        let method = |(name, method): (&String, &Method)| MethodMetrics {
            method: name.clone(),
            ok: method.ok,
            error: method.error,
            timeout: method.timeout,
            latency: method.latency.histogram(),
        };
        self.0.iter().map(method).collect()
    }
}

/// The requests of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodMetrics {
    /// The method; `other` for those that are not told apart.
    pub method: String,
    /// Requests that had a result.
    pub ok: u64,
    /// Requests that the server answered with an error.
    pub error: u64,
    /// Requests that were not answered in time.
    pub timeout: u64,
    /// How long those took that were answered.
    pub latency: LatencyHistogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn outcomes_are_told_apart_and_timeouts_have_no_latency() {
        let mut methods = Methods::default();
        for (outcome, times) in
            [(RequestOutcome::Ok, 1), (RequestOutcome::Error, 2), (RequestOutcome::Timeout, 3)]
        {
            (0..times).for_each(|_| methods.record("ping", outcome, MS));
        }
        let [ping] = &methods.snapshot()[..] else { panic!() };
        assert_eq!((ping.ok, ping.error, ping.timeout, ping.latency.summary.count), (1, 2, 3, 3));
    }

    #[test]
    fn too_many_methods_are_one() {
        let mut methods = Methods::default();
        for number in 0..1_000 {
            methods.record(&format!("method/{number}"), RequestOutcome::Ok, MS);
        }
        methods.record("method/0", RequestOutcome::Ok, MS);
        let snapshot = methods.snapshot();
        assert_eq!(snapshot.len(), DISTINCT + 1);
        let ok = |name| snapshot.iter().find(|method| method.method == name).map(|method| method.ok);
        assert_eq!((ok("method/0"), ok("method/63"), ok("method/64")), (Some(2), Some(1), None));
        assert_eq!(ok(OTHER), Some(1_000 - DISTINCT as u64));
    }

    #[test]
    fn an_overlong_name_is_not_kept() {
        let mut methods = Methods::default();
        methods.record(&"x".repeat(NAME_BYTES + 1), RequestOutcome::Ok, MS);
        methods.record(&"x".repeat(NAME_BYTES), RequestOutcome::Ok, MS);
        let names: Vec<_> = methods.snapshot().into_iter().map(|method| method.method).collect();
        assert_eq!(names, [OTHER, &"x".repeat(NAME_BYTES)]);
    }
}
