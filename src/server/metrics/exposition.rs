//! The figures in Prometheus' text format.

use super::{LatencyHistogram, MetricsSnapshot, ServerCounts, ServerMetrics};
use crate::metrics::{Exposition, Kind, Label};

impl MetricsSnapshot {
    /// The content type that [`prometheus`](Self::prometheus) is to be served with.
    pub const PROMETHEUS_CONTENT_TYPE: &str = Exposition::CONTENT_TYPE;

    /// The figures in Prometheus' text format. Names begin with `mcp_server_`, times are in seconds.
    pub fn prometheus(&self) -> String {
        let mut page = Exposition::new();
        self.write_to(&mut page);
        page.to_string()
    }

    /// Adds the figures to a page.
    pub fn write_to(&self, page: &mut Exposition) {
        for server in &self.servers {
            write_counts(page, server);
            write_requests(page, server);
            write_durations(page, server);
        }
    }
}

/// A counter of servers: its name and its help, and the samples that it has: the value of one more label, and
/// the count.
type Counter =
    (&'static str, &'static str, Option<&'static str>, fn(&ServerCounts) -> Vec<(&'static str, u64)>);

const COUNTERS: [Counter; 7] = [
    ("starts", "Starts that ended with a handshake.", None, |counts| vec![("", counts.starts)]),
    ("failed_starts", "Starts that did not end with a handshake.", None, |counts| {
        vec![("", counts.failed_starts)]
    }),
    ("stops", "Ends of the server, in whatever way.", None, |counts| vec![("", counts.stops)]),
    ("restarts", "Starts after the server had ended by itself.", None, |counts| vec![("", counts.restarts)]),
    ("health_checks", "Health checks.", Some("outcome"), |counts| {
        vec![("ok", counts.health_checks_ok), ("failed", counts.health_checks_failed)]
    }),
    ("notifications", "Notifications from the server.", None, |counts| vec![("", counts.notifications)]),
    ("rejected_lines", "Lines from the server that were not used.", Some("reason"), |counts| {
        vec![
            ("malformed", counts.malformed),
            ("oversized", counts.oversized),
            ("unsolicited", counts.unsolicited),
        ]
    }),
];

fn write_counts(page: &mut Exposition, server: &ServerMetrics) {
    for (name, help, label, samples) in COUNTERS {
        let name = format!("mcp_server_{name}_total");
        for (value, count) in samples(&server.counts) {
            let labels: [Label<'_>; 2] = [("server", &server.name), (label.unwrap_or_default(), &value)];
            let labels = &labels[..1 + usize::from(label.is_some())];
            page.put(Kind::Counter, &name, help, labels, count as f64);
        }
    }
}

fn write_requests(page: &mut Exposition, server: &ServerMetrics) {
    for method in &server.methods {
        for (outcome, count) in [("ok", method.ok), ("error", method.error), ("timeout", method.timeout)] {
            let labels: [Label<'_>; 3] =
                [("server", &server.name), ("method", &method.method), ("outcome", &outcome)];
            let help = "Requests to the server.";
            page.put(Kind::Counter, "mcp_server_requests_total", help, &labels, count as f64);
        }
        page.put_histogram(
            "mcp_server_request_duration_seconds",
            "Answered requests to the server.",
            &[("server", &server.name), ("method", &method.method)],
            &method.latency,
        );
    }
}

fn write_durations(page: &mut Exposition, server: &ServerMetrics) {
    let durations: [(&str, &str, &LatencyHistogram); 2] = [
        (
            "mcp_server_start_duration_seconds",
            "From the start of the process to the end of the handshake.",
            &server.start_duration,
        ),
        ("mcp_server_ping_duration_seconds", "Answered health checks.", &server.ping_latency),
    ];
    for (name, help, histogram) in durations {
        page.put_histogram(name, help, &[("server", &server.name)], histogram);
    }
}

#[cfg(test)]
mod tests;
