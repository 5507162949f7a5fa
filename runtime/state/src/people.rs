//! What people decide and do: pauses, settings, saved plans, and who did what.

use lockstep_core::{record::SideId, value::Timestamp};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::{apply, error::StateError, id::SyncId, store::Store};

/// A plan kept to be applied as it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlan {
    pub id: String,
    pub at: Timestamp,
    /// One line for a listing.
    pub summary: String,
    /// As the planner of it wrote it.
    pub body: Vec<u8>,
}

/// Something a person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub at: Timestamp,
    pub who: String,
    /// The verb: `pause`, `resolve`, `revert`, …
    pub action: String,
    /// What it was done to.
    pub target: String,
    pub note: String,
}

/// Saved plans kept; the oldest goes first.
const PLANS_KEPT: i64 = 100;
/// Operations kept.
const OPERATIONS_KEPT: i64 = 1_000_000;

impl Store {
    /// Pauses or resumes a sync, or one side of it.
    pub fn set_paused(&self, sync: SyncId, side: Option<SideId>, paused: bool) -> Result<(), StateError> {
        self.write(move |conn| {
            let (what, name, changed) = match side {
                None => ("sync", sync.0, conn.execute("UPDATE sync SET paused = ?2 WHERE id = ?1", (sync.0, paused))?),
                Some(side) => (
                    "side",
                    u32::from(side.0),
                    conn.execute("UPDATE side SET paused = ?3 WHERE sync = ?1 AND id = ?2", (sync.0, side.0, paused))?,
                ),
            };
            if changed == 1 {
                return Ok(());
            }
            Err(StateError::Unknown { what, name: name.to_string() })
        })
    }

    /// A free setting of a sync.
    pub fn setting(&self, sync: SyncId, name: &str) -> Result<Option<String>, StateError> {
        self.read(|conn| {
            Ok(conn
                .prepare_cached("SELECT value FROM setting WHERE sync = ?1 AND name = ?2")?
                .query_row((sync.0, name), |row| row.get(0))
                .optional()?)
        })
    }

    /// Sets a free setting of a sync; `None` removes it.
    pub fn set_setting(&self, sync: SyncId, name: &str, value: Option<&str>) -> Result<(), StateError> {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        self.write(move |conn| apply::write_setting(conn, sync, &name, value.as_deref()))
    }

    /// Keeps a plan under its id, replacing one of the same id.
    pub fn save_plan(&self, plan: SavedPlan) -> Result<(), StateError> {
        self.write(move |conn| {
            conn.execute(
                "INSERT OR REPLACE INTO saved_plan VALUES (?1, ?2, ?3, ?4)",
                (&plan.id, plan.at.0, &plan.summary, &plan.body),
            )?;
            conn.execute(
                "DELETE FROM saved_plan WHERE id IN
                 (SELECT id FROM saved_plan ORDER BY at DESC, id LIMIT -1 OFFSET ?1)",
                [PLANS_KEPT],
            )?;
            Ok(())
        })
    }

    pub fn saved_plan(&self, id: &str) -> Result<Option<SavedPlan>, StateError> {
        self.read(|conn| {
            Ok(conn
                .query_row("SELECT id, at, summary, body FROM saved_plan WHERE id = ?1", [id], |row| {
                    Ok(SavedPlan {
                        id: row.get(0)?,
                        at: Timestamp(row.get(1)?),
                        summary: row.get(2)?,
                        body: row.get(3)?,
                    })
                })
                .optional()?)
        })
    }

    /// Notes what a person did.
    pub fn log_operation(&self, operation: Operation) -> Result<(), StateError> {
        self.write(move |conn| log_operation(conn, &operation))
    }

    /// What people did, newest first.
    pub fn operations(&self, limit: usize) -> Result<Vec<Operation>, StateError> {
        self.read(|conn| {
            let mut query =
                conn.prepare_cached("SELECT at, who, action, target, note FROM operation ORDER BY id DESC LIMIT ?1")?;
            let rows = query.query_map([limit as i64], |row| {
                Ok(Operation {
                    at: Timestamp(row.get(0)?),
                    who: row.get(1)?,
                    action: row.get(2)?,
                    target: row.get(3)?,
                    note: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// [`Store::log_operation`], inside a transaction at hand.
pub(crate) fn log_operation(conn: &Connection, operation: &Operation) -> Result<(), StateError> {
    conn.execute(
        "INSERT INTO operation (at, who, action, target, note) VALUES (?1, ?2, ?3, ?4, ?5)",
        (operation.at.0, &operation.who, &operation.action, &operation.target, &operation.note),
    )?;
    conn.execute("DELETE FROM operation WHERE id <= ?1 - ?2", (conn.last_insert_rowid(), OPERATIONS_KEPT))?;
    Ok(())
}
