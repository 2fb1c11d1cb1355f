//! The text is read back by a strict reader of the format, and says what was recorded.

use std::time::Duration;

use crate::server::metrics::{Measured, Metrics, RequestOutcome};
use reader::{Labels, Parsed};

#[path = "../../../../tests/common/exposition.rs"]
mod reader;

#[test]
fn what_was_recorded_is_read_back() {
    let metrics = Metrics::default();
    let odd = "a \"b\"\\\nc,d={} é";
    let server = metrics.server(odd);
    server.record(&Measured::Started(Duration::from_millis(1_500)));
    (0..3).for_each(|_| server.record(&Measured::Unsolicited));
    server.record(&Measured::Unhealthy);
    server.record(&Measured::Request("tools/call".into(), RequestOutcome::Ok, Duration::from_micros(700)));
    server.record(&Measured::Request("tools/call".into(), RequestOutcome::Timeout, Duration::from_secs(60)));
    metrics.server("idle");
    let parsed = Parsed::new(&metrics.snapshot().prometheus());
    let server = ("server", odd);
    assert_eq!(parsed.value("mcp_server_starts_total", &[server]), 1.0);
    assert_eq!(parsed.value("mcp_server_starts_total", &[("server", "idle")]), 0.0);
    assert_eq!(parsed.value("mcp_server_rejected_lines_total", &[server, ("reason", "unsolicited")]), 3.0);
    assert_eq!(parsed.value("mcp_server_health_checks_total", &[server, ("outcome", "failed")]), 1.0);
    let method = ("method", "tools/call");
    for (outcome, count) in [("ok", 1.0), ("error", 0.0), ("timeout", 1.0)] {
        assert_eq!(parsed.value("mcp_server_requests_total", &[server, method, ("outcome", outcome)]), count);
    }
    assert_eq!(parsed.value("mcp_server_start_duration_seconds_sum", &[server]), 1.5);
    for (bound, count) in [("0.0005", 0.0), ("0.001", 1.0), ("300", 1.0), ("+Inf", 1.0)] {
        let labels = [server, method, ("le", bound)];
        assert_eq!(parsed.value("mcp_server_request_duration_seconds_bucket", &labels), count);
    }
}

#[test]
fn every_histogram_is_cumulative_and_ends_with_its_count() {
    let metrics = Metrics::default();
    for millis in [0, 1, 3, 40, 900, 40_000, 10_000_000] {
        let latency = Duration::from_millis(millis);
        let server = metrics.server("a");
        server.record(&Measured::Started(latency));
        server.record(&Measured::Healthy(latency));
        server.record(&Measured::Request("ping".into(), RequestOutcome::Error, latency));
    }
    let parsed = Parsed::new(&metrics.snapshot().prometheus());
    let histograms: Vec<_> = parsed.kinds.iter().filter(|(_, kind)| *kind == "histogram").collect();
    assert_eq!(histograms.len(), 3);
    for (name, _) in histograms {
        let buckets: Vec<_> =
            parsed.samples.iter().filter(|sample| sample.0 == format!("{name}_bucket")).collect();
        let bound =
            |(_, labels, _): &&(String, Labels, f64)| labels.last().unwrap().1.parse::<f64>().unwrap();
        assert!(buckets.iter().map(bound).is_sorted_by(|a, b| a < b), "{name}");
        assert!(buckets.iter().map(|(_, _, count)| count).is_sorted(), "{name}");
        let (_, labels, last) = buckets.last().unwrap();
        assert_eq!((labels.last().unwrap().1.as_str(), *last), ("+Inf", 7.0), "{name}");
        let count = parsed.samples.iter().find(|sample| sample.0 == format!("{name}_count")).unwrap();
        assert_eq!(count.2, 7.0);
    }
}

#[test]
fn without_servers_there_is_nothing() {
    assert_eq!(Metrics::default().snapshot().prometheus(), "");
}
