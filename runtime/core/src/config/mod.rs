//! The configuration file: its text in, typed settings or every error out.
//!
//! Knows what can be written down and whether it makes sense by itself; what
//! the systems really hold is [`crate::mapping`]'s. Reads no file and no
//! secret: secrets are references that others resolve.

mod conformance;
mod connection;
mod error;
mod field;
mod keys;
mod limits;
mod node;
mod notation;
mod policy;
mod schema;
mod section;
mod settings;
mod suggest;
mod sync;
mod units;
mod webhooks;

pub use conformance::Conformance;
pub use connection::{Connection, SecretRef};
pub use error::{ConfigError, Span};
pub use field::{Declined, Expression, Field, FieldColumn, Reviewed, Source};
pub use keys::PublicKey;
pub use limits::{LIMITS, LimitKind, Limits};
pub use policy::Policy;
pub use schema::json_schema;
pub use settings::{ConnectorSettings, JournalSettings, RegistrySettings, ServerSettings, StateSettings, TrustedKey};
pub use suggest::{closest, listed};
pub use sync::{DeleteStorm, Group, Leaving, Side, Sync};
pub use units::duration_ms;
pub use webhooks::Webhooks;

use error::{Code, Problems};
use node::Node;
use section::Section;

/// Larger files are refused: nobody wrote them by hand.
pub const FILE_BYTES_MAX: usize = 4 << 20;
/// A name's length.
pub const NAME_BYTES_MAX: usize = 63;

/// Everything the file says, defaults filled in, in the file's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub connections: Vec<Connection>,
    pub syncs: Vec<Sync>,
    pub state: StateSettings,
    pub server: ServerSettings,
    pub journal: JournalSettings,
    pub connectors: ConnectorSettings,
}

impl Config {
    /// Reads the file's text. All errors at once, in the file's order.
    pub fn parse(text: &str) -> Result<Config, Vec<ConfigError>> {
        let mut problems = Problems::new(text);
        let config = Config::read(text, &mut problems);
        match (config, problems.finish()) {
            (Some(config), errors) if errors.is_empty() => Ok(config),
            (_, errors) => Err(errors),
        }
    }

    pub fn connection(&self, name: &str) -> Option<&Connection> {
        self.connections.iter().find(|one| one.name == name)
    }

    pub fn sync(&self, name: &str) -> Option<&Sync> {
        self.syncs.iter().find(|one| one.name == name)
    }

    fn read(text: &str, problems: &mut Problems<'_>) -> Option<Config> {
        if text.len() > FILE_BYTES_MAX {
            problems.add(
                Code::OutOfBounds,
                0..0,
                format!("the file is larger than {} MiB", FILE_BYTES_MAX >> 20),
                "split it, or remove what is generated",
            );
            return None;
        }
        let root = Node::parse(text, problems)?;
        let mut section = Section::root(&root)?;
        let connections = connection::read_all(&mut section, problems);
        let names: Vec<&str> = connections.iter().map(|one| one.name.as_str()).collect();
        let syncs = sync::read_all(&mut section, &names, problems);
        let state = settings::read_state(&mut section, problems);
        let server = settings::read_server(&mut section, problems);
        let journal = settings::read_journal(&mut section, problems);
        let connectors = settings::read_connectors(&mut section, problems);
        section.finish(problems);
        Some(Config { connections, syncs, state, server, journal, connectors })
    }
}

/// Whether a name may stand in journals, metrics and paths.
pub fn is_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(rest)
        && name.len() <= NAME_BYTES_MAX
}

/// Adds a problem unless it [`is_name`].
fn check_name(what: &str, name: &str, span: std::ops::Range<usize>, problems: &mut Problems<'_>) {
    if !is_name(name) {
        problems.add(
            Code::BadName,
            span,
            format!("`{name}` cannot name a {what}"),
            format!("begin with a letter, then letters, digits, `_` and `-`, {NAME_BYTES_MAX} at most"),
        );
    }
}
