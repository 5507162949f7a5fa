//! Connections: a connector, its configuration, its secrets by reference, and
//! what it is allowed.

use super::{
    check_name,
    conformance::{self, Conformance},
    error::{Code, Problems, Span},
    limits::{self, Limits},
    node::{Data, Node},
    section::{Section, bad_value, text, texts},
    webhooks::{self, Webhooks},
};

/// A connector with its configuration and what the operator granted it.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    pub name: String,
    pub at: Span,
    /// A built-in's name, a path to a `.wasm`, or `oci://…@sha256:…`.
    pub connector: String,
    /// SHA-256 of the component that may be loaded, 64 hex digits in lower case.
    pub digest: Option<String>,
    /// The connector's own configuration, a JSON object.
    pub config: serde_json::Value,
    pub secrets: Vec<(String, SecretRef)>,
    /// The connector's way of signing in over HTTP, by its name.
    pub auth: Option<String>,
    /// Connections that name the same account share its rate budget.
    pub account: Option<String>,
    /// A file of certificates in PEM form that are trusted besides the system's.
    pub root_certificates: Option<String>,
    /// What it may reach, such as `tcp:db.internal:5432` or `private-network`.
    pub grants: Vec<String>,
    pub limits: Limits,
    pub webhooks: Webhooks,
    /// What the conformance kit may do with it.
    pub conformance: Conformance,
}

/// Where a secret is, never what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file's content, without the line's end.
    File(String),
    /// A systemd credential's name.
    Credential(String),
}

pub(super) fn read_all(root: &mut Section<'_>, problems: &mut Problems<'_>) -> Vec<Connection> {
    let Some(section) = root.table("connections", problems) else {
        return Vec::new();
    };
    let mut connections = Vec::new();
    for entry in section.entries() {
        check_name("connection", &entry.key, entry.span.clone(), problems);
        let path = section.join(&entry.key);
        if let Some(table) = Section::of(path, &entry.node, problems) {
            let at = problems.locate(entry.span.clone());
            connections.push(read(entry.key.clone(), at, table, problems));
        }
    }
    connections
}

/// Whether a reference into a registry says which artifact it is, whatever becomes of its tag.
fn is_pinned(reference: &str) -> bool {
    let digest = reference.rsplit_once("@sha256:").map(|(_, digest)| digest).unwrap_or_default();
    digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())
}

fn read(name: String, at: Span, mut section: Section<'_>, problems: &mut Problems<'_>) -> Connection {
    let connector = section
        .need("connector", "\"postgres\"", problems)
        .and_then(|node| {
            let path = section.join("connector");
            let name = text(&path, node, problems)?;
            if name.trim().is_empty() {
                bad_value(&path, node, "empty", "a built-in's name, a path or oci://…", problems);
            }
            if name.starts_with("oci://") && !is_pinned(name) {
                // Whatever a tag leads to tomorrow, another artifact is another decision.
                problems.add(
                    Code::BadValue,
                    node.span.clone(),
                    format!("`{path}` names no digest, and a tag may lead to another component tomorrow"),
                    format!(
                        "write `connector = \"{name}@sha256:…\"`: `lockstep connector pull {name}` prints that line"
                    ),
                );
            }
            Some(name.to_owned())
        })
        .unwrap_or_default();
    let digest = section.parsed(
        "digest",
        "\"sha256:\" and 64 hex digits",
        |text| {
            let hex = text.strip_prefix("sha256:")?;
            let whole = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
            whole.then(|| hex.to_ascii_lowercase())
        },
        problems,
    );
    let config = match section.table("config", problems) {
        Some(table) => {
            for entry in table.entries() {
                find_secrets(&table.join(&entry.key), &entry.key, &entry.node, problems);
            }
            let pairs = table.entries().iter();
            pairs.map(|entry| (entry.key.clone(), entry.node.to_json())).collect::<serde_json::Map<_, _>>()
        }
        None => serde_json::Map::new(),
    };
    let secrets = read_secrets(&mut section, problems);
    let grants = read_grants(&mut section, problems);
    let auth = section.text("auth", problems);
    let account = section.get("account").and_then(|node| {
        let name = text(&section.join("account"), node, problems)?;
        check_name("account", name, node.span.clone(), problems);
        Some(name.to_owned())
    });
    let root_certificates = section.text("root_certificates", problems);
    let limits = limits::read(&mut section, problems);
    let webhooks = webhooks::read(&mut section, problems);
    let conformance = conformance::read(&mut section, problems);
    section.finish(problems);
    Connection {
        name,
        at,
        connector,
        digest,
        config: config.into(),
        secrets,
        auth,
        account,
        root_certificates,
        grants,
        limits,
        webhooks,
        conformance,
    }
}

fn read_secrets(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Vec<(String, SecretRef)> {
    let Some(table) = section.table("secrets", problems) else {
        return Vec::new();
    };
    table
        .entries()
        .iter()
        .filter_map(|entry| {
            let path = table.join(&entry.key);
            Some((entry.key.clone(), secret(&path, &entry.node, problems)?))
        })
        .collect()
}

/// A reference to a secret, at this place.
pub(super) fn secret(path: &str, node: &Node, problems: &mut Problems<'_>) -> Option<SecretRef> {
    let reference = SecretRef::parse(text(path, node, problems)?);
    if reference.is_none() {
        // The value itself is not repeated: it may be a secret.
        problems.add(
            Code::SecretInFile,
            node.span.clone(),
            format!("`{path}` is not a reference to a secret"),
            "write `env:NAME`, `file:/path` or `credential:NAME`; if this was a real secret, replace it",
        );
    }
    reference
}

/// Secrets where settings belong: a password inside an address, or a key whose
/// name says it. The value is not repeated.
fn find_secrets(path: &str, key: &str, node: &Node, problems: &mut Problems<'_>) {
    match &node.data {
        Data::Text(text) if has_password(text) || (names_secret(key) && !text.is_empty()) => problems.add(
            Code::SecretInFile,
            node.span.clone(),
            format!("`{path}` holds a secret"),
            "take it out and refer to it in `secrets`, such as `secrets = { password = \"env:NAME\" }`; if it was real, replace it",
        ),
        Data::List(items) => items.iter().for_each(|item| find_secrets(path, key, item, problems)),
        Data::Table(entries) => {
            for entry in entries {
                find_secrets(&format!("{path}.{}", entry.key), &entry.key, &entry.node, problems);
            }
        }
        Data::Text(_) | Data::Int(_) | Data::Float(_) | Data::Bool(_) | Data::Datetime(_) => {}
    }
}

/// `scheme://user:password@host`
fn has_password(text: &str) -> bool {
    let authority = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    user.is_some_and(|user| user.split_once(':').is_some_and(|(_, password)| !password.is_empty()))
}

fn names_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let last = key.rsplit('_').next().unwrap_or_default();
    matches!(last, "password" | "passwd" | "secret" | "token")
        || key.ends_with("api_key")
        || key.ends_with("private_key")
}

impl SecretRef {
    /// `env:NAME`, `file:/path` or `credential:NAME`.
    pub fn parse(text: &str) -> Option<SecretRef> {
        let (kind, rest) = text.split_once(':')?;
        let name = !rest.is_empty() && !rest.contains(['\0', '\n']);
        let plain = name && !rest.contains(['/', '=', ' ']);
        match kind {
            "env" if plain => Some(SecretRef::Env(rest.to_owned())),
            "file" if name => Some(SecretRef::File(rest.to_owned())),
            "credential" if plain => Some(SecretRef::Credential(rest.to_owned())),
            _ => None,
        }
    }
}

fn read_grants(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Vec<String> {
    let Some(node) = section.get("grant") else {
        return Vec::new();
    };
    let path = section.join("grant");
    let mut grants = Vec::new();
    for (grant, span) in texts(&path, node, problems) {
        if !is_grant(grant) {
            let item = Node { span, data: Data::Text(grant.to_owned()) };
            let wanted = "`tcp:host:port`, `https:host`, `https:host:port` or `private-network`";
            bad_value(&path, &item, &format!("`{grant}`"), wanted, problems);
            continue;
        }
        grants.push(grant.to_owned());
    }
    grants
}

fn is_grant(grant: &str) -> bool {
    let host = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '/');
    let host_port = |text: &str| {
        text.rsplit_once(':').is_some_and(|(name, port)| host(name) && port.parse::<u16>().is_ok_and(|p| p > 0))
    };
    match grant.split_once(':') {
        None => grant == "private-network",
        Some(("tcp", rest)) => host_port(rest),
        Some(("https" | "http", rest)) => host(rest) && (!rest.contains(':') || host_port(rest)),
        Some(_) => false,
    }
}
