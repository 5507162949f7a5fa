//! HTTP as a connector sees it: a request is started, and its answer awaited,
//! in the same call or in a later one. The host owns the connections, checks
//! where they go, and puts credentials on the wire; a connector never holds one.
//!
//! [`Client`] has two kinds: the sandboxed one ([`HostClient`]) and whatever a
//! connector's native tests use.
//!
//! Two answers can come from the host instead of the system; both say so in the
//! header `lockstep-answer`, and nothing was sent for either of them:
//! - 429 with `retry-after`: the connection's own rate budget is used up (`budget`);
//! - 401: signing in was refused (`sign-in`), the body says why.

mod host_client;

use std::time::Duration;

pub use host_client::HostClient;

/// A request. The body is sent whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In upper case, such as `GET`.
    pub method: String,
    /// Absolute: `https://host[:port]/path?query`.
    pub url: String,
    /// Names in lower case. The host adds `host`, `content-length` and credentials.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// For the head of the answer, and between two parts of its body.
    pub timeout: Duration,
}

impl Request {
    /// A request without a body that waits half a minute.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Request {
            method: method.to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(30),
        }
    }

    /// With a header. `name` in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self.header("content-type", "application/json")
    }
}

/// An answer, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// `retry-after` in milliseconds, where it counts seconds.
    pub fn retry_after_ms(&self) -> Option<u32> {
        let seconds: u32 = self.header("retry-after")?.trim().parse().ok()?;
        Some(seconds.saturating_mul(1000))
    }

    /// `budget` or `sign-in` when the host answered in the system's place.
    pub fn answered_by_host(&self) -> Option<&str> {
        self.header("lockstep-answer")
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was sent: the host refuses, the name does not resolve, nobody listens.
    NotSent(String),
    /// The host refused it; the words name the line to add to the configuration.
    Denied(String),
    /// It was sent, or may have been; whether it took effect is not known.
    Unknown(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::NotSent(why) => write!(f, "not sent: {why}"),
            Failure::Denied(why) => f.write_str(why),
            Failure::Unknown(why) => write!(f, "no answer: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

/// Sends requests.
pub trait Client {
    /// Sends the request and does not wait. Dropping what comes back gives it up.
    fn start(&self, request: Request) -> Box<dyn Pending>;

    /// Sends the request and waits for the whole answer.
    ///
    /// # Errors
    /// Whatever kept the answer from arriving.
    fn send(&self, request: Request) -> Result<Response, Failure> {
        let mut pending = self.start(request);
        loop {
            if let Some(answer) = pending.wait(Duration::from_secs(60)) {
                return answer;
            }
        }
    }
}

/// A request on its way. Lives across calls into the connector, so a long poll
/// goes on while the host does something else.
pub trait Pending {
    /// The answer, or `None` when it did not arrive within `timeout`. Not to be
    /// called again after it gave an answer.
    fn wait(&mut self, timeout: Duration) -> Option<Result<Response, Failure>>;
}
