//! Syncs, their sides, fields and rules by name; who owns a sync. Numbers are
//! given once and never to another.

use std::collections::BTreeMap;

use lockstep_core::{
    change::Cursor,
    record::{FieldId, RecordId, SideId},
};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use crate::{
    commit::{Commit, SyncPhase},
    error::StateError,
    id::{FIELDS_MAX, SIDES_MAX, SYNCS_MAX, SyncId},
    store::Store,
};

/// How far the full read of a side has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backfill {
    NotBegun,
    /// The connector's page position to go on from.
    At(Vec<u8>),
    Finished,
}

/// Where one side stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideState {
    pub id: SideId,
    pub name: String,
    /// `None`: the stream has not begun, or must start anew.
    pub cursor: Option<Cursor>,
    pub cursor_version: u32,
    /// Of the stream: raised when it starts anew.
    pub generation: u32,
    /// Digest of the connector that wrote the cursor. Empty: not said yet.
    pub connector: String,
    pub backfill: Backfill,
    pub paused: bool,
}

/// Where a sync stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncState {
    pub sync: SyncId,
    pub name: String,
    pub epoch: u64,
    pub commit_seq: u64,
    pub next_record: u64,
    pub next_entry: u64,
    pub phase: SyncPhase,
    pub paused: bool,
    /// Newest version of mapping and rules; 0: none yet.
    pub rules: u32,
    /// In numbering order, those no longer mapped included.
    pub sides: Vec<SideState>,
    pub fields: Vec<(FieldId, String)>,
    pub settings: BTreeMap<String, String>,
}

/// A sync taken by an owner: its commits carry this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub owner: u128,
    pub state: SyncState,
}

impl Claim {
    /// A commit under this claim, with nothing in it yet.
    pub fn commit(&self, expected_seq: u64) -> Commit {
        Commit {
            sync: self.state.sync,
            owner: self.owner,
            epoch: self.state.epoch,
            expected_seq,
            delta: Default::default(),
            streams: Vec::new(),
            phase: None,
            settings: Vec::new(),
        }
    }
}

impl Store {
    /// Takes a sync for `owner` (random per process), creating it if it is new.
    /// Raises the epoch: commits under earlier claims fail as fenced from now on.
    pub fn claim(&self, name: &str, owner: u128) -> Result<Claim, StateError> {
        let sync_name = name.to_owned();
        let state = self.write(move |conn| {
            let sync = find_or_create(conn, &sync_name)?;
            conn.execute("UPDATE sync SET owner = ?2, epoch = epoch + 1 WHERE id = ?1", (sync.0, owner.to_be_bytes()))?;
            sync_state(conn, sync)
        })?;
        self.follow(state.sync, state.commit_seq);
        Ok(Claim { owner, state })
    }

    /// Numbers of the named sides and fields, given on first sight.
    pub fn register(
        &self,
        sync: SyncId,
        sides: &[&str],
        fields: &[&str],
    ) -> Result<(Vec<SideId>, Vec<FieldId>), StateError> {
        let sides: Vec<String> = sides.iter().map(|name| (*name).to_owned()).collect();
        let fields: Vec<String> = fields.iter().map(|name| (*name).to_owned()).collect();
        self.write(move |conn| {
            let sides = sides.iter().map(|name| number_side(conn, sync, name).map(SideId)).collect::<Result<_, _>>()?;
            let fields =
                fields.iter().map(|name| number_field(conn, sync, name).map(FieldId)).collect::<Result<_, _>>()?;
            Ok((sides, fields))
        })
    }

    /// Says which fields of a sync are sensitive, and that the others are not:
    /// `lockstep sql` masks their values.
    pub fn set_sensitive(&self, sync: SyncId, fields: &[FieldId]) -> Result<(), StateError> {
        let fields = fields.to_vec();
        self.write(move |conn| {
            conn.execute("UPDATE field SET sensitive = 0 WHERE sync = ?1 AND sensitive", [sync.0])?;
            for field in fields {
                conn.execute("UPDATE field SET sensitive = 1 WHERE sync = ?1 AND id = ?2", (sync.0, field.0))?;
            }
            Ok(())
        })
    }

    /// The version of these rules: the newest one if its text is the same, else a
    /// new one. `text` is kept for explanations.
    pub fn rules(&self, sync: SyncId, text: &str) -> Result<u32, StateError> {
        let text = text.to_owned();
        self.write(move |conn| {
            let newest: Option<(u32, String)> = conn
                .query_row(
                    "SELECT version, text FROM rules WHERE sync = ?1
                     ORDER BY version DESC LIMIT 1",
                    [sync.0],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let version = match newest {
                Some((version, known)) if known == text => return Ok(version),
                Some((version, _)) => version + 1,
                None => 1,
            };
            conn.execute("INSERT INTO rules VALUES (?1, ?2, ?3)", (sync.0, version, text))?;
            Ok(version)
        })
    }

    /// The rules as they were in force.
    pub fn rules_text(&self, sync: SyncId, version: u32) -> Result<Option<String>, StateError> {
        self.read(|conn| {
            Ok(conn
                .query_row("SELECT text FROM rules WHERE sync = ?1 AND version = ?2", (sync.0, version), |row| {
                    row.get(0)
                })
                .optional()?)
        })
    }

    /// Every sync the state knows, by number.
    pub fn syncs(&self) -> Result<Vec<(SyncId, String)>, StateError> {
        self.read(|conn| {
            let mut query = conn.prepare_cached("SELECT id, name FROM sync ORDER BY id")?;
            let rows = query.query_map([], |row| Ok((SyncId(row.get(0)?), row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The number of a sync.
    pub fn sync_id(&self, name: &str) -> Result<Option<SyncId>, StateError> {
        self.read(|conn| find(conn, name))
    }

    /// Where a sync stands now.
    pub fn sync_state(&self, sync: SyncId) -> Result<SyncState, StateError> {
        self.read(|conn| sync_state(conn, sync))
    }
}

fn find(conn: &Connection, name: &str) -> Result<Option<SyncId>, StateError> {
    let mut query = conn.prepare_cached("SELECT id FROM sync WHERE name = ?1")?;
    Ok(query.query_row([name], |row| row.get(0).map(SyncId)).optional()?)
}

fn find_or_create(conn: &Connection, name: &str) -> Result<SyncId, StateError> {
    if let Some(sync) = find(conn, name)? {
        return Ok(sync);
    }
    let id: u32 = conn.query_row("SELECT coalesce(max(id), 0) + 1 FROM sync", [], |row| row.get(0))?;
    if id > SYNCS_MAX {
        return Err(StateError::UsedUp { what: "the numbering of syncs", max: u64::from(SYNCS_MAX) });
    }
    conn.execute("INSERT INTO sync VALUES (?1, ?2, ?3, 0, 0, 1, 1, 0, 0, 0)", (id, name, [0u8; 16]))?;
    Ok(SyncId(id))
}

fn number_side(conn: &Connection, sync: SyncId, name: &str) -> Result<u8, StateError> {
    let known = conn
        .prepare_cached("SELECT id FROM side WHERE sync = ?1 AND name = ?2")?
        .query_row((sync.0, name), |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let next: i64 =
        conn.query_row("SELECT coalesce(max(id), -1) + 1 FROM side WHERE sync = ?1", [sync.0], |row| row.get(0))?;
    let id = u8::try_from(next)
        .ok()
        .filter(|id| *id < SIDES_MAX)
        .ok_or(StateError::UsedUp { what: "the numbering of sides", max: u64::from(SIDES_MAX) })?;
    conn.execute("INSERT INTO side VALUES (?1, ?2, ?3, NULL, 0, 0, '', 0, NULL, 0)", (sync.0, id, name))?;
    Ok(id)
}

fn number_field(conn: &Connection, sync: SyncId, name: &str) -> Result<u16, StateError> {
    let known = conn
        .prepare_cached("SELECT id FROM field WHERE sync = ?1 AND name = ?2")?
        .query_row((sync.0, name), |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let next: i64 =
        conn.query_row("SELECT coalesce(max(id), -1) + 1 FROM field WHERE sync = ?1", [sync.0], |row| row.get(0))?;
    let id = u16::try_from(next)
        .ok()
        .filter(|id| *id < FIELDS_MAX)
        .ok_or(StateError::UsedUp { what: "the numbering of fields", max: u64::from(FIELDS_MAX) })?;
    conn.execute("INSERT INTO field VALUES (?1, ?2, ?3, 0)", (sync.0, id, name))?;
    Ok(id)
}

fn sync_state(conn: &Connection, sync: SyncId) -> Result<SyncState, StateError> {
    let state = conn
        .prepare_cached(
            "SELECT name, epoch, commit_seq, next_record, next_entry, phase, swept, paused,
             (SELECT max(version) FROM rules WHERE sync = sync.id)
             FROM sync WHERE id = ?1",
        )?
        .query_row([sync.0], |row| {
            Ok(SyncState {
                sync,
                name: row.get(0)?,
                epoch: row.get::<_, i64>(1)? as u64,
                commit_seq: row.get::<_, i64>(2)? as u64,
                next_record: row.get::<_, i64>(3)? as u64,
                next_entry: row.get::<_, i64>(4)? as u64,
                phase: match row.get::<_, i64>(5)? {
                    0 => SyncPhase::FirstCopy,
                    1 => SyncPhase::Sweep { after: RecordId(row.get::<_, i64>(6)? as u64) },
                    _ => SyncPhase::Live,
                },
                paused: row.get(7)?,
                rules: row.get::<_, Option<u32>>(8)?.unwrap_or(0),
                sides: Vec::new(),
                fields: Vec::new(),
                settings: BTreeMap::new(),
            })
        })
        .optional()?;
    let mut state = state.ok_or_else(|| StateError::Unknown { what: "sync", name: sync.0.to_string() })?;
    let mut sides = conn.prepare_cached(
        "SELECT id, name, cursor, cursor_version, generation, connector, backfill_state,
         backfill, paused FROM side WHERE sync = ?1 ORDER BY id",
    )?;
    state.sides = sides.query_map([sync.0], side_state)?.collect::<Result<_, _>>()?;
    let mut fields = conn.prepare_cached("SELECT id, name FROM field WHERE sync = ?1 ORDER BY id")?;
    state.fields =
        fields.query_map([sync.0], |row| Ok((FieldId(row.get(0)?), row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut settings = conn.prepare_cached("SELECT name, value FROM setting WHERE sync = ?1")?;
    state.settings = settings.query_map([sync.0], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(state)
}

fn side_state(row: &Row<'_>) -> rusqlite::Result<SideState> {
    Ok(SideState {
        id: SideId(row.get(0)?),
        name: row.get(1)?,
        cursor: row.get::<_, Option<Vec<u8>>>(2)?.map(|bytes| Cursor(bytes.into())),
        cursor_version: row.get(3)?,
        generation: row.get(4)?,
        connector: row.get(5)?,
        backfill: match row.get::<_, i64>(6)? {
            0 => Backfill::NotBegun,
            1 => Backfill::At(row.get::<_, Option<Vec<u8>>>(7)?.unwrap_or_default()),
            _ => Backfill::Finished,
        },
        paused: row.get(8)?,
    })
}
