//! A plain HTTP caller with a session, for asking the simulator things.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lockstep_simulators::salesforce::{Options, Org};
use serde_json::{Value, json};
use ureq::{Agent, http::Request};

/// An organisation and a session with it.
pub struct Caller {
    pub org: Org,
    agent: Agent,
    pub token: String,
    cookie: String,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Heard {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Heard {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| format!("{} {:?}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The code of the first error.
    pub fn code(&self) -> Result<String> {
        let body = self.json()?;
        Ok(body[0]["errorCode"].as_str().with_context(|| body.to_string())?.to_owned())
    }
}

impl Caller {
    pub fn start(options: Options) -> Result<Self> {
        let org = Org::start(options)?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)));
        let token = org.access_token();
        Ok(Self { org, agent: config.build().into(), token, cookie: String::new() })
    }

    pub fn new() -> Result<Self> {
        Self::start(Options::default())
    }

    /// `path` is behind `/services/data/v67.0/` unless it begins with a slash.
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Heard> {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/services/data/v67.0/{path}") };
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.org.url())).header("cookie", &self.cookie);
        let session = format!("Bearer {}", self.token);
        for (name, value) in [("authorization", session.as_str()), ("content-type", "application/json")] {
            if !headers.iter().any(|(own, _)| *own == name) {
                request = request.header(name, value);
            }
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match method {
            "GET" | "DELETE" => self.agent.run(request.body(())?)?,
            _ => self.agent.run(request.body(body.to_owned())?)?,
        };
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let status = response.status().as_u16();
        let text = response.into_body().with_config().limit(64 * 1024 * 1024).read_to_string()?;
        Ok(Heard { status, headers, text })
    }

    pub fn get(&self, path: &str) -> Result<Heard> {
        self.call("GET", path, &[], "")
    }

    pub fn post(&self, path: &str, body: Value) -> Result<Heard> {
        self.call("POST", path, &[], &body.to_string())
    }

    pub fn patch(&self, path: &str, body: Value) -> Result<Heard> {
        self.call("PATCH", path, &[], &body.to_string())
    }

    pub fn query(&self, text: &str) -> Result<Value> {
        let heard = self.get(&format!("query?q={}", escaped(text)))?;
        ensure!(heard.status == 200, "{heard:?}");
        heard.json()
    }

    /// Creates a row through the API.
    pub fn create(&self, object: &str, values: Value) -> Result<String> {
        let heard = self.post(&format!("sobjects/{object}"), values)?;
        ensure!(heard.status == 201, "{heard:?}");
        Ok(heard.json()?["id"].as_str().context("an id")?.to_owned())
    }

    /// Says something on the streaming channel.
    pub fn say(&self, messages: Value) -> Result<Vec<Value>> {
        let heard = self.call("POST", "/cometd/67.0", &[], &messages.to_string())?;
        ensure!(heard.status == 200, "{heard:?}");
        Ok(heard.json()?.as_array().context("a list")?.clone())
    }

    /// Shakes hands; the client's id.
    pub fn shake(&mut self) -> Result<String> {
        let message = json!([{"channel": "/meta/handshake", "id": "1", "version": "1.0",
            "supportedConnectionTypes": ["long-polling"]}]);
        let heard = self.call("POST", "/cometd/67.0", &[], &message.to_string())?;
        let cookie = heard.header("set-cookie").context("a cookie")?;
        let id = heard.json()?[0]["clientId"].as_str().context("a client id")?.to_owned();
        self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        self.connect(&id)?;
        Ok(id)
    }

    pub fn forget_cookie(&mut self) {
        self.cookie.clear();
    }

    pub fn subscribe(&self, client: &str, channel: &str, replay: i64) -> Result<Value> {
        let message = json!([{"channel": "/meta/subscribe", "clientId": client, "id": "2",
            "subscription": channel, "ext": {"replay": {channel: replay}}}]);
        Ok(self.say(message)?.remove(0))
    }

    pub fn connect(&self, client: &str) -> Result<Vec<Value>> {
        self.say(json!([{"channel": "/meta/connect", "clientId": client, "id": "3", "connectionType": "long-polling"}]))
    }

    /// Connects until this many events came; their payloads.
    pub fn hear(&self, client: &str, events: usize) -> Result<Vec<Value>> {
        let mut heard = Vec::new();
        while heard.len() < events {
            let replies = self.connect(client)?;
            let reply = replies.last().context("a reply")?;
            ensure!(reply["successful"] == true, "{reply}");
            heard.extend(
                replies.into_iter().filter(|reply| !reply["data"].is_null()).map(|mut event| event["data"].take()),
            );
        }
        Ok(heard)
    }
}

/// For a query string.
pub fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        })
        .collect()
}
