//! Numbers that name things in the file, and how two of them share one integer.

use lockstep_core::record::{RecordId, SideId};
use serde::{Deserialize, Serialize};

use crate::error::StateError;

/// A sync, numbered once by the state file and never renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SyncId(pub u32);

/// Syncs in one file.
pub(crate) const SYNCS_MAX: u32 = (1 << 23) - 1;
/// Records, and journal entries, in the life of one sync.
pub(crate) const IN_SYNC_MAX: u64 = (1 << 40) - 1;
/// Sides in the life of one sync: each has a bit in its records' rows.
pub(crate) const SIDES_MAX: u8 = 56;
/// Fields in the life of one sync.
pub(crate) const FIELDS_MAX: u16 = 4096;

/// The row of a record or journal entry.
pub(crate) fn row(sync: SyncId, number: u64) -> Result<i64, StateError> {
    if number > IN_SYNC_MAX {
        return Err(StateError::UsedUp { what: "the numbering of records and journal entries", max: IN_SYNC_MAX });
    }
    Ok((i64::from(sync.0) << 40) | number as i64)
}

/// The rows of a whole sync, first and last.
pub(crate) fn rows(sync: SyncId) -> (i64, i64) {
    let first = i64::from(sync.0) << 40;
    (first, first | IN_SYNC_MAX as i64)
}

pub(crate) fn record_of(row: i64) -> RecordId {
    RecordId(row as u64 & IN_SYNC_MAX)
}

/// A side with its sync.
pub(crate) fn side(sync: SyncId, side: SideId) -> i64 {
    (i64::from(sync.0) << 8) | i64::from(side.0)
}

pub(crate) fn side_of(side: i64) -> (SyncId, SideId) {
    (SyncId((side >> 8) as u32), SideId(side as u8))
}
