//! The health of the servers, watched for a while.

use std::error::Error;
use std::time::{Duration, Instant};

use super::page::{Page, milliseconds};
use super::stage::Stage;
use super::style::Colour;

const WATCH: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(500);

/// Shows twice a second how the health checks go, which the health monitor makes as often.
pub fn watch(stage: &Stage, page: &Page) -> Result<(), Box<dyn Error>> {
    let mut head = format!("{:<8}", "after");
    for name in stage.names() {
        head.push_str(&format!(" {name:<22}"));
    }
    page.columns(head);
    let begun = Instant::now();
    let steps = (WATCH.as_millis() / STEP.as_millis()) as u32;
    for step in 1..=steps {
        until(stage, begun + STEP * step)?;
        show_checks(stage, page, STEP * step)?;
    }
    for server in stage.servers.metrics()?.servers {
        if server.counts.health_checks_ok == 0 || server.counts.health_checks_failed > 0 {
            return Err(format!("the health of {}: {:?}", server.name, server.counts).into());
        }
    }
    Ok(())
}

/// Waits; a server whose status changes meanwhile is not well.
fn until(stage: &Stage, time: Instant) -> Result<(), Box<dyn Error>> {
    match stage.next_change(time.saturating_duration_since(Instant::now()))? {
        None => Ok(()),
        Some(info) => Err(format!("{} is {}: {}", info.name, info.status, info.reason).into()),
    }
}

fn show_checks(stage: &Stage, page: &Page, after: Duration) -> Result<(), Box<dyn Error>> {
    let figures = stage.servers.metrics()?;
    let mut line = format!("{:<8}", format!("{:.1} s", after.as_secs_f64()));
    for name in stage.names() {
        let passed = figures.servers.iter().find(|server| server.name == *name);
        let passed = passed.map_or(0, |server| server.counts.health_checks_ok);
        let ping = stage.servers.info(name).and_then(|info| info.last_ping);
        let (colour, text) = match ping {
            Some(ping) => (Colour::Green, format!("{passed} passed, {}", milliseconds(ping))),
            None => (Colour::Dim, "not asked yet".to_owned()),
        };
        line.push_str(&format!(" {}", page.style.paint(colour, format_args!("{text:<22}"))));
    }
    page.line(line);
    Ok(())
}
