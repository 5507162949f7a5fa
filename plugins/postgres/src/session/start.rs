//! Preparing the change stream: publication, slot, and the snapshot that shows
//! the database exactly as it was where the slot starts.

use std::collections::{BTreeMap, HashMap, HashSet};

use lockstep_sdk::model::{Extra, Position, Selection};

use crate::cursor::{Cursor, lsn_text, parse_lsn, version};
use crate::failure::{Failure, Result};
use crate::sql::{identifier, literal};
use crate::wire::{Connection, Kind};

use super::Session;
use super::publication::{Published, have_ended_before, next_transaction, publish, slot};
use super::read::Snapshot;

/// How long a new slot may wait for transactions that are open when it is made.
const SLOT_WAIT_MS: u64 = 40_000;
/// How long to wait for them when only the publication is extended.
const OLDER_TRANSACTIONS_WAIT_MS: u64 = 30_000;
/// How long a commit that is in the log may take to become visible.
const VISIBLE_WAIT_MS: u64 = 1_000;
const OLDER_TRANSACTIONS_POLL: &str = "0.02";

pub fn start(session: &mut Session, selections: &[Selection]) -> Result<Position> {
    let config = session.config.clone();
    session.snapshot = None;
    let database = session.database()?;
    database.forget();
    let mut tables = Vec::new();
    for selection in selections {
        let known = database.table(&selection.object)?;
        if !known.table.obstacle.is_empty() {
            return Err(Failure::Denied {
                message: format!("`{}` cannot be followed: {}", selection.object, known.table.obstacle),
                remedy: known.table.remedy.clone(),
            });
        }
        tables.push(known);
    }
    let published = publish(database, &config, &tables)?;
    if let Some(existing) = slot(database, &config.slot)? {
        if existing.plugin != "pgoutput" || existing.database != config.database {
            return Err(Failure::Config(format!(
                "replication slot {} belongs to something else (plugin {}, database {}); set another `slot`",
                config.slot, existing.plugin, existing.database
            )));
        }
        if existing.wal_status != "lost" {
            return continued(session, published, existing.confirmed_lsn);
        }
        let name = literal(&config.slot);
        database.connection.simple(&format!("SELECT pg_drop_replication_slot({name})"))?;
    }
    create_slot(session, selections)
}

/// The stream exists: it starts as far back as the slot reaches, not where the
/// database is now, since a row that was edited and deleted in between could not
/// be found any more. Before that every transaction that began before the
/// publication was extended has to end (its changes are in no stream, so the read
/// that follows has to see them); when nothing was extended only those are waited
/// for that are just becoming visible. What was committed before the publication
/// was made cannot be streamed at all.
fn continued(session: &mut Session, published: Published, confirmed_lsn: u64) -> Result<Position> {
    let slot = session.config.slot.clone();
    let platform = session.platform.clone();
    let database = session.database()?;
    let first_lsn = match published {
        Published::Already | Published::Extended => confirmed_lsn,
        Published::Made => {
            let now = database.ask("SELECT pg_current_wal_lsn()")?;
            let now = now.first().and_then(|text| parse_lsn(text));
            now.ok_or_else(|| Failure::Protocol("no current position".into()))?
        }
    };
    let extended = published != Published::Already;
    let next = next_transaction(database)?;
    let wait_ms = if extended { OLDER_TRANSACTIONS_WAIT_MS } else { VISIBLE_WAIT_MS };
    let deadline = platform.monotonic_ms() + wait_ms;
    loop {
        if have_ended_before(database, &next)? {
            break;
        }
        if platform.monotonic_ms() >= deadline {
            if !extended {
                break;
            }
            return Err(Failure::Busy {
                message: "a transaction that began before the publication was extended is still open".into(),
                remedy: "SELECT pid, xact_start, query FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start LIMIT 1; end it or wait".into(),
                retry_after_ms: 5_000,
            });
        }
        database.ask(&format!("SELECT pg_sleep({OLDER_TRANSACTIONS_POLL})"))?;
    }
    let (system, timeline) = (database.system, database.timeline);
    let cursor =
        Cursor { system, timeline, lsn: first_lsn, partial_lsn: 0, partial_rows: 0, slot, tables: BTreeMap::new() };
    Ok(Position { cursor: cursor.to_bytes(), extras: vec![extra("slot", "existing")] })
}

fn create_slot(session: &mut Session, selections: &[Selection]) -> Result<Position> {
    let config = session.config.clone();
    let platform = session.platform.clone();
    let mut replication = Connection::open(platform.clone(), &config, Kind::Replication).map_err(no_replication)?;
    replication.set_answer_timeout_ms(SLOT_WAIT_MS);
    let created = replication
        .simple(&format!("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput EXPORT_SNAPSHOT", identifier(&config.slot)))
        .map_err(|failure| match failure {
            Failure::TimedOut(_) => Failure::Busy {
                message: "the replication slot waits for transactions that were open before it".into(),
                remedy: "SELECT pid, xact_start, query FROM pg_stat_activity WHERE backend_xid IS NOT NULL ORDER BY xact_start LIMIT 1; end it or wait".into(),
                retry_after_ms: 5_000,
            },
            other => no_replication(other),
        })?;
    let lsn = parse_lsn(created.text(0, 1)).ok_or_else(|| Failure::Protocol("a slot without a position".into()))?;
    let exported = created.text(0, 2).to_owned();
    let database = session.database()?;
    let (system, timeline) = (database.system, database.timeline);
    // The exporting connection must live until the snapshot was imported; from
    // then on the importing transaction keeps it.
    let mut connection = Connection::open(platform, &config, Kind::Sql)?;
    connection.simple(&format!(
        "SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
        literal(&exported)
    ))?;
    drop(replication);
    session.snapshot = Some(Snapshot {
        connection,
        version: version(timeline, lsn, 0),
        unread: selections.iter().map(|selection| selection.object.clone()).collect::<HashSet<_>>(),
        row_bytes: HashMap::new(),
    });
    let (slot, tables) = (config.slot, BTreeMap::new());
    let cursor = Cursor { system, timeline, lsn, partial_lsn: 0, partial_rows: 0, slot, tables };
    Ok(Position {
        cursor: cursor.to_bytes(),
        extras: vec![extra("slot", "created"), extra("position", &lsn_text(lsn))],
    })
}

fn no_replication(failure: Failure) -> Failure {
    match failure.sqlstate() {
        Some("42501") => Failure::Denied {
            message: format!("replication is not permitted: {failure}"),
            remedy: "ALTER ROLE … REPLICATION (on managed servers: GRANT rds_replication, or the provider's setting)"
                .into(),
        },
        Some("28000") => Failure::Denied {
            message: format!("a replication connection is refused: {failure}"),
            remedy: "allow it in pg_hba.conf for this user, and ALTER ROLE … REPLICATION".into(),
        },
        _ => failure,
    }
}

fn extra(name: &str, value: &str) -> Extra {
    Extra { name: name.into(), value: value.into() }
}
