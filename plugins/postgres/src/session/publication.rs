//! The publication and the slot at the source, as they are now.

use std::rc::Rc;

use crate::config::Config;
use crate::cursor::parse_lsn;
use crate::failure::{Failure, Result};
use crate::sql::{ObjectName, identifier, literal};
use crate::wire::Param;

use super::database::{Database, Known};

/// Marks what `start` made, so that `release` removes nothing else.
pub const MADE_BY_US: &str = "made by lockstep";

/// A replication slot as the server shows it.
pub struct Slot {
    pub plugin: String,
    pub database: String,
    pub is_active: bool,
    pub confirmed_lsn: u64,
    /// `reserved`, `extended`, `unreserved` or `lost`; empty before PostgreSQL 13.
    pub wal_status: String,
    /// Log held back by it.
    pub held_bytes: u64,
    /// What may still be written before it is lost, where limited.
    pub safe_bytes: Option<u64>,
}

pub fn slot(database: &mut Database, name: &str) -> Result<Option<Slot>> {
    let newer = database.connection.major_version() >= 13;
    let extra = if newer { "wal_status, safe_wal_size" } else { "'', NULL" };
    let sql = format!(
        "SELECT plugin, database, active, confirmed_flush_lsn, \
         CASE WHEN pg_is_in_recovery() THEN 0 ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) END::bigint, \
         {extra} FROM pg_catalog.pg_replication_slots WHERE slot_name = $1::text"
    );
    let rows = database.connection.query(&sql, &[Param::Text(name)])?;
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(Slot {
        plugin: rows.text(0, 0).to_owned(),
        database: rows.text(0, 1).to_owned(),
        is_active: rows.is_true(0, 2),
        confirmed_lsn: parse_lsn(rows.text(0, 3)).unwrap_or(0),
        held_bytes: rows.text(0, 4).parse().unwrap_or(0),
        wal_status: rows.text(0, 5).to_owned(),
        safe_bytes: rows.text(0, 6).parse().ok(),
    }))
}

/// The tables a publication names; `None` when there is no such publication.
/// The flag: it publishes every table there is.
pub fn published(database: &mut Database, name: &str) -> Result<Option<(bool, Vec<ObjectName>)>> {
    let rows = database.connection.query(
        "SELECT p.puballtables, n.nspname, c.relname FROM pg_catalog.pg_publication p \
         LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid \
         LEFT JOIN pg_catalog.pg_class c ON c.oid = r.prrelid \
         LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = $1::text",
        &[Param::Text(name)],
    )?;
    if rows.is_empty() {
        return Ok(None);
    }
    let table = |row| Some(ObjectName::new(rows.value(row, 1)?, rows.value(row, 2)?));
    Ok(Some((rows.is_true(0, 0), (0..rows.len()).filter_map(table).collect())))
}

/// What had to be done so that all tables are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Already,
    Extended,
    Made,
}

/// Make the publication, or add to it what it lacks.
pub fn publish(database: &mut Database, config: &Config, tables: &[Rc<Known>]) -> Result<Published> {
    let name = identifier(&config.publication);
    let before = published(database, &config.publication)?;
    let done = if before.is_none() { Published::Made } else { Published::Extended };
    let statement = match before {
        None => {
            let list: Vec<String> = tables.iter().map(|known| known.table.name.sql()).collect();
            let root =
                if database.connection.major_version() >= 13 { ", publish_via_partition_root = true" } else { "" };
            format!(
                "BEGIN; CREATE PUBLICATION {name} FOR TABLE {} \
                 WITH (publish = 'insert, update, delete, truncate'{root}); \
                 COMMENT ON PUBLICATION {name} IS {}; COMMIT",
                list.join(", "),
                literal(MADE_BY_US)
            )
        }
        Some((true, _)) => return Ok(Published::Already),
        Some((false, there)) => {
            let missing = tables.iter().filter(|known| !there.contains(&known.table.name));
            let list: Vec<String> = missing.map(|known| known.table.name.sql()).collect();
            if list.is_empty() {
                return Ok(Published::Already);
            }
            format!("ALTER PUBLICATION {name} ADD TABLE {}", list.join(", "))
        }
    };
    let answer = database.connection.simple(&statement);
    if answer.is_err() && !database.connection.is_broken() {
        database.connection.simple("ROLLBACK")?;
    }
    match answer {
        Ok(_) => Ok(done),
        Err(failure) if failure.sqlstate() == Some("42501") => Err(Failure::Denied {
            message: format!("publication {}: {failure}", config.publication),
            remedy: format!(
                "run as the tables' owner or a superuser: {}",
                statement.trim_start_matches("BEGIN; ").trim_end_matches("; COMMIT")
            ),
        }),
        Err(failure) => Err(failure),
    }
}

/// Where transactions that have not begun yet will be counted from.
pub fn next_transaction(database: &mut Database) -> Result<String> {
    let now = database.ask("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").or_else(|failure| match failure
        .sqlstate()
    {
        // Before PostgreSQL 13 the functions had other names.
        Some("42883") => database.ask("SELECT txid_snapshot_xmax(txid_current_snapshot())::text"),
        _ => Err(failure),
    })?;
    match now.into_iter().next() {
        Some(next) => Ok(next),
        None => Err(Failure::Protocol("no current snapshot".into())),
    }
}

/// Whether every transaction before [`next_transaction`]'s answer has ended.
pub fn have_ended_before(database: &mut Database, next: &str) -> Result<bool> {
    let older = database.ask(&format!("SELECT txid_snapshot_xmin(txid_current_snapshot()) < {next}"))?;
    Ok(older.first().is_none_or(|value| value != "t"))
}
