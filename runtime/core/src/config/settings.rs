//! Settings of the runtime itself: its state, its server, its journal.

use std::net::SocketAddr;

use super::{error::Problems, section::Section, units};

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
}

impl Default for ConnectorSettings {
    fn default() -> Self {
        ConnectorSettings { probation_ms: 60_000 }
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
    section.finish(problems);
    settings
}
