//! What the engine asks of a connected system, whoever answers: a sandboxed
//! connector, or an in-memory system in a simulation. Knows the core's
//! vocabulary and nothing of components, sockets or files.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use lockstep_core::{
    change::{Changes, Cursor, Found, Page, Selection},
    key::Key,
    schema::{CheckItem, ColumnType, ConnectorSpec, Object, Reference},
    webhook::{Webhook, WebhookAnswer},
    write::{Outcome, WriteRequest},
};
use serde::{Deserialize, Serialize};

/// What a session is opened for. A session serves one role, so that a blocked
/// read never delays a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The change stream, and the first copy read in its snapshot.
    Tail,
    /// Writes and the reads that confirm them.
    Write,
    /// Full reads beside the stream, checks and discovery.
    Read,
    /// Webhooks.
    Ingest,
}

impl Role {
    /// The name the contract uses.
    pub fn name(self) -> &'static str {
        match self {
            Role::Tail => "tail",
            Role::Write => "write",
            Role::Read => "read",
            Role::Ingest => "ingest",
        }
    }
}

/// A page of a full read.
#[derive(Clone, Debug)]
pub struct PageRequest {
    pub selection: Selection,
    /// Empty for the first page, else what the last page returned.
    pub after: Arc<[u8]>,
    pub rows_max: u32,
    pub bytes_max: u32,
}

/// The next part of a change stream.
#[derive(Clone, Debug)]
pub struct ChangesRequest {
    pub selections: Arc<[Selection]>,
    pub after: Cursor,
    /// All up to here is on disk: the source may forget it.
    pub durable: Cursor,
    /// 0: nothing is wanted, only keep the stream alive.
    pub records_max: u32,
    pub bytes_max: u32,
    pub wait_ms: u32,
}

/// The current state of given rows.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    pub selection: Selection,
    /// The columns `keys` give: the object's key, or a match key.
    pub by: Vec<String>,
    pub keys: Vec<Key>,
}

/// A column that should exist at the destination.
#[derive(Clone, Debug)]
pub struct WantedColumn {
    pub name: String,
    pub column_type: ColumnType,
    pub nullable: bool,
    pub unique: bool,
    pub references: Option<Reference>,
    pub comment: String,
}

/// A destination object that should exist.
#[derive(Clone, Debug)]
pub struct EnsureRequest {
    pub object: String,
    pub columns: Vec<WantedColumn>,
    pub key: Vec<String>,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What kind of trouble a session had: decides what the engine does about it
/// (one exhaustive match, in [`crate::policy`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionErrorKind {
    Retry,
    Throttled,
    Unavailable,
    /// Credentials were refused.
    Auth,
    /// A right is missing.
    Denied,
    Config,
    /// An object or column does not exist.
    NotFound,
    /// The stream no longer reaches back: reconcile.
    CursorInvalid,
    /// The stored cursor is of another version than the connector reads.
    CursorVersion,
    Unsupported,
    Internal,
    /// The session is gone (trap, timeout, cancelled); open another.
    Crashed,
}

impl SessionErrorKind {
    pub fn code(self) -> &'static str {
        match self {
            SessionErrorKind::Retry => "retry",
            SessionErrorKind::Throttled => "throttled",
            SessionErrorKind::Unavailable => "unavailable",
            SessionErrorKind::Auth => "auth",
            SessionErrorKind::Denied => "denied",
            SessionErrorKind::Config => "config",
            SessionErrorKind::NotFound => "not-found",
            SessionErrorKind::CursorInvalid => "cursor-invalid",
            SessionErrorKind::CursorVersion => "cursor-version",
            SessionErrorKind::Unsupported => "unsupported",
            SessionErrorKind::Internal => "internal",
            SessionErrorKind::Crashed => "crashed",
        }
    }
}

/// What went wrong in a call to a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SessionError {
    pub kind: SessionErrorKind,
    pub message: String,
    /// What the operator can do; empty if unknown.
    pub remedy: String,
    pub retry_after_ms: Option<u32>,
    /// A code of its own, where it has one that says more than the kind.
    pub code: Option<&'static str>,
}

impl SessionError {
    pub fn new(kind: SessionErrorKind, message: impl Into<String>) -> Self {
        SessionError { kind, message: message.into(), remedy: String::new(), retry_after_ms: None, code: None }
    }
}

fn no_component() -> SessionError {
    SessionError::new(SessionErrorKind::Unsupported, "this connection is not served by a component")
}

/// One session with a connected system. Calls are made one at a time; a call's
/// future is not dropped before it is done, except when the session is.
#[async_trait]
pub trait Session: Send {
    async fn spec(&mut self) -> Result<ConnectorSpec, SessionError>;

    async fn check(&mut self, objects: &[String]) -> Result<Vec<CheckItem>, SessionError>;

    /// `objects` empty: every object there is.
    async fn discover(&mut self, objects: &[String]) -> Result<Vec<Object>, SessionError>;

    /// Prepares the change stream for these objects and says where it starts.
    async fn start(&mut self, selections: &[Selection]) -> Result<Cursor, SessionError>;

    /// Removes whatever `start` made at the source; says what it removed.
    async fn release(&mut self) -> Result<Vec<String>, SessionError>;

    async fn read(&mut self, request: &PageRequest) -> Result<Page, SessionError>;

    async fn changes(&mut self, request: &ChangesRequest) -> Result<Changes, SessionError>;

    async fn fetch(&mut self, request: &FetchRequest) -> Result<Vec<Found>, SessionError>;

    /// One outcome per intent, in order.
    async fn write(&mut self, request: &WriteRequest) -> Result<Vec<Outcome>, SessionError>;

    /// Creates or extends a destination object; returns the statements.
    async fn ensure(&mut self, request: &EnsureRequest) -> Result<Vec<String>, SessionError>;

    /// Verifies a webhook and tells what it says. A system that sends none: `Unsupported`.
    async fn ingest(&mut self, _webhook: &Webhook) -> Result<WebhookAnswer, SessionError> {
        Err(SessionError::new(SessionErrorKind::Unsupported, "this connector takes no webhooks"))
    }

    /// Ends it in good order, and waits until its system was told, within bounds. One that
    /// is only dropped ends too, at some time soon.
    async fn close(self: Box<Self>) {}
}

/// Which component: where it is found, and the digest it must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentName {
    /// As a configuration names it; [`KEPT`]: what was kept under this digest.
    pub from: String,
    /// SHA-256, 64 hexadecimal digits.
    pub digest: Option<String>,
}

/// Names no source but what [`Connector::keep`] put aside.
pub const KEPT: &str = "kept";

/// What a component is and asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    pub bytes: u64,
    /// Where it came from, for people.
    pub from: String,
    /// Who answers for it, for people.
    pub signature: String,
    pub name: String,
    pub version: String,
    /// The version of the contract that it is built for.
    pub contract: String,
    pub cursor_version: u32,
    /// `log`, `webhook`, `poll` or `none`.
    pub changes: String,
    /// Everything it asks to reach and to use, in the words of its own description.
    pub asks: Vec<String>,
}

/// How much a recording keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordBounds {
    /// Bytes of one body, or of what is sent or received at a time.
    pub body_bytes: usize,
    /// Bytes of everything.
    pub bytes: usize,
}

/// Sessions being recorded.
#[async_trait]
pub trait Recording: Send + Sync {
    /// The content of a file, for whoever can replay it; `None`: no session did anything.
    async fn end(self: Box<Self>) -> Result<Option<Vec<u8>>, SessionError>;
}

/// Opens sessions with one connected system.
#[async_trait]
pub trait Connector: Send + Sync {
    async fn open(&self, role: Role) -> Result<Box<dyn Session>, SessionError>;

    /// What the configuration says of its component; another text is another decision of the operator.
    fn configured(&self) -> String {
        String::new()
    }

    /// What its component is, before anything of it reaches the system.
    async fn about(&self) -> Result<About, SessionError> {
        Err(no_component())
    }

    /// The same connection served by another component. Loads nothing yet.
    fn with(&self, _component: &ComponentName) -> Result<Arc<dyn Connector>, SessionError> {
        Err(no_component())
    }

    /// Puts the component aside, so that [`KEPT`] finds it whatever becomes of its source.
    async fn keep(&self) -> Result<(), SessionError> {
        Err(no_component())
    }

    /// Has everything recorded that its sessions do which are opened from now on, until the recording is
    /// ended or dropped. One at a time.
    fn record(&self, _bounds: RecordBounds) -> Result<Box<dyn Recording>, SessionError> {
        Err(no_component())
    }

    /// What its sessions did since the process started, all of them together.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    /// The latest requests that its sessions made over HTTP, oldest first.
    fn requests(&self) -> Vec<Request> {
        Vec::new()
    }

    /// What its connector did wrong or was refused since the process started, oldest first.
    fn incidents(&self) -> Vec<Incident> {
        Vec::new()
    }

    /// What its connector says in its log from now on; `None` for one that says nothing.
    fn log(&self) -> Option<Box<dyn Log>> {
        None
    }

    /// What it is not asked for since it kept failing.
    fn parked(&self) -> Vec<Parked> {
        Vec::new()
    }

    /// How often each of the connector's bounds was reached, by its name in the configuration.
    fn bounds(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    /// What its system allows the account to ask, as far as is known; `None` for one without limits.
    fn budget(&self) -> Option<Budget> {
        None
    }
}

/// A line of a connector's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Microseconds since 1970.
    pub at_us: i64,
    /// What the session is for.
    pub role: String,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    pub line: String,
}

/// What comes of following a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Logged {
    Line(LogLine),
    /// Whoever follows was too slow: this many lines are gone.
    Missed(u64),
}

/// A log being followed.
#[async_trait]
pub trait Log: Send {
    /// `None`: no more will come.
    async fn next(&mut self) -> Option<Logged>;
}

/// What the sessions of a connection did. Numbers only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub calls: u64,
    /// Calls that ended in an error of any kind.
    pub call_errors: u64,
    /// Microseconds spent in calls, waiting included.
    pub call_us: u64,
    /// Instances thrown away after a trap, a timeout or a broken answer.
    pub traps: u64,
    pub rows_received: u64,
    pub writes_sent: u64,
    /// On the wire, before encryption.
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// Connections and look-ups refused.
    pub denials: u64,
    /// Requests over HTTP, those without an answer, and those that the system refused for being too many.
    #[serde(default)]
    pub requests: u64,
    #[serde(default)]
    pub request_failures: u64,
    #[serde(default)]
    pub limit_errors: u64,
}

/// A request that a connector made over HTTP, or tried to: never its query, its headers or a body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Microseconds since 1970.
    pub at_us: i64,
    /// What the session was for; `sign-in` for a token's own request.
    pub role: String,
    pub method: String,
    /// Such as `https://api.example.com`.
    pub place: String,
    pub path: String,
    /// 0 where there is no answer; `failure` says why then.
    pub status: u16,
    pub failure: String,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub took_ms: u64,
    /// The trace id that was sent along.
    pub trace: String,
}

/// A crash, a time-out, a broken answer or a refusal of a connector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Microseconds since 1970, of the latest of those counted.
    pub at_us: i64,
    /// What the session was for.
    pub role: String,
    pub code: String,
    pub what: String,
    /// What the operator can do; empty where nothing is known.
    pub remedy: String,
    /// The bound that was reached, by its name in the configuration; empty otherwise.
    pub bound: String,
    pub count: u64,
}

/// A connector that kept failing is asked only now and then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// What its sessions are for.
    pub role: String,
    /// The failure that parked it.
    pub reason: String,
}

/// What a system allows an account to ask; connections of one account share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    pub account: String,
    pub limits: Vec<BudgetLimit>,
    /// The system wants nothing for so long.
    pub blocked_ms: u64,
    /// Requests that it refused for being too many, ever.
    pub refused: u64,
    /// Requests that waited for their turn, and those that were given up, ever.
    pub held_back: u64,
    pub throttled: u64,
    /// Requests that wait for their turn now.
    pub waiting: u32,
}

/// One limit of a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLimit {
    /// As the connector calls it.
    pub name: String,
    /// `window`, `day` or `concurrency`.
    pub kind: String,
    pub most: u64,
    pub left: u64,
    pub resets_in_ms: u64,
}
