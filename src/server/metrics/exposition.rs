//! The figures in Prometheus' text exposition format, version 0.0.4.

use std::fmt::{self, Display, Write};

use super::{LatencyHistogram, MetricsSnapshot, ServerCounts, ServerMetrics};

impl MetricsSnapshot {
    /// The content type that [`prometheus`](Self::prometheus) is to be served with.
    pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// The figures in Prometheus' text format. Names begin with `mcp_server_`, times are in seconds.
    pub fn prometheus(&self) -> String {
        let mut page = Page(String::new());
        // Writing to a string does not fail.
        let _ = page.write_all(&self.servers);
        page.0
    }
}

struct Page(String);

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

type Label<'a> = (&'a str, &'a dyn Display);

impl Page {
    fn write_all(&mut self, servers: &[ServerMetrics]) -> fmt::Result {
        for (name, help, label, samples) in COUNTERS {
            let name = format!("mcp_server_{name}_total");
            self.family(&name, "counter", help)?;
            for server in servers {
                for (value, count) in samples(&server.counts) {
                    let labels: [Label<'_>; 2] =
                        [("server", &server.name), (label.unwrap_or_default(), &value)];
                    self.sample(&name, &labels[..1 + usize::from(label.is_some())], &count)?;
                }
            }
        }
        self.requests(servers)?;
        for (name, help, histogram) in [
            (
                "mcp_server_start_duration_seconds",
                "From the start of the process to the end of the handshake.",
                (|server| &server.start_duration) as fn(&ServerMetrics) -> &LatencyHistogram,
            ),
            ("mcp_server_ping_duration_seconds", "Answered health checks.", |server| &server.ping_latency),
        ] {
            self.family(name, "histogram", help)?;
            for server in servers {
                self.histogram(name, &[("server", &server.name)], histogram(server))?;
            }
        }
        Ok(())
    }

    fn requests(&mut self, servers: &[ServerMetrics]) -> fmt::Result {
        let name = "mcp_server_requests_total";
        self.family(name, "counter", "Requests to the server.")?;
        let all =
            || servers.iter().flat_map(|server| server.methods.iter().map(move |method| (server, method)));
        for (server, method) in all() {
            for (outcome, count) in [("ok", method.ok), ("error", method.error), ("timeout", method.timeout)]
            {
                let labels: [Label<'_>; 3] =
                    [("server", &server.name), ("method", &method.method), ("outcome", &outcome)];
                self.sample(name, &labels, &count)?;
            }
        }
        let name = "mcp_server_request_duration_seconds";
        self.family(name, "histogram", "Answered requests to the server.")?;
        for (server, method) in all() {
            self.histogram(name, &[("server", &server.name), ("method", &method.method)], &method.latency)?;
        }
        Ok(())
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    fn histogram(&mut self, name: &str, labels: &[Label<'_>], histogram: &LatencyHistogram) -> fmt::Result {
        let LatencyHistogram { summary, buckets } = histogram;
        let bucket = format!("{name}_bucket");
        for (bound, count) in buckets {
            let bound = bound.as_secs_f64();
            self.sample(&bucket, &[labels, &[("le", &bound)]].concat(), count)?;
        }
        self.sample(&bucket, &[labels, &[("le", &"+Inf")]].concat(), &summary.count)?;
        self.sample(&format!("{name}_sum"), labels, &summary.sum.as_secs_f64())?;
        self.sample(&format!("{name}_count"), labels, &summary.count)
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], value: &dyn Display) -> fmt::Result {
        write!(self.0, "{name}{{")?;
        for (index, (label, text)) in labels.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(self.0, "{comma}{label}=\"")?;
            write!(Escaped(&mut self.0), "{text}")?;
            self.0.push('"');
        }
        writeln!(self.0, "}} {value}")
    }
}

/// Writes the value of a label.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\\' => self.0.push_str(r"\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str(r"\n"),
                _ => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
