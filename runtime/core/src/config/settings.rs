//! Settings of the runtime itself: its state, its server, its journal.

use std::net::SocketAddr;

use super::{
    PublicKey, SecretRef, check_name,
    connection::secret,
    error::{Code, Problems},
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
    /// How registries are asked that want something said.
    pub registries: Vec<RegistrySettings>,
}

/// A public key whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    pub name: String,
    pub public: PublicKey,
}

/// `[connectors.registries."HOST:PORT"]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySettings {
    /// Host, and port where there is one, as references name it.
    pub place: String,
    pub login: Option<(String, SecretRef)>,
    /// Whether it is asked without encryption; unless said, where it is on this machine.
    pub plain_http: Option<bool>,
    /// How long all that is asked of it for one component may take, and how long it may say nothing
    /// meanwhile; unless said, as long as the host allows by itself.
    pub timeout_ms: Option<u64>,
    pub silence_ms: Option<u64>,
}

impl Default for ConnectorSettings {
    fn default() -> Self {
        ConnectorSettings {
            probation_ms: 60_000,
            trusted_keys: Vec::new(),
            require_signature: false,
            watch_folder: None,
            registries: Vec::new(),
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
    settings.registries = read_registries(&mut section, problems);
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
        match PublicKey::parse(written) {
            Some(public) => keys.push(TrustedKey { name: entry.key.clone(), public }),
            None => {
                // A PEM file has several lines.
                let shown = written.lines().next().unwrap_or_default();
                bad_value(&path, &entry.node, &format!("`{shown}`"), WANTED_KEY, problems);
            }
        }
    }
    keys
}

const WANTED_KEY: &str = "a public key, such as \"ed25519:…\" that `lockstep connector keygen` prints, or the text of \
                          a PEM file with an ed25519 or ECDSA P-256 key, such as cosign.pub";

fn read_registries(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Vec<RegistrySettings> {
    let Some(table) = section.table("registries", problems) else {
        return Vec::new();
    };
    let mut registries = Vec::new();
    for entry in table.entries() {
        let path = table.join(&entry.key);
        if !is_place(&entry.key) {
            let wanted = "a registry's host, with its port where it has one, such as \"registry.example.com:5000\"";
            bad_value(&path, &entry.node, &format!("`{}`", entry.key), wanted, problems);
        }
        let Some(mut one) = Section::of(path.clone(), &entry.node, problems) else { continue };
        let username = one.text("username", problems);
        let password = one.get("password").map(|node| secret(&one.join("password"), node, problems));
        let plain_http = one.flag("plain_http", problems);
        let some_time = |text: &str| units::duration_ms(text).filter(|ms| *ms > 0);
        let timeout_ms = one.parsed("timeout", "a duration, such as \"30m\"", some_time, problems);
        let silence_ms = one.parsed("silence", "a duration, such as \"60s\"", some_time, problems);
        let missing = match (&username, &password) {
            (Some(_), None) => Some(("a user without a password", "add `password = \"env:NAME\"`")),
            (None, Some(_)) => Some(("a password without a user", "add `username = \"…\"`")),
            (Some(_), Some(_)) | (None, None) => None,
        };
        if let Some((found, help)) = missing {
            problems.add(Code::MissingKey, entry.node.span.clone(), format!("`{path}` has {found}"), help);
        }
        let password = password.flatten();
        one.finish(problems);
        let login = username.zip(password);
        registries.push(RegistrySettings { place: entry.key.clone(), login, plain_http, timeout_ms, silence_ms });
    }
    registries
}

/// Host, and perhaps a port, as references are written.
fn is_place(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']');
    !text.is_empty() && text.chars().all(fits)
}
