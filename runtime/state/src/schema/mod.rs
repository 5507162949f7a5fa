//! The numbered versions of the state file and the way from each to the next.
//! Must not know what the rows mean.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::StateError;

/// Marks a file as Lockstep's (`LKST`).
pub(crate) const APPLICATION_ID: i64 = 0x4C4B_5354;

/// Scripts in order; the n-th brings a file to version n.
const VERSIONS: &[&str] =
    &[include_str!("v1.sql"), include_str!("v2.sql"), include_str!("v3.sql"), include_str!("v4.sql")];

/// The version this build writes and the newest it reads.
pub const SCHEMA_VERSION: i64 = VERSIONS.len() as i64;

/// What a file is, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Empty,
    Version(i64),
}

/// Reads the header; refuses what is not ours or too new.
pub(crate) fn inspect(conn: &Connection, path: &Path) -> Result<Found, StateError> {
    let application: i64 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let objects: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && version == 0 && objects == 0 {
        return Ok(Found::Empty);
    }
    if application != APPLICATION_ID {
        return Err(StateError::NotAState {
            path: path.to_owned(),
            reason: "it is another program's database".to_owned(),
        });
    }
    if version > SCHEMA_VERSION {
        return Err(StateError::Newer { path: path.to_owned(), found: version, known: SCHEMA_VERSION });
    }
    if version < 1 {
        return Err(StateError::corrupt("it names no version"));
    }
    Ok(Found::Version(version))
}

/// Brings the file to [`SCHEMA_VERSION`], all steps in one transaction.
/// `hash_key`: 16 bytes for a new file.
pub(crate) fn migrate(conn: &mut Connection, found: Found, hash_key: Option<[u8; 16]>) -> Result<(), StateError> {
    let from = match found {
        Found::Empty => 0,
        Found::Version(version) => version,
    };
    if from == SCHEMA_VERSION {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = usize::try_from(from).unwrap_or(0);
    for script in VERSIONS.iter().skip(done) {
        tx.execute_batch(script)?;
    }
    if found == Found::Empty {
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        match hash_key {
            Some(key) => tx.execute("INSERT INTO store VALUES (1, ?1)", [&key[..]])?,
            None => tx.execute("INSERT INTO store VALUES (1, randomblob(16))", [])?,
        };
    }
    tx.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    tx.commit()?;
    Ok(())
}
