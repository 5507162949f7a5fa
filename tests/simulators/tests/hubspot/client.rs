//! A minimal blocking HTTP client: one connection a request, nothing hidden.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use lockstep_simulators::hubspot::{Account, Options, Settings};
use serde_json::Value;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A text inside the body, by JSON pointer.
    pub fn text(&self, pointer: &str) -> Result<String> {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        Ok(found.with_context(|| format!("{pointer} in {}", self.body))?.to_owned())
    }
}

/// An account and the key its calls are made with.
pub struct Caller {
    pub account: Account,
    pub token: String,
}

impl Caller {
    /// An account whose index does not lag and whose limits are far away.
    pub fn start() -> Result<Self> {
        let settings = Settings { search_lag_ms: 0, burst_max: 10_000, ..Settings::default() };
        Self::with(settings)
    }

    pub fn with(settings: Settings) -> Result<Self> {
        let account = Account::start(Options { settings, ..Options::default() })?;
        let token = account.token().to_owned();
        Ok(Self { account, token })
    }

    pub fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call("POST", path, Some(body))
    }

    pub fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call("PATCH", path, Some(body))
    }

    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        let authorization = format!("authorization: Bearer {}\r\n", self.token);
        let text = body.map(Value::to_string).unwrap_or_default();
        self.raw(method, path, &authorization, "application/json", &text)
    }

    pub fn raw(&self, method: &str, path: &str, headers: &str, content_type: &str, body: &str) -> Result<Answer> {
        let mut stream = TcpStream::connect(self.account.server().address())?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-type: {content_type}\r\n\
             connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer with a head")?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("a status")?.parse()?;
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let body =
            if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap_or_else(|_| body.into()) };
        Ok(Answer { status, headers, body })
    }

    /// Creates one record through the API; its id.
    pub fn create(&self, object: &str, properties: &Value) -> Result<String> {
        let body = serde_json::json!({ "properties": properties });
        let answer = self.post(&format!("/crm/v3/objects/{object}"), &body)?;
        ensure!(answer.status == 201, "{} {}", answer.status, answer.body);
        answer.text("/id")
    }
}
