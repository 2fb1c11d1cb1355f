//! Which servers there are, and how each is supervised: the JSON form that hosts of MCP servers share
//! (`mcpServers`), with optional keys of ours. docs/server-configuration.md lists them all.

mod change;
mod error;
mod expand;
mod reader;
mod settings;
mod transport;

use std::path::{Path, PathBuf};
use std::{env, fs};

pub use change::Change;
pub use error::{ConfigError, Warning};
pub use settings::{Backoff, RestartPolicy, RestartSettings, Settings};
pub use transport::Transport;
#[cfg(feature = "http")]
pub(crate) use transport::origin;

use super::document::{self, Fault, Item};
use reader::Reader;

/// A valid configuration.
///
/// ```
/// use mcp_event::server::{Config, Transport};
///
/// let text = r#"{"mcpServers": {"files": {"command": "npx", "args": ["files", "${ROOT:-/srv}"]}}}"#;
/// let config = Config::parse(text, |name| std::env::var(name).ok())?;
/// let Transport::Stdio { command, args, .. } = &config.servers[0].transport else { unreachable!() };
/// assert_eq!((command.as_str(), args.len()), ("npx", 2));
/// # Ok::<(), mcp_event::server::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// In the order of the file, no name twice.
    pub servers: Vec<ServerConfig>,
    /// Whether and where the state is kept.
    pub state: StateSettings,
    /// What had no effect.
    pub warnings: Vec<Warning>,
}

/// One server.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Its key in the file: not empty, no control characters.
    pub name: String,
    /// How it is reached.
    pub transport: Transport,
    /// How it is supervised.
    pub settings: Settings,
}

/// What the file says of the state file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateSettings {
    /// Whether there is to be one. `true`.
    pub enabled: bool,
    /// Its path; `None` leaves it to the host. A relative one begins at our working directory.
    pub path: Option<PathBuf>,
}

impl Config {
    /// Reads a file; variables are those of our environment.
    ///
    /// # Errors
    /// As [`Config::parse`], and [`ConfigError::Unreadable`]. All name the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Config, ConfigError> {
        let path = path.as_ref();
        let bytes =
            fs::read(path).map_err(|source| ConfigError::Unreadable { file: path.to_owned(), source })?;
        Config::read(&bytes, &|name| env::var(name).ok())
            .map_err(|fault| ConfigError::Invalid { file: Some(path.to_owned()), fault })
    }

    /// Reads a text. `lookup` gives the value of a variable, or `None` if it is not set.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with the first thing that is wrong, and its place.
    pub fn parse(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        Ok(Config::read(text.as_bytes(), &lookup)?)
    }

    /// The server of that name.
    pub fn server(&self, name: &str) -> Option<&ServerConfig> {
        self.servers.iter().find(|server| server.name == name)
    }

    fn read(bytes: &[u8], lookup: expand::Lookup<'_>) -> Result<Config, Fault> {
        let document = document::parse(bytes)?;
        let mut root = Item::root(&document).object()?;
        let mut reader = Reader { lookup, warnings: Vec::new() };
        let mut defaults = Settings::default();
        if let Some(item) = root.optional("defaults") {
            let mut object = item.object()?;
            defaults = defaults.overlaid(&mut object, &mut reader)?;
            reader.finish(&object);
        }
        let mut state = StateSettings { enabled: true, path: None };
        if let Some(item) = root.optional("state") {
            state = state.overlaid(&item, &mut reader)?;
        }
        let servers = root.required("mcpServers")?.object()?;
        let servers =
            servers.members().map(|(name, item)| ServerConfig::read(name, &item, &defaults, &mut reader));
        let servers = servers.collect::<Result<_, _>>()?;
        reader.finish(&root);
        Ok(Config { servers, state, warnings: reader.warnings })
    }
}

impl ServerConfig {
    fn read(
        name: &str,
        item: &Item<'_>,
        defaults: &Settings,
        reader: &mut Reader<'_>,
    ) -> Result<Self, Fault> {
        if name.is_empty() {
            return Err(item.refuse("the name of a server must not be empty"));
        }
        if name.contains(char::is_control) {
            return Err(item.refuse("the name of a server has no control characters"));
        }
        let mut object = item.object()?;
        let transport = Transport::read(&mut object, reader)?;
        let settings = defaults.clone().overlaid(&mut object, reader)?;
        reader.finish(&object);
        Ok(ServerConfig { name: name.to_owned(), transport, settings })
    }
}

impl StateSettings {
    fn overlaid(mut self, item: &Item<'_>, reader: &mut Reader<'_>) -> Result<StateSettings, Fault> {
        let mut object = item.object()?;
        object.read("enabled", &mut self.enabled, Item::boolean)?;
        object.read("path", &mut self.path, |item| Ok(Some(reader.expanded_text(item)?.into())))?;
        reader.finish(&object);
        Ok(self)
    }
}
