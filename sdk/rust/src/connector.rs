//! What an author implements, with an honest default for everything optional.

use crate::{
    ChangesAnswer, ChangesRequest, CheckItem, ConnectorSpec, EnsureRequest, Error, FetchRequest, Found, Object,
    Outcome, Page, PageRequest, Position, Result, Selection, Webhook, WebhookAnswer, WriteRequest,
};

/// What a session is for. A connection usually has one of each, so that a
/// blocked read never delays a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Follows the change stream.
    Tail,
    /// Writes, and fetches rows around its writes.
    Write,
    /// Reads pages, discovers and checks.
    Read,
    /// Verifies webhooks and tells what they say; one of several at a time.
    Ingest,
}

impl Role {
    /// The role of that name.
    ///
    /// # Errors
    /// `config`, for a name this version does not know.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "tail" => Ok(Role::Tail),
            "write" => Ok(Role::Write),
            "read" => Ok(Role::Read),
            "ingest" => Ok(Role::Ingest),
            other => Err(Error::config(format!("no such role: {other}"))),
        }
    }
}

/// One session with one system. A value of the implementing type is made by
/// [`Connector::open`] and lives until [`Connector::close`] or the instance's end by a failure;
/// connections and prepared statements belong into it. Calls never overlap.
pub trait Connector: Sized + 'static {
    /// What this connector is and can do. Asked before anything is open.
    fn spec() -> ConnectorSpec;

    /// Start the session. `config` is JSON that fits the spec's schema.
    ///
    /// # Errors
    /// `config` where the configuration does not fit, else whatever kept the
    /// session from starting.
    fn open(role: Role, config: &str) -> Result<Self>;

    /// What works and what is missing, each with its remedy. Empty `objects`: all.
    fn check(&mut self, _objects: Vec<String>) -> Result<Vec<CheckItem>> {
        Err(Error::unsupported("check"))
    }

    /// Describe these objects; empty: every object there is.
    fn discover(&mut self, _objects: Vec<String>) -> Result<Vec<Object>> {
        Err(Error::unsupported("discover"))
    }

    /// Prepare the change stream and say where it starts.
    fn start(&mut self, _selections: Vec<Selection>) -> Result<Position> {
        Err(Error::unsupported("start"))
    }

    /// Remove what `start` made at the source; says what was removed.
    fn release(&mut self) -> Result<Vec<String>> {
        Err(Error::unsupported("release"))
    }

    /// A page of a full read.
    fn read(&mut self, _request: PageRequest) -> Result<Page> {
        Err(Error::unsupported("read"))
    }

    /// The next changes, and the cursor after them.
    fn changes(&mut self, _request: ChangesRequest) -> Result<ChangesAnswer> {
        Err(Error::unsupported("changes"))
    }

    /// The current rows of the given keys.
    fn fetch(&mut self, _request: FetchRequest) -> Result<Vec<Found>> {
        Err(Error::unsupported("fetch"))
    }

    /// Write; one outcome per intent, in order.
    fn write(&mut self, _request: WriteRequest) -> Result<Vec<Outcome>> {
        Err(Error::unsupported("write"))
    }

    /// Create or extend an object; returns the statements run or, when dry, meant.
    fn ensure(&mut self, _request: EnsureRequest) -> Result<Vec<String>> {
        Err(Error::unsupported("ensure"))
    }

    /// Verify and answer a webhook, and hand back what it tells.
    fn ingest(&mut self, _request: Webhook) -> Result<WebhookAnswer> {
        Err(Error::unsupported("ingest"))
    }

    /// The host lets the session go: log off. Two seconds are given, and after a
    /// failure it is not called. What this does by itself is to drop the session, with
    /// what its parts do when they are dropped.
    fn close(self) {}
}
