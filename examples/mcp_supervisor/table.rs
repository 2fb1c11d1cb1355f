//! The table of the servers.

use std::time::Duration;

use mcp_event::server::{ServerInfo, ServerStatus};

use super::screen::{Size, printable};
use super::style::{Colour, Style};

const NAME_WIDTHS: (usize, usize) = (6, 24);

/// The lines of the table, each with its end, as many as fit.
pub fn lines(servers: &[ServerInfo], style: Style, size: &Size) -> Vec<String> {
    if servers.is_empty() {
        return Vec::new();
    }
    let widest = servers.iter().map(|server| server.name.chars().count()).max().unwrap_or_default();
    let width = widest.clamp(NAME_WIDTHS.0, NAME_WIDTHS.1);
    let head = format!(
        "{:<width$}  {:<9}  {:>7}  {:>8}  {:>8}  {:>5}  {:>9}  reason",
        "server", "status", "pid", "uptime", "restarts", "tools", "last ping"
    );
    // The reason has what is left of the line.
    let reason_width = size.columns.saturating_sub(head.len() - "reason".len());
    let mut lines = vec![style.paint(Colour::Bold, head) + "\n"];
    // The last row of the screen is the cursor's.
    let room = size.rows.saturating_sub(lines.len() + 1).max(1);
    let shown = if servers.len() <= room { servers.len() } else { room - 1 };
    for server in &servers[..shown] {
        lines.push(format!(
            "{:<width$}  {}  {:>7}  {:>8}  {:>8}  {:>5}  {:>9}  {}\n",
            shortened(&server.name, width),
            style.paint(Colour::of(server.status), format_args!("{:<9}", server.status)),
            server.pid.map_or("-".into(), |pid| pid.to_string()),
            uptime(server).map_or("-".into(), in_words),
            server.restarts,
            server.tools.len(),
            server.last_ping.map_or("-".into(), |ping| format!("{:.1} ms", ping.as_secs_f64() * 1e3)),
            shortened(&server.reason, reason_width),
        ));
    }
    if shown < servers.len() {
        lines.push(format!("and {} more, for which the screen is too low\n", servers.len() - shown));
    }
    lines
}

/// Since when it takes requests.
fn uptime(server: &ServerInfo) -> Option<Duration> {
    let is_up = matches!(server.status, ServerStatus::Running | ServerStatus::Unhealthy);
    is_up.then(|| server.since.elapsed())
}

/// The two largest units.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

fn shortened(text: &str, width: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= width {
        return text;
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain(['…']).collect()
}
