//! The log of an example: what `RUST_LOG` asks for, errors if it asks for nothing.

use std::env;
use std::error::Error;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

const VARIABLE: &str = "RUST_LOG";

/// Begins to write the log to `writer`, a line an event.
pub fn start<W>(writer: W) -> Result<(), Box<dyn Error>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wanted = env::var(VARIABLE).unwrap_or_default();
    let wanted = if wanted.is_empty() { "error" } else { &wanted };
    let filter = EnvFilter::try_new(wanted).map_err(|error| format!("{VARIABLE}={wanted}: {error}"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).without_time();
    Ok(tracing::subscriber::set_global_default(log.finish())?)
}
