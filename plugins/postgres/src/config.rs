//! A connection's configuration, and the JSON Schema that describes it.

use serde::Deserialize;

use crate::failure::{Failure, Result};

/// PostgreSQL cuts identifiers at this many bytes.
const IDENTIFIER_BYTES_MAX: usize = 63;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// How changes are noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    #[default]
    Replication,
    Poll,
    Trigger,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    database: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    sslmode: Option<SslMode>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    slot: Option<String>,
    #[serde(default)]
    publication: Option<String>,
    #[serde(default)]
    application_name: Option<String>,
    #[serde(default)]
    connect_timeout_ms: Option<u64>,
    #[serde(default)]
    statement_timeout_ms: Option<u64>,
    #[serde(default)]
    lock_timeout_ms: Option<u64>,
    #[serde(default)]
    mode: Mode,
}

/// What a session works with. Never holds a password.
#[derive(Clone, Debug)]
pub struct Config {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub sslmode: SslMode,
    pub slot: String,
    pub publication: String,
    /// The replication origin that marks our own writes.
    pub origin: String,
    pub application_name: String,
    pub connect_timeout_ms: u64,
    pub statement_timeout_ms: u64,
    pub lock_timeout_ms: u64,
    pub mode: Mode,
}

/// The schema the host checks configurations against.
pub const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "url": {"type": "string", "description": "postgres://user@host:port/database?sslmode=…; without a password"},
    "host": {"type": "string"},
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 5432},
    "database": {"type": "string"},
    "user": {"type": "string"},
    "sslmode": {"enum": ["disable", "prefer", "require", "verify-ca", "verify-full"], "default": "prefer"},
    "name": {"type": "string", "description": "names the slot, publication and origin: lockstep_NAME; default the database's name"},
    "slot": {"type": "string", "description": "replication slot; default lockstep_NAME"},
    "publication": {"type": "string", "description": "publication; default lockstep_NAME"},
    "application_name": {"type": "string", "default": "lockstep"},
    "connect_timeout_ms": {"type": "integer", "minimum": 1, "default": 10000},
    "statement_timeout_ms": {"type": "integer", "minimum": 1, "default": 30000},
    "lock_timeout_ms": {"type": "integer", "minimum": 1, "default": 2000},
    "mode": {"enum": ["replication", "poll", "trigger"], "default": "replication"}
  }
}"#;

impl Config {
    /// Parse and check a configuration.
    pub fn parse(json: &str) -> Result<Self> {
        let given: Given =
            serde_json::from_str(json).map_err(|error| Failure::Config(format!("configuration: {error}")))?;
        let url = match &given.url {
            Some(url) => parse_url(url)?,
            None => Url::default(),
        };
        let missing = |what: &str| Failure::Config(format!("configuration: `{what}` is missing"));
        let user = given.user.or(url.user).ok_or_else(|| missing("user"))?;
        let database = given.database.or(url.database).unwrap_or_else(|| user.clone());
        // Slots and origins belong to the whole cluster, so two databases in it
        // must not come to the same name.
        let default_name = default_name(given.name.as_deref().unwrap_or(&database));
        let config = Config {
            host: given.host.or(url.host).ok_or_else(|| missing("host"))?,
            port: given.port.or(url.port).unwrap_or(5432),
            database,
            user,
            sslmode: given.sslmode.or(url.sslmode).unwrap_or_default(),
            slot: given.slot.unwrap_or_else(|| default_name.clone()),
            publication: given.publication.unwrap_or_else(|| default_name.clone()),
            origin: default_name,
            application_name: given.application_name.unwrap_or_else(|| "lockstep".into()),
            connect_timeout_ms: given.connect_timeout_ms.unwrap_or(10_000).max(1),
            statement_timeout_ms: given.statement_timeout_ms.unwrap_or(30_000).max(1),
            lock_timeout_ms: given.lock_timeout_ms.unwrap_or(2_000).max(1),
            mode: given.mode,
        };
        let slot_ok =
            !config.slot.is_empty() && config.slot.len() <= IDENTIFIER_BYTES_MAX && config.slot.bytes().all(slot_byte);
        if !slot_ok {
            return Err(Failure::Config(format!(
                "slot `{}`: only a-z, 0-9 and _ are possible, at most {IDENTIFIER_BYTES_MAX}",
                config.slot
            )));
        }
        Ok(config)
    }
}

fn slot_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// `lockstep_NAME`, with what a slot name cannot hold replaced.
fn default_name(name: &str) -> String {
    let mut full = String::from("lockstep_");
    for byte in name.bytes().map(|byte| byte.to_ascii_lowercase()) {
        full.push(if slot_byte(byte) { char::from(byte) } else { '_' });
    }
    full.truncate(IDENTIFIER_BYTES_MAX);
    full
}

#[derive(Default)]
struct Url {
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    user: Option<String>,
    sslmode: Option<SslMode>,
}

fn parse_url(text: &str) -> Result<Url> {
    let bad = |why: &str| Failure::Config(format!("url: {why}"));
    let rest = text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"))
        .ok_or_else(|| bad("it must begin with postgres://"))?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, address) = match authority.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err(bad("the password does not belong here; give it as the secret `password`"));
    }
    let (host, port) = match address.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let mut url = Url {
        host: (!host.is_empty()).then(|| host.to_owned()),
        port: match port {
            Some(port) => Some(port.parse().map_err(|_| bad("the port is not a number"))?),
            None => None,
        },
        database: decoded(database).filter(|name| !name.is_empty()),
        user: user.and_then(decoded),
        sslmode: None,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => {
                let json = serde_json::Value::String(mode.to_owned());
                url.sslmode = Some(serde_json::from_value(json).map_err(|_| bad("unknown sslmode"))?);
            }
            _ => return Err(bad("of the parameters only sslmode is known")),
        }
    }
    Ok(url)
}

/// Percent-decoding; `None` when it does not come out as text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let high = char::from(rest.next()?).to_digit(16)?;
        let low = char::from(rest.next()?).to_digit(16)?;
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_plain_fields_say_the_same() {
        let url =
            Config::parse(r#"{"url":"postgres://a%40b@db.example:6000/crm?sslmode=verify-full"}"#).expect("valid");
        assert_eq!((url.host.as_str(), url.port), ("db.example", 6000));
        assert_eq!((url.user.as_str(), url.database.as_str()), ("a@b", "crm"));
        assert_eq!(url.sslmode, SslMode::VerifyFull);
    }

    #[test]
    fn a_password_in_the_url_is_refused() {
        let refused = Config::parse(r#"{"url":"postgres://u:secret@h/d"}"#).expect_err("refused");
        assert!(!refused.to_string().contains("secret@"));
    }

    #[test]
    fn names_derive_from_the_connection_and_fit_a_slot() {
        let config = Config::parse(r#"{"host":"h","user":"u","name":"CRM-West"}"#).expect("valid");
        assert_eq!(config.slot, "lockstep_crm_west");
        assert_eq!(config.publication, "lockstep_crm_west");
    }

    #[test]
    fn two_databases_of_one_server_do_not_share_a_slot() {
        let slot = |url: &str| Config::parse(&format!(r#"{{"url":"{url}"}}"#)).expect("valid").slot;
        assert_ne!(slot("postgres://u@h/a"), slot("postgres://u@h/b"));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(Config::parse(r#"{"host":"h","user":"u","hots":"x"}"#).is_err());
    }

    #[test]
    fn the_schema_is_json() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("json");
        assert!(schema["properties"]["sslmode"].is_object());
    }
}
