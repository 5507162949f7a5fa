//! One session: what the contract's calls do, over connections opened when
//! first needed and again after they broke.

mod changes;
mod check;
mod database;
mod ensure;
mod fetch;
mod follow;
mod publication;
mod read;
mod release;
mod replaced;
mod shape;
mod start;
mod tail;
mod write;

use std::rc::Rc;

use lockstep_sdk::model::{
    ChangesAnswer, ChangesRequest, CheckItem, ConnectorSpec, EnsureRequest, Error, FetchRequest, Found, Object,
    Outcome, Page, PageRequest, Position, Selection, WriteRequest,
};

use crate::catalog::{self, describe};
use crate::config::{self, Config, Mode};
use crate::cursor::CURSOR_VERSION;
use crate::failure::{Failure, Result};
use crate::platform::Platform;
use crate::sql::ObjectName;

use database::Database;
use read::Snapshot;
use tail::Tail;

/// What an instance is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Tail,
    Write,
    Read,
}

/// A session. Calls never overlap.
pub struct Session {
    platform: Rc<dyn Platform>,
    config: Config,
    role: Role,
    database: Option<Database>,
    snapshot: Option<Snapshot>,
    tail: Option<Tail>,
}

/// What this connector is and can do.
pub fn spec() -> ConnectorSpec {
    ConnectorSpec {
        name: "postgres".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        changes: "log".into(),
        precondition: "atomic".into(),
        abilities: ["delete", "ensure", "transactions", "truncate", "release"].map(String::from).into(),
        config_schema: config::SCHEMA.into(),
        cursor_version: CURSOR_VERSION,
        permissions: vec!["tcp:config.host:config.port|5432".into(), "tcp:config.url".into()],
        credentials: vec!["scram-sha-256:password".into(), "md5:password".into()],
        auth_schemes: Vec::new(),
        extras: Vec::new(),
    }
}

impl Session {
    /// Check the configuration. Nothing is connected yet.
    pub fn open(platform: Rc<dyn Platform>, role: Role, config: &str) -> std::result::Result<Self, Error> {
        let config = Config::parse(config).map_err(Failure::into_error)?;
        if config.mode != Mode::Replication {
            let what = "following changes without logical replication is not built; leave `mode` at `replication`";
            return Err(Failure::Unsupported(what.into()).into_error());
        }
        Ok(Session { platform, config, role, database: None, snapshot: None, tail: None })
    }

    /// The SQL connection with its catalog caches.
    fn database(&mut self) -> Result<&mut Database> {
        if self.database.as_ref().is_none_or(Database::is_broken) {
            let writes = self.role == Role::Write;
            self.database = None;
            self.database = Some(Database::open(self.platform.clone(), &self.config, writes)?);
        }
        self.database.as_mut().ok_or_else(|| Failure::Internal("no connection".into()))
    }

    pub fn check(&mut self, objects: &[String]) -> std::result::Result<Vec<CheckItem>, Error> {
        check::check(self, objects).map_err(Failure::into_error)
    }

    pub fn discover(&mut self, objects: &[String]) -> std::result::Result<Vec<Object>, Error> {
        self.discover_tables(objects).map_err(Failure::into_error)
    }

    fn discover_tables(&mut self, objects: &[String]) -> Result<Vec<Object>> {
        let names = objects.iter().map(|object| object_name(object)).collect::<Result<Vec<_>>>()?;
        let database = self.database()?;
        database.forget();
        let tables = catalog::load(&mut database.connection, &mut database.types, &names)?;
        Ok(tables.iter().map(|table| describe(table, &database.types)).collect())
    }

    pub fn start(&mut self, selections: &[Selection]) -> std::result::Result<Position, Error> {
        start::start(self, selections).map_err(Failure::into_error)
    }

    pub fn release(&mut self) -> std::result::Result<Vec<String>, Error> {
        release::release(self).map_err(Failure::into_error)
    }

    pub fn read(&mut self, request: &PageRequest) -> std::result::Result<Page, Error> {
        read::read(self, request).map_err(Failure::into_error)
    }

    pub fn changes(&mut self, request: &ChangesRequest) -> std::result::Result<ChangesAnswer, Error> {
        changes::changes(self, request).map_err(|failure| {
            // What was taken from the stream and not given is asked for again.
            self.tail = None;
            failure.into_error()
        })
    }

    pub fn fetch(&mut self, request: &FetchRequest) -> std::result::Result<Vec<Found>, Error> {
        fetch::fetch(self, request).map_err(Failure::into_error)
    }

    pub fn write(&mut self, request: &WriteRequest) -> std::result::Result<Vec<Outcome>, Error> {
        write::write(self, request).map_err(Failure::into_error)
    }

    pub fn ensure(&mut self, request: &EnsureRequest) -> std::result::Result<Vec<String>, Error> {
        ensure::ensure(self, request).map_err(Failure::into_error)
    }
}

fn object_name(object: &str) -> Result<ObjectName> {
    ObjectName::parse(object).ok_or_else(|| Failure::NotFound(format!("`{object}` is not the name of a table")))
}
