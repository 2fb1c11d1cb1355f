//! Begins a life of a server: the way that its configuration says it is reached.

use super::config::{ServerConfig, Transport};
use super::launch::{Launch, Launcher};
use super::link::{Link, Ready};
use super::stdio::StdioLink;
use crate::dispatcher::Handle;

/// Opens the connection to a new life of a server; or says why not.
pub(crate) fn open_link(
    config: &ServerConfig,
    launcher: &dyn Launcher,
    dispatcher: &Handle,
    notify: impl Fn(Ready) + Clone + Send + Sync + 'static,
) -> Result<Box<dyn Link>, String> {
    let settings = &config.settings;
    match &config.transport {
        Transport::Stdio { command, args, env, cwd } => {
            let mut launch = Launch::new(&config.name, command);
            launch.args = args.iter().map(Into::into).collect();
            launch.env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
            launch.cwd = cwd.clone();
            launch.grace = settings.stop_timeout;
            let launched = launcher.launch(&launch).map_err(|error| error.to_string())?;
            let link = StdioLink::new(dispatcher, launched, settings.max_message_bytes, notify);
            Ok(Box::new(link.map_err(|error| error.to_string())?))
        }
        #[cfg(feature = "http")]
        Transport::Http { url, headers } => {
            let link = super::http::HttpLink::new(&config.name, url, headers, settings, notify);
            Ok(Box::new(link?))
        }
        #[cfg(not(feature = "http"))]
        Transport::Http { .. } => {
            Err("it is reached over HTTP, for which this program was built without the feature `http`".into())
        }
    }
}
