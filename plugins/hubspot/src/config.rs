//! A connection's configuration, and the JSON Schema that describes it.

use serde::Deserialize;

use crate::failure::{Failure, Result};

/// HubSpot's own host; a simulator or proxy has another.
const BASE_URL: &str = "https://api.hubapi.com";
/// Object types that `discover` describes when nothing else is configured.
const OBJECTS: [&str; 4] = ["contacts", "companies", "deals", "tickets"];
/// Without webhooks a change is seen after this long on average halved.
const POLL_INTERVAL_MS: u64 = 5_000;
/// With webhooks polling only finds what they lost.
const POLL_INTERVAL_BESIDE_WEBHOOKS_MS: u64 = 60_000;
/// Far longer than the search index was ever seen to lag (seconds).
const OVERLAP_MS: u64 = 120_000;
const ARCHIVED_INTERVAL_MS: u64 = 60_000;
const REQUEST_TIMEOUT_MS: u64 = 30_000;
/// The secret webhooks are signed with, unless named otherwise.
const WEBHOOK_SECRET: &str = "client_secret";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    app_id: Option<AppId>,
    /// For the host, which signs in.
    #[serde(default, rename = "client_id")]
    _client_id: Option<String>,
    #[serde(default)]
    objects: Option<Vec<String>>,
    #[serde(default)]
    poll_interval_ms: Option<u64>,
    #[serde(default)]
    overlap_ms: Option<u64>,
    #[serde(default)]
    archived_interval_ms: Option<u64>,
    #[serde(default)]
    request_timeout_ms: Option<u64>,
    #[serde(default)]
    webhook_secret: Option<String>,
    #[serde(default)]
    webhook_url: Option<String>,
}

/// Written as a number or as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum AppId {
    Number(u64),
    Text(String),
}

/// What a session works with. Never holds a token.
#[derive(Clone, Debug)]
pub struct Config {
    /// Without a slash at its end.
    pub base_url: String,
    pub api_version: String,
    /// Our own app: how entries of ours are told in a property's history.
    pub app_id: Option<String>,
    pub objects: Vec<String>,
    pub poll_interval_ms: u64,
    pub overlap_ms: u64,
    pub archived_interval_ms: u64,
    pub request_timeout_ms: u64,
    pub webhook_secret: String,
    /// The address HubSpot was given: what its signatures are made over.
    pub webhook_url: Option<String>,
}

/// The schema the host checks configurations against.
pub const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "base_url": {"type": "string", "default": "https://api.hubapi.com", "description": "where the API answers"},
    "api_version": {"type": "string", "default": "v3", "pattern": "^(v3|[0-9]{4}-[0-9]{2})$", "description": "v3, or a date version such as 2026-09"},
    "app_id": {"type": ["integer", "string"], "description": "the app's id: tells our own entries in a property's history from others'"},
    "client_id": {"type": "string", "description": "of the OAuth app, where auth is oauth"},
    "objects": {"type": "array", "items": {"type": "string"}, "default": ["contacts", "companies", "deals", "tickets"], "description": "object types to describe; custom ones by their id, such as 2-3604285"},
    "poll_interval_ms": {"type": "integer", "minimum": 200, "description": "default 5000, with webhooks 60000"},
    "overlap_ms": {"type": "integer", "minimum": 1000, "default": 120000, "description": "how far back every poll looks again; longer than the search index may lag"},
    "archived_interval_ms": {"type": "integer", "minimum": 1000, "default": 60000, "description": "how often deleted records are looked through"},
    "request_timeout_ms": {"type": "integer", "minimum": 100, "default": 30000},
    "webhook_secret": {"type": "string", "default": "client_secret", "description": "name of the secret that webhooks are signed with"},
    "webhook_url": {"type": "string", "description": "set when webhooks are used: the public address they are sent to, exactly as HubSpot was given it"}
  }
}"#;

impl Config {
    /// Parse and check a configuration.
    ///
    /// # Errors
    /// `Config`, naming what does not fit.
    pub fn parse(json: &str) -> Result<Self> {
        let given: Given =
            serde_json::from_str(json).map_err(|error| Failure::Config(format!("configuration: {error}")))?;
        let base_url = given.base_url.unwrap_or_else(|| BASE_URL.into()).trim_end_matches('/').to_owned();
        if !base_url.starts_with("https://") && !base_url.starts_with("http://") {
            return Err(Failure::Config(format!("base_url: `{base_url}` must begin with https://")));
        }
        let api_version = given.api_version.unwrap_or_else(|| "v3".into());
        if !is_version(&api_version) {
            let message = format!("api_version: `{api_version}` is neither v3 nor a date version such as 2026-09");
            return Err(Failure::Config(message));
        }
        let objects = given.objects.unwrap_or_else(|| OBJECTS.map(String::from).into());
        if let Some(bad) = objects.iter().find(|name| !is_object_name(name)) {
            return Err(Failure::Config(format!("objects: `{bad}` is not the name of an object type")));
        }
        let poll_default = match given.webhook_url {
            Some(_) => POLL_INTERVAL_BESIDE_WEBHOOKS_MS,
            None => POLL_INTERVAL_MS,
        };
        Ok(Config {
            base_url,
            api_version,
            app_id: given.app_id.map(|id| match id {
                AppId::Number(number) => number.to_string(),
                AppId::Text(text) => text,
            }),
            objects,
            poll_interval_ms: given.poll_interval_ms.unwrap_or(poll_default).max(200),
            overlap_ms: given.overlap_ms.unwrap_or(OVERLAP_MS).max(1_000),
            archived_interval_ms: given.archived_interval_ms.unwrap_or(ARCHIVED_INTERVAL_MS).max(1_000),
            request_timeout_ms: given.request_timeout_ms.unwrap_or(REQUEST_TIMEOUT_MS).max(100),
            webhook_secret: given.webhook_secret.unwrap_or_else(|| WEBHOOK_SECRET.into()),
            webhook_url: given.webhook_url,
        })
    }
}

fn is_version(text: &str) -> bool {
    let date = |(year, month): (&str, &str)| {
        year.len() == 4 && month.len() == 2 && [year, month].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()))
    };
    text == "v3" || text.split_once('-').is_some_and(date)
}

/// What may stand in a path: names and ids of object types.
pub fn is_object_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= 100 && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_given_means_hubspot_itself_polled_every_few_seconds() {
        let config = Config::parse("{}").expect("valid");
        assert_eq!(config.base_url, "https://api.hubapi.com");
        assert_eq!(config.api_version, "v3");
        assert_eq!(config.objects, OBJECTS);
        assert_eq!(config.poll_interval_ms, 5_000);
    }

    #[test]
    fn webhooks_make_polling_rarer() {
        let config = Config::parse(r#"{"webhook_url":"https://example.com/hook","app_id":77}"#).expect("valid");
        assert_eq!(config.poll_interval_ms, 60_000);
        assert_eq!(config.app_id.as_deref(), Some("77"));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (json, word) in [
            (r#"{"api_version":"v2"}"#, "api_version"),
            (r#"{"base_url":"ftp://x"}"#, "base_url"),
            (r#"{"objects":["a/b"]}"#, "objects"),
            (r#"{"token":"x"}"#, "token"),
        ] {
            let failure = Config::parse(json).expect_err(json);
            assert!(failure.to_string().contains(word), "{failure}");
        }
        assert!(Config::parse(r#"{"api_version":"2026-09"}"#).is_ok());
    }

    #[test]
    fn the_schema_is_json_and_names_every_key() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("JSON");
        let keys = schema["properties"].as_object().expect("an object").keys();
        for key in keys {
            assert!(Config::parse(&format!(r#"{{"{key}":[]}}"#)).is_err() || key == "objects", "{key}");
        }
    }
}
