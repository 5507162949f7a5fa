//! Messages to the endpoint and from it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::failure::{Failure, Result};

/// What the endpoint advises after a connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reconnect {
    #[default]
    Retry,
    Handshake,
    None,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Advice {
    pub reconnect: Reconnect,
    /// To wait before the next connect, in milliseconds.
    pub interval: u64,
    /// How long a connect is held, in milliseconds.
    pub timeout: Option<u64>,
}

/// A message from the endpoint.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Message {
    pub channel: String,
    pub client_id: Option<String>,
    pub successful: Option<bool>,
    pub error: Option<String>,
    pub subscription: Option<String>,
    pub advice: Option<Advice>,
    pub data: Option<Box<RawValue>>,
}

/// Why the endpoint refuses, by the codes before the two colons (documented).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The replay id is no longer kept, or never was.
    ReplayGone,
    /// The client is not known (any more): handshake again.
    Unknown,
    /// The session's token is not valid (any more).
    Auth,
    /// The day's deliveries are used up, or too many clients.
    Limit,
    /// There is no such channel, or no right to it.
    NoChannel,
    Other,
}

impl Message {
    pub fn is_refused(&self) -> bool {
        self.successful == Some(false)
    }

    pub fn refusal(&self) -> Refusal {
        let error = self.error.as_deref().unwrap_or_default().to_lowercase();
        if error.contains("replayid") && error.starts_with("400") {
            Refusal::ReplayGone
        } else if error.contains("unknown client") {
            Refusal::Unknown
        } else if error.starts_with("401") || error.contains("handshake denied") {
            Refusal::Auth
        } else if error.contains("limit exceeded") || error.contains("limit_exceeded") {
            Refusal::Limit
        } else if error.starts_with("403") || error.starts_with("404") || error.starts_with("400") {
            Refusal::NoChannel
        } else {
            Refusal::Other
        }
    }
}

/// The first message: says that we replay.
pub fn handshake() -> Vec<u8> {
    let message = json!([{
        "channel": "/meta/handshake",
        "version": "1.0",
        "minimumVersion": "1.0",
        "supportedConnectionTypes": ["long-polling"],
        "ext": {"replay": true},
    }]);
    message.to_string().into_bytes()
}

/// Subscribe to channels, each from behind a replay id; -1: what is new, -2: all
/// that is kept.
pub fn subscribe(client_id: &str, channels: &BTreeMap<String, i64>) -> Vec<u8> {
    let messages: Vec<_> = channels
        .iter()
        .map(|(channel, from)| {
            json!({
                "channel": "/meta/subscribe",
                "clientId": client_id,
                "subscription": channel,
                "ext": {"replay": {channel.as_str(): from}},
            })
        })
        .collect();
    json!(messages).to_string().into_bytes()
}

/// Wait for what comes.
pub fn connect(client_id: &str) -> Vec<u8> {
    json!([{"channel": "/meta/connect", "clientId": client_id, "connectionType": "long-polling"}])
        .to_string()
        .into_bytes()
}

/// The messages of an answer.
///
/// # Errors
/// `internal` when it is something else.
pub fn parse(body: &[u8]) -> Result<Vec<Message>> {
    serde_json::from_slice(body).map_err(|error| Failure::Protocol(format!("a streaming answer: {error}")))
}

/// The cookies of an answer as they are sent back: they tie us to the server
/// that holds the session (documented).
pub fn cookies<'a>(set: impl Iterator<Item = &'a str>, known: &mut BTreeMap<String, String>) {
    for header in set {
        let pair = header.split(';').next().unwrap_or_default();
        if let Some((name, value)) = pair.split_once('=') {
            known.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_says_where_it_goes_on() {
        let channels = [("/data/ContactChangeEvent".to_owned(), 17), ("/data/LeadChangeEvent".to_owned(), -2)];
        let body: serde_json::Value =
            serde_json::from_slice(&subscribe("c1", &channels.into_iter().collect())).expect("JSON");
        assert_eq!(body[0]["subscription"], "/data/ContactChangeEvent");
        assert_eq!(body[0]["ext"]["replay"]["/data/ContactChangeEvent"], 17);
        assert_eq!(body[1]["ext"]["replay"]["/data/LeadChangeEvent"], -2);
    }

    #[test]
    fn every_refusal_is_told_from_the_others() {
        for (error, expected) in [
            (
                "400::The replayId {5} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.",
                Refusal::ReplayGone,
            ),
            ("403::Unknown client", Refusal::Unknown),
            ("401::Authentication invalid", Refusal::Auth),
            ("403::Handshake denied", Refusal::Auth),
            ("403::Organization total events daily limit exceeded", Refusal::Limit),
            ("403:denied_by_security_policy:create_denied", Refusal::NoChannel),
            ("404::Unknown channel", Refusal::NoChannel),
            ("500::Server error", Refusal::Other),
        ] {
            let message = Message { error: Some(error.into()), successful: Some(false), ..Message::default() };
            assert_eq!(message.refusal(), expected, "{error}");
        }
    }

    #[test]
    fn an_answer_may_hold_news_and_what_became_of_the_connect() {
        let body = br#"[{"channel":"/data/LeadChangeEvent","data":{"schema":"s","payload":{},"event":{"replayId":3}}},
            {"channel":"/meta/connect","successful":true,"advice":{"reconnect":"retry","interval":0,"timeout":110000}}]"#;
        let messages = parse(body).expect("messages");
        assert!(messages[0].data.is_some());
        assert_eq!(messages[1].advice.as_ref().and_then(|advice| advice.timeout), Some(110_000));
    }

    #[test]
    fn cookies_are_kept_by_name() {
        let mut known = BTreeMap::new();
        cookies(["BAYEUX_BROWSER=a1; Path=/; Secure", "x=1"].into_iter(), &mut known);
        cookies(["x=2; HttpOnly"].into_iter(), &mut known);
        assert_eq!(
            known.into_iter().collect::<Vec<_>>(),
            [("BAYEUX_BROWSER".into(), "a1".into()), ("x".into(), "2".into())]
        );
    }
}
