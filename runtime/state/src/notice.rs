//! What sides told of rows that are still to be read: kept, so that neither a
//! crash nor a pause takes it, and so that whoever told it need not wait for the
//! reading. Must not know what a notice leads to.

use lockstep_core::{
    delta::{GLIMPSES_MAX, Glimpse, Notice, NoticeChange},
    key::Key,
    record::SideId,
    value::Timestamp,
};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::{
    error::StateError,
    id::{self, SyncId},
    store::Store,
};

/// In place of the number of what was told: nothing was, see [`Notice::Made`].
const MADE: i64 = -1;
/// The first byte of every glimpse.
const GLIMPSE_VERSION: u8 = 1;

/// All of a glimpse but its values, which JSON cannot hold exactly.
#[derive(Serialize, Deserialize)]
struct Shape {
    columns: Vec<String>,
    at: Option<i64>,
}

/// A change ready for the writer.
pub(crate) enum NoticeRow {
    Put { side: SideId, key: Vec<u8>, body: Option<Vec<u8>> },
    Clear { side: SideId, key: Vec<u8> },
    Made { side: SideId, key: Vec<u8> },
    Looked { side: SideId, key: Vec<u8> },
}

impl NoticeRow {
    pub(crate) fn new(change: &NoticeChange) -> Self {
        match change {
            NoticeChange::Put { side, key, told } => {
                let (side, key) = (*side, key.encode());
                match told {
                    Notice::Changed => NoticeRow::Put { side, key, body: None },
                    Notice::Glimpsed(glimpse) => NoticeRow::Put { side, key, body: Some(encode(glimpse)) },
                    Notice::Made => NoticeRow::Made { side, key },
                }
            }
            NoticeChange::Looked { side, key } => NoticeRow::Looked { side: *side, key: key.encode() },
            NoticeChange::Clear { side, key } => NoticeRow::Clear { side: *side, key: key.encode() },
        }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            NoticeRow::Put { key, body, .. } => key.len() + body.as_ref().map_or(0, Vec::len),
            NoticeRow::Clear { key, .. } | NoticeRow::Made { key, .. } | NoticeRow::Looked { key, .. } => key.len(),
        }
    }
}

pub(crate) fn apply(conn: &Connection, sync: SyncId, rows: &[NoticeRow]) -> Result<(), StateError> {
    for row in rows {
        match row {
            NoticeRow::Put { side, key, body: None } => conn
                .prepare_cached("INSERT OR IGNORE INTO notice VALUES (?1, ?2, 0, x'')")?
                .execute((id::side(sync, *side), key))?,
            NoticeRow::Put { side, key, body: Some(body) } => put_glimpse(conn, id::side(sync, *side), key, body)?,
            NoticeRow::Clear { side, key } => conn
                .prepare_cached("DELETE FROM notice WHERE side = ?1 AND key = ?2 AND n >= 0")?
                .execute((id::side(sync, *side), key))?,
            NoticeRow::Made { side, key } => conn
                .prepare_cached("INSERT OR IGNORE INTO notice VALUES (?1, ?2, ?3, x'')")?
                .execute((id::side(sync, *side), key, MADE))?,
            NoticeRow::Looked { side, key } => conn
                .prepare_cached("DELETE FROM notice WHERE side = ?1 AND key = ?2 AND n = ?3")?
                .execute((id::side(sync, *side), key, MADE))?,
        };
    }
    Ok(())
}

/// The newest [`GLIMPSES_MAX`] of a row are kept.
fn put_glimpse(conn: &Connection, side: i64, key: &[u8], body: &[u8]) -> Result<usize, StateError> {
    conn.prepare_cached(
        "INSERT INTO notice SELECT ?1, ?2, 1 + max(coalesce(max(n), 0), 0), ?3
         FROM notice WHERE side = ?1 AND key = ?2",
    )?
    .execute((side, key, body))?;
    let removed = conn
        .prepare_cached(
            "DELETE FROM notice WHERE side = ?1 AND key = ?2 AND n > 0
             AND n <= (SELECT max(n) FROM notice WHERE side = ?1 AND key = ?2) - ?3",
        )?
        .execute((side, key, GLIMPSES_MAX as i64))?;
    Ok(removed)
}

impl Store {
    /// What a side told of rows that are still to be read, by row, in the order it was told.
    pub fn notices(&self, sync: SyncId, side: SideId) -> Result<Vec<(Key, Notice)>, StateError> {
        self.read(|conn| {
            let mut query = conn.prepare_cached("SELECT key, n, body FROM notice WHERE side = ?1 ORDER BY key, n")?;
            let mut rows = query.query([id::side(sync, side)])?;
            let mut notices = Vec::new();
            while let Some(row) = rows.next()? {
                let key = Key::decode(&row.get::<_, Vec<u8>>(0)?).map_err(unreadable)?;
                let told = match row.get::<_, i64>(1)? {
                    MADE => Notice::Made,
                    0 => Notice::Changed,
                    _ => Notice::Glimpsed(decode(&row.get::<_, Vec<u8>>(2)?)?),
                };
                notices.push((key, told));
            }
            Ok(notices)
        })
    }
}

fn unreadable(error: impl std::fmt::Display) -> StateError {
    StateError::corrupt(format!("what a side told of a row cannot be read: {error}"))
}

/// Version, length of the JSON part (4 bytes, little end first), JSON, values.
fn encode(glimpse: &Glimpse) -> Vec<u8> {
    let shape = Shape {
        columns: glimpse.cells.iter().map(|(column, _)| column.clone()).collect(),
        at: glimpse.at.map(|at| at.0),
    };
    // Texts and a number only: this cannot fail.
    let json = serde_json::to_vec(&shape).unwrap_or_default();
    let values = Key::new(glimpse.cells.iter().map(|(_, value)| value.clone()).collect());
    let mut bytes = vec![GLIMPSE_VERSION];
    bytes.extend((json.len() as u32).to_le_bytes());
    bytes.extend(json);
    bytes.extend(values.encode());
    bytes
}

fn decode(bytes: &[u8]) -> Result<Glimpse, StateError> {
    let short = || unreadable("it ends too early");
    let (version, bytes) = bytes.split_first().ok_or_else(short)?;
    if *version != GLIMPSE_VERSION {
        return Err(unreadable(format!("version {version}")));
    }
    let (length, bytes) = bytes.split_first_chunk().ok_or_else(short)?;
    let (json, values) = bytes.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(short)?;
    let shape: Shape = serde_json::from_slice(json).map_err(unreadable)?;
    let values = Key::decode(values).map_err(unreadable)?;
    if values.0.len() != shape.columns.len() {
        return Err(unreadable("columns and values differ in number"));
    }
    let cells = shape.columns.into_iter().zip(values.0.iter().cloned()).collect();
    Ok(Glimpse { cells, at: shape.at.map(Timestamp) })
}

#[cfg(test)]
mod tests {
    use lockstep_core::value::Value;

    use super::*;

    #[test]
    fn a_glimpse_comes_back_as_it_was_and_cut_short_it_is_refused() {
        let cells = vec![("name".to_owned(), Value::text("Ada")), ("amount".to_owned(), Value::Float(f64::NAN))];
        let glimpse = Glimpse { cells, at: Some(Timestamp(5)) };
        let bytes = encode(&glimpse);
        assert_eq!(decode(&bytes).unwrap(), glimpse);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}
