//! A SQL connection with what was learned over it: who the server is, tables,
//! types. All of it is forgotten together when the connection is.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::catalog::{self, Table, TypeInfo, Types};
use crate::config::Config;
use crate::failure::{Failure, Result};
use crate::platform::Platform;
use crate::sql::literal;
use crate::wire::{Connection, Kind, Param};

use super::object_name;

/// Tables remembered per connection; beyond it all are looked up again.
const TABLES_MAX: usize = 1_000;

/// A table with its columns' types.
pub struct Known {
    pub table: Table,
    pub types: Vec<Rc<TypeInfo>>,
}

pub struct Database {
    pub connection: Connection,
    pub types: Types,
    tables: HashMap<String, Rc<Known>>,
    /// The cluster's identifier.
    pub system: u64,
    pub timeline: u32,
    /// Objects whose rows may not be locked by this user.
    pub unlockable: HashSet<String>,
    /// Commits of this session are seen at once and safe only after this statement.
    flush: Option<String>,
}

impl Database {
    pub fn open(platform: Rc<dyn Platform>, config: &Config, writes: bool) -> Result<Self> {
        let mut connection = Connection::open(platform.clone(), config, Kind::Sql)?;
        if connection.major_version() != 0 && connection.major_version() < 12 {
            return Err(Failure::Unsupported(format!(
                "PostgreSQL {} is not supported, 12 or later is",
                connection.setting("server_version")
            )));
        }
        let rows = connection.simple(
            "SELECT s.system_identifier, CASE WHEN pg_is_in_recovery() THEN '' \
             ELSE pg_walfile_name(pg_current_wal_insert_lsn()) END FROM pg_control_system() s",
        )?;
        let system: i64 = rows.text(0, 0).parse().unwrap_or(0);
        // The first eight digits of a WAL file's name are its timeline.
        let timeline = rows.text(0, 1).get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let mut flush = None;
        if writes {
            mark_origin(platform.as_ref(), &mut connection, &config.origin);
            flush = commit_early(platform.as_ref(), &mut connection);
        }
        Ok(Database {
            connection,
            types: Types::default(),
            tables: HashMap::new(),
            system: system.cast_unsigned(),
            timeline: timeline.unwrap_or(0),
            unlockable: HashSet::new(),
            flush,
        })
    }

    pub fn is_broken(&self) -> bool {
        self.connection.is_broken()
    }

    /// Puts the statement behind what is queued that waits until all that was
    /// committed before is on the disk. False: commits wait for that themselves.
    pub fn queue_flush(&mut self) -> bool {
        let Some(flush) = &self.flush else {
            return false;
        };
        self.connection.queue_sync();
        self.connection.queue(flush, &[]);
        true
    }

    /// Waits until all that was committed is on the disk.
    pub fn flush(&mut self) -> Result<()> {
        if !self.queue_flush() {
            return Ok(());
        }
        self.connection.sync()?;
        self.connection.ready()?;
        self.flushed()
    }

    /// Waits for the end of what [`Database::queue_flush`] put there. Without it
    /// nobody can say what the server will still know after a crash.
    pub fn flushed(&mut self) -> Result<()> {
        let done = self.connection.result(&mut |_| Ok(()));
        let done =
            if self.connection.is_broken() { done.map(drop) } else { self.connection.ready().and(done.map(drop)) };
        if done.is_err() {
            self.connection.give_up();
        }
        done
    }

    /// Forget tables and types: they may have been altered.
    pub fn forget(&mut self) {
        self.tables.clear();
        self.types.clear();
        self.unlockable.clear();
    }

    /// A table by the runtime's name for it.
    pub fn table(&mut self, object: &str) -> Result<Rc<Known>> {
        self.find_table(object)?.ok_or_else(|| Failure::NotFound(format!("there is no table `{object}`")))
    }

    /// A table, if it exists.
    pub fn find_table(&mut self, object: &str) -> Result<Option<Rc<Known>>> {
        if let Some(known) = self.tables.get(object) {
            return Ok(Some(known.clone()));
        }
        let name = object_name(object)?;
        let found = catalog::load(&mut self.connection, &mut self.types, &[name])?;
        let Some(table) = found.into_iter().next() else {
            return Ok(None);
        };
        if self.tables.len() >= TABLES_MAX {
            self.tables.clear();
        }
        let types = table.columns.iter().map(|column| self.types.get(column.type_oid)).collect();
        let known = Rc::new(Known { table, types });
        self.tables.insert(object.to_owned(), known.clone());
        Ok(Some(known))
    }

    /// One row of settings or catalog values by the simple protocol.
    pub fn ask(&mut self, sql: &str) -> Result<Vec<String>> {
        let rows = self.connection.simple(sql)?;
        Ok((0..32).map_while(|column| Some(rows.value(0, column)?.to_owned())).collect())
    }
}

/// Have commits seen by others before they are on the disk. An outcome is told
/// only after the statement returned here, which waits for that: a small
/// transaction that commits as the server is set up to. Readers see a write
/// sooner by the time the disk takes, and a crash in between is an outcome that
/// is unknown, as ever. Nothing is changed where commits do not wait anyway, or
/// where the statement may not be run.
fn commit_early(platform: &dyn Platform, connection: &mut Connection) -> Option<String> {
    let level = connection.simple("SHOW synchronous_commit").ok()?.text(0, 0).to_owned();
    if level == "off" {
        return None;
    }
    let level = literal(&level);
    let flush = format!(
        "SELECT pg_catalog.set_config('synchronous_commit', {level}, true), \
         pg_catalog.pg_logical_emit_message(true, 'lockstep', '')"
    );
    let tried = connection.query(&flush, &[]).map(drop);
    match tried.and_then(|()| connection.simple("SET synchronous_commit = off").map(drop)) {
        Ok(()) => Some(flush),
        Err(failure) => {
            platform.log("info", &format!("writes are shown only once they are on the disk: {failure}"));
            None
        }
    }
}

/// Have everything this session writes marked as ours. Without the right to,
/// echoes are still told by their values.
fn mark_origin(platform: &dyn Platform, connection: &mut Connection, origin: &str) {
    let name = literal(origin);
    let exists = connection
        .query("SELECT 1 FROM pg_catalog.pg_replication_origin WHERE roname = $1::text", &[Param::Text(origin)]);
    let mut done = Ok(());
    if exists.is_ok_and(|rows| rows.is_empty()) {
        done = connection.simple(&format!("SELECT pg_replication_origin_create({name})")).map(drop);
    }
    if done.is_ok() {
        done = connection.simple(&format!("SELECT pg_replication_origin_session_setup({name})")).map(drop);
    }
    if let Err(failure) = done {
        platform.log("info", &format!("writes are not marked with replication origin {origin}: {failure}"));
    }
}
