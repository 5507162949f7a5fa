//! Settings of the runtime itself: its state, its server, its journal.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    check_name,
    error::Problems,
    section::{Section, bad_value, text},
    units,
};

/// `[state]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateSettings {
    /// Where the state file is, relative to the configuration file.
    pub path: Option<String>,
}

/// `[server]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// Where webhooks are taken, and health and metrics are told.
    pub listen: Option<SocketAddr>,
    /// The address others reach it by, for webhooks and links.
    pub public_url: Option<String>,
}

/// `[connectors]`: components that come from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorSettings {
    /// How long a version that took over is watched, a minute unless said; 0: not at all.
    pub probation_ms: u64,
    /// Who may sign components, by a name for people.
    pub trusted_keys: Vec<TrustedKey>,
    /// Only components that one of these signed are used, besides the built-in ones.
    pub require_signature: bool,
    /// Where new versions are put, relative to the configuration file; each is taken as an upgrade.
    pub watch_folder: Option<String>,
}

/// A public key whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    pub name: String,
    /// For ed25519.
    pub public: [u8; 32],
}

impl Default for ConnectorSettings {
    fn default() -> Self {
        ConnectorSettings {
            probation_ms: 60_000,
            trusted_keys: Vec::new(),
            require_signature: false,
            watch_folder: None,
        }
    }
}

/// `[journal]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// How long entries are kept, ninety days unless said. Open conflicts outlive it.
    pub keep_ms: u64,
}

impl Default for JournalSettings {
    fn default() -> Self {
        JournalSettings { keep_ms: 90 * 86_400_000 }
    }
}

pub(super) fn read_state(root: &mut Section<'_>, problems: &mut Problems<'_>) -> StateSettings {
    let Some(mut section) = root.table("state", problems) else {
        return StateSettings::default();
    };
    let path = section.text("path", problems);
    section.finish(problems);
    StateSettings { path }
}

pub(super) fn read_server(root: &mut Section<'_>, problems: &mut Problems<'_>) -> ServerSettings {
    let Some(mut section) = root.table("server", problems) else {
        return ServerSettings::default();
    };
    let listen = section.parsed(
        "listen",
        "an address and a port, such as \"127.0.0.1:7700\"",
        |text| text.parse().ok(),
        problems,
    );
    let public_url = web_address(&mut section, problems).map(|address| address.trim_end_matches('/').to_owned());
    section.finish(problems);
    ServerSettings { listen, public_url }
}

/// `public_url`, as written.
pub(super) fn web_address(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<String> {
    section.parsed(
        "public_url",
        "an address that begins with https:// or http://",
        |text| {
            let web = text.starts_with("https://") || text.starts_with("http://");
            web.then(|| text.to_owned())
        },
        problems,
    )
}

pub(super) fn read_journal(root: &mut Section<'_>, problems: &mut Problems<'_>) -> JournalSettings {
    let mut settings = JournalSettings::default();
    let Some(mut section) = root.table("journal", problems) else {
        return settings;
    };
    let keep = section.parsed("keep", "a duration, such as \"90d\"", units::duration_ms, problems);
    settings.keep_ms = keep.unwrap_or(settings.keep_ms);
    section.finish(problems);
    settings
}

pub(super) fn read_connectors(root: &mut Section<'_>, problems: &mut Problems<'_>) -> ConnectorSettings {
    let mut settings = ConnectorSettings::default();
    let Some(mut section) = root.table("connectors", problems) else {
        return settings;
    };
    let probation = section.parsed("probation", "a duration, such as \"5m\"", units::duration_ms, problems);
    settings.probation_ms = probation.unwrap_or(settings.probation_ms);
    settings.trusted_keys = read_keys(&mut section, problems);
    settings.require_signature = section.flag("require_signature", problems).unwrap_or_default();
    settings.watch_folder = section.text("watch_folder", problems);
    section.finish(problems);
    settings
}

fn read_keys(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Vec<TrustedKey> {
    let Some(table) = section.table("trusted_keys", problems) else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    for entry in table.entries() {
        check_name("key", &entry.key, entry.span.clone(), problems);
        let path = table.join(&entry.key);
        let Some(written) = text(&path, &entry.node, problems) else { continue };
        match public_key(written) {
            Some(public) => keys.push(TrustedKey { name: entry.key.clone(), public }),
            None => bad_value(
                &path,
                &entry.node,
                &format!("`{written}`"),
                "a public key, such as \"ed25519:…\" that `lockstep connector keygen` prints",
                problems,
            ),
        }
    }
    keys
}

/// `ed25519:` and 32 bytes in base64.
fn public_key(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text.strip_prefix("ed25519:")?).ok()?.try_into().ok()
}
