//! What a recording is made of: one event a line. Names here are the file's.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body::Body;

/// One thing that crossed between a component and its host, or that the host said to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// A new instance. `seed`: all its randomness comes from it.
    Instance {
        seed: String,
    },
    /// An export is called.
    Call {
        call: String,
        asked: Value,
    },
    /// And what became of the call.
    Answer {
        outcome: Outcome,
    },

    /// A request over HTTP as the component made it, and the answer as it got it.
    Http {
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Body>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<HttpAnswer>,
    },
    SignIn {
        anew: bool,
        answer: Answered<Vec<(String, String)>>,
    },
    /// An operation on a secret. `message`: the SHA-256 of what it was done with; `answer`: a stand-in.
    Credential {
        operation: String,
        secret: String,
        message: String,
        answer: Answered<Vec<Body>>,
    },

    LookUp {
        name: String,
        answer: Answered<()>,
    },
    Address {
        answer: Answered<Option<String>>,
    },
    Socket {
        ipv6: bool,
        answer: Answered<()>,
    },
    Connect {
        to: String,
        answer: Answered<()>,
    },
    /// `wire` names the connection in the events of its bytes.
    Connected {
        answer: Answered<Wired>,
    },
    Encrypt {
        server_name: String,
        verify: String,
        answer: Answered<Encrypting>,
    },
    Sent {
        wire: u32,
        bytes: Body,
    },
    Received {
        wire: u32,
        bytes: Body,
    },
    Ended {
        wire: u32,
        way: Way,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broken: Option<Broken>,
    },

    /// No more room in the recording: nothing after this is there.
    Cut,

    // From here on: what is told to the component as it asks, and what it says to people.
    NotYet,
    Nothing {
        wire: u32,
    },
    Full {
        wire: u32,
    },
    Wall {
        ns: u64,
    },
    Monotonic {
        ns: u64,
    },
    Poll {
        ready: Vec<u32>,
    },
    Ready {
        ready: bool,
    },
    Got {
        ready: bool,
    },
    Said {
        level: String,
        line: String,
    },
    RateLimit {
        name: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answered<T> {
    Ok(T),
    Err(String),
}

impl<T> Answered<T> {
    pub(crate) fn result(self) -> Result<T, String> {
        match self {
            Answered::Ok(value) => Ok(value),
            Answered::Err(words) => Err(words),
        }
    }
}

impl<T, E: ToString> From<Result<T, E>> for Answered<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Answered::Ok(value),
            Err(error) => Answered::Err(error.to_string()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HttpAnswer {
    Answered {
        status: u16,
        headers: Vec<(String, String)>,
        body: Body,
    },
    /// In the host's words.
    Failed(String),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Answered(Value),
    /// The connector's own error.
    Refused(Value),
    /// The host stopped it, or it crashed.
    Stopped {
        code: String,
        words: String,
    },
    /// Whoever asked did not wait for the end, or it took too long.
    CutOff {
        code: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wired {
    pub(crate) wire: u32,
    pub(crate) local: String,
    pub(crate) remote: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Encrypting {
    pub(crate) wire: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel_binding: Option<Body>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    In,
    Out,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Broken {
    pub(crate) kind: String,
    pub(crate) words: String,
}

impl Event {
    /// Whether a component that does the same may ask for it more or less often: a build of
    /// another compiler looks at the clock or waits at other moments.
    pub(crate) fn is_soft(&self) -> bool {
        matches!(
            self,
            Event::NotYet
                | Event::Nothing { .. }
                | Event::Full { .. }
                | Event::Wall { .. }
                | Event::Monotonic { .. }
                | Event::Poll { .. }
                | Event::Ready { .. }
                | Event::Got { .. }
                | Event::Said { .. }
                | Event::RateLimit { .. }
        )
    }

    /// About how much room it takes.
    pub(crate) fn weight(&self) -> usize {
        const EACH: usize = 64;
        let pairs = |pairs: &[(String, String)]| pairs.iter().map(|(a, b)| a.len() + b.len() + 8).sum::<usize>();
        EACH + match self {
            Event::Http { url, headers, body, answer, .. } => {
                let answer = match answer {
                    Some(HttpAnswer::Answered { headers, body, .. }) => pairs(headers) + body.held.len(),
                    Some(HttpAnswer::Failed(words)) => words.len(),
                    None => 0,
                };
                url.len() + pairs(headers) + body.as_ref().map_or(0, |body| body.held.len()) + answer
            }
            Event::Call { asked, .. } => size(asked),
            Event::Answer { outcome: Outcome::Answered(value) | Outcome::Refused(value) } => size(value),
            Event::Sent { bytes, .. } | Event::Received { bytes, .. } => bytes.held.len(),
            Event::SignIn { answer: Answered::Ok(answers), .. } => pairs(answers),
            Event::Said { line, .. } => line.len(),
            _ => 0,
        }
    }

    /// In a person's words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Event::Instance { .. } => "a new instance".into(),
            Event::Call { call, .. } => format!("the next call, `{call}`"),
            Event::Answer { .. } => "the end of the call".into(),
            Event::Http { method, url, .. } => format!("the request {method} {url}"),
            Event::SignIn { anew, .. } => format!("signing in{}", if *anew { " anew" } else { "" }),
            Event::Credential { operation, secret, .. } => format!("{operation} with the secret `{secret}`"),
            Event::LookUp { name, .. } => format!("looking {name} up"),
            Event::Address { .. } => "asking for the next address".into(),
            Event::Socket { .. } => "a new socket".into(),
            Event::Connect { to, .. } => format!("connecting to {to}"),
            Event::Connected { .. } => "the end of connecting".into(),
            Event::Encrypt { server_name, .. } => format!("encrypting the connection to {server_name}"),
            Event::Sent { wire, bytes } => format!("sending on connection {wire}: {}", bytes.describe()),
            Event::Received { wire, .. } | Event::Ended { wire, way: Way::In, .. } => {
                format!("receiving on connection {wire}")
            }
            Event::Ended { wire, .. } => format!("sending on connection {wire}, which is closed"),
            Event::Cut => "no more: the recording was full".into(),
            soft => format!("{soft:?}"),
        }
    }
}

/// About how long a value is when it is written.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 6,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
        Value::Object(fields) => 2 + fields.iter().map(|(name, value)| name.len() + size(value) + 4).sum::<usize>(),
    }
}
