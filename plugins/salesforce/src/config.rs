//! A connection's configuration, and the JSON Schema that describes it. Holds
//! no credential: those are the host's.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::{Failure, Result};

/// The API version spoken unless the configuration says another.
const API_VERSION: &str = "66.0";
const POLL_INTERVAL_MS: u64 = 30_000;
/// Rows were seen to become visible minutes after their stamp.
const OVERLAP_MS: u64 = 5 * 60_000;
/// What tells our own writes in `changeOrigin`.
const CLIENT_NAME: &str = "lockstep";
const OBJECTS_MAX: usize = 500;

/// How an object's changes are noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Changes {
    /// Change Data Capture where it is switched on, else polling.
    #[default]
    Auto,
    /// Change Data Capture, or an error.
    Stream,
    Poll,
}

/// How rows are updated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Updates {
    /// Each row under a precondition of its own, 25 a request.
    #[default]
    Conditional,
    /// Read, compared, and written 200 a request; a foreign edit in between is
    /// only found afterwards, in the change stream.
    Collections,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    instance_url: Option<String>,
    login_url: Option<String>,
    #[serde(default)]
    api_version: Option<String>,
    /// These two are for the host, which signs in.
    #[serde(default, rename = "client_id")]
    _client_id: Option<String>,
    #[serde(default, rename = "username")]
    _username: Option<String>,
    #[serde(default)]
    objects: Vec<String>,
    #[serde(default)]
    changes: Changes,
    #[serde(default)]
    poll: Vec<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    poll_interval_ms: Option<u64>,
    #[serde(default)]
    overlap_ms: Option<u64>,
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    external_ids: BTreeMap<String, String>,
    #[serde(default)]
    updates: Updates,
    #[serde(default)]
    bulk_above: Option<u64>,
}

/// What a session works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Without a slash at its end. Not configured: the token's answer names it.
    pub instance_url: Option<String>,
    pub api_version: String,
    /// What is offered by `discover`; empty: everything that can be synced.
    pub objects: Vec<String>,
    pub changes: Changes,
    /// Objects that are polled whatever `changes` says.
    pub poll: Vec<String>,
    /// One channel that carries every followed object, such as `/data/Sync__chn`.
    pub channel: Option<String>,
    pub poll_interval_ms: u64,
    pub overlap_ms: u64,
    pub client_name: String,
    /// External id fields by object: what makes a create of that object idempotent.
    pub external_ids: BTreeMap<String, String>,
    pub updates: Updates,
    /// Objects with more rows are copied through the Bulk API.
    pub bulk_above: Option<u64>,
}

/// The schema the host checks configurations against.
pub const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "instance_url": {"type": "string", "description": "https://NAME.my.salesforce.com"},
    "login_url": {"type": "string", "description": "where tokens are asked for with jwt-bearer and refresh-token; default https://login.salesforce.com, for sandboxes https://test.salesforce.com"},
    "api_version": {"type": "string", "pattern": "^[0-9]{2,3}\\.0$", "default": "66.0"},
    "client_id": {"type": "string", "description": "the connected app's consumer key"},
    "username": {"type": "string", "description": "for jwt-bearer: the user to act as"},
    "objects": {"type": "array", "items": {"type": "string"}, "description": "objects to offer; default all that can be synced"},
    "changes": {"enum": ["auto", "stream", "poll"], "default": "auto", "description": "auto: Change Data Capture where it is switched on, else polling"},
    "poll": {"type": "array", "items": {"type": "string"}, "description": "objects that are polled in any case"},
    "channel": {"type": "string", "pattern": "^/data/", "description": "one channel with all objects, such as /data/ChangeEvents or /data/Sync__chn; default one channel an object"},
    "poll_interval_ms": {"type": "integer", "minimum": 100, "default": 30000},
    "overlap_ms": {"type": "integer", "minimum": 0, "default": 300000, "description": "how far behind its cursor polling reads again"},
    "client_name": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$", "default": "lockstep", "description": "marks our own changes"},
    "external_ids": {"type": "object", "additionalProperties": {"type": "string"}, "description": "external id field by object"},
    "updates": {"enum": ["conditional", "collections"], "default": "conditional"},
    "bulk_above": {"type": "integer", "minimum": 1, "description": "copy objects with more rows through the Bulk API; default never"}
  }
}"#;

impl Config {
    /// Parse and check a configuration.
    ///
    /// # Errors
    /// `config`, naming what is wrong.
    pub fn parse(json: &str) -> Result<Self> {
        let bad = |why: String| Failure::Config(format!("configuration: {why}"));
        let given: Given = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
        let instance_url = given.instance_url.as_deref().map(parse_url).transpose()?;
        if let Some(login_url) = &given.login_url {
            parse_url(login_url)?;
        }
        let api_version = given.api_version.unwrap_or_else(|| API_VERSION.into());
        let number = api_version.strip_suffix(".0").and_then(|major| major.parse::<u16>().ok());
        if number.is_none_or(|major| major < 45) {
            return Err(bad(format!(
                "`api_version` is `{api_version}`; it must be 45.0 or later, such as {API_VERSION}"
            )));
        }
        let names = given.objects.iter().chain(&given.poll).chain(given.external_ids.iter().flat_map(|(a, b)| [a, b]));
        if let Some(name) = names.into_iter().find(|name| !is_api_name(name)) {
            return Err(bad(format!("`{name}` is not the API name of an object or field")));
        }
        if given.objects.len() > OBJECTS_MAX {
            return Err(bad(format!("`objects` names more than {OBJECTS_MAX}")));
        }
        let client_name = given.client_name.unwrap_or_else(|| CLIENT_NAME.into());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if client_name.is_empty() || client_name.len() > 64 || !client_name.bytes().all(plain) {
            return Err(bad("`client_name` may hold letters, digits and _.- only, at most 64".into()));
        }
        if given.channel.as_ref().is_some_and(|channel| !channel.starts_with("/data/")) {
            return Err(bad("`channel` must begin with /data/".into()));
        }
        Ok(Config {
            instance_url,
            api_version,
            objects: given.objects,
            changes: given.changes,
            poll: given.poll,
            channel: given.channel,
            poll_interval_ms: given.poll_interval_ms.unwrap_or(POLL_INTERVAL_MS).max(100),
            overlap_ms: given.overlap_ms.unwrap_or(OVERLAP_MS),
            client_name,
            external_ids: given.external_ids,
            updates: given.updates,
            bulk_above: given.bulk_above,
        })
    }
}

/// An address of a scheme and a host, without a slash at its end.
///
/// # Errors
/// `config` for anything else.
pub fn parse_url(url: &str) -> Result<String> {
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
        return Err(Failure::Config(format!("`{url}` as `instance_url` is not of the form https://host")));
    }
    Ok(url.to_owned())
}

/// What may stand in a query or path without quoting.
pub fn is_api_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 100 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_needed_and_the_rest_has_defaults() {
        let config = Config::parse(r#"{"instance_url":"https://acme.my.salesforce.com/"}"#).expect("valid");
        assert_eq!(config.instance_url.as_deref(), Some("https://acme.my.salesforce.com"));
        assert_eq!(config.changes, Changes::Auto);
        assert_eq!(config.updates, Updates::Conditional);
        assert_eq!(config.client_name, "lockstep");
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (json, word) in [
            (r#"{"instance_url":"acme"}"#, "instance_url"),
            (r#"{"instance_url":"https://a","api_version":"42"}"#, "api_version"),
            (r#"{"instance_url":"https://a","objects":["A B"]}"#, "A B"),
            (r#"{"instance_url":"https://a","client_name":"a;b"}"#, "client_name"),
            (r#"{"instance_url":"https://a","channel":"/topic/x"}"#, "channel"),
            (r#"{"instance_url":"https://a","pol":1}"#, "pol"),
        ] {
            let error = Config::parse(json).expect_err("refused").to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn the_schema_is_json() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("JSON");
        assert_eq!(schema["type"], "object");
    }
}
