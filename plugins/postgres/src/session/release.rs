//! Removing what `start` made at the source, and nothing else.

use crate::failure::{Failure, Result};
use crate::sql::{identifier, literal};
use crate::wire::Param;

use super::Session;
use super::publication::{MADE_BY_US, slot};

pub fn release(session: &mut Session) -> Result<Vec<String>> {
    let config = session.config.clone();
    session.snapshot = None;
    session.tail = None;
    let database = session.database()?;
    let mut done = Vec::new();
    if let Some(existing) = slot(database, &config.slot)?
        && existing.plugin == "pgoutput"
        && existing.database == config.database
    {
        let statement = format!("SELECT pg_drop_replication_slot({})", literal(&config.slot));
        database.connection.simple(&statement).map_err(|failure| match failure.sqlstate() {
            Some("55006") => Failure::Busy {
                message: format!("replication slot {} is in use", config.slot),
                remedy: "stop what follows it first".into(),
                retry_after_ms: 1_000,
            },
            _ => failure,
        })?;
        done.push(statement);
    }
    let ours = database.connection.query(
        "SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = $1::text \
         AND pg_catalog.obj_description(oid, 'pg_publication') = $2::text",
        &[Param::Text(&config.publication), Param::Text(MADE_BY_US)],
    )?;
    if !ours.is_empty() {
        let statement = format!("DROP PUBLICATION {}", identifier(&config.publication));
        database.connection.simple(&statement)?;
        done.push(statement);
    }
    Ok(done)
}
