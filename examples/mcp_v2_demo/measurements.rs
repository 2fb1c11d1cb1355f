//! The report of the metrics collector.

use std::error::Error;

use super::page::{Page, milliseconds};
use super::stage::Stage;

/// Shows the figures of all servers.
pub fn show(stage: &Stage, page: &Page) -> Result<(), Box<dyn Error>> {
    page.columns(format_args!(
        "{:<12} {:>6} {:>8} {:>10} {:>7} {:>7} {:>10} {:>10} {:>9}",
        "server", "starts", "restarts", "start", "checks", "failed", "ping p50", "ping p99", "requests"
    ));
    let figures = stage.servers.metrics()?;
    for server in &figures.servers {
        let (counts, ping) = (server.counts, &server.ping_latency.summary);
        let requests: u64 =
            server.methods.iter().map(|method| method.ok + method.error + method.timeout).sum();
        page.line(format_args!(
            "{:<12} {:>6} {:>8} {:>10} {:>7} {:>7} {:>10} {:>10} {requests:>9}",
            server.name,
            counts.starts,
            counts.restarts,
            milliseconds(server.start_duration.summary.max),
            counts.health_checks_ok + counts.health_checks_failed,
            counts.health_checks_failed,
            milliseconds(ping.p50),
            milliseconds(ping.p99),
        ));
    }
    let lines = stage.servers.prometheus().lines().count();
    page.line(format_args!("the same, for Prometheus: {lines} lines of text"));
    Ok(())
}
