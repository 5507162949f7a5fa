//! What a plan may look at: gathered from state before, complete for what was asked.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    key::{Key, MatchKey},
    record::{Record, RecordId, SideId},
};

/// What has to be gathered for a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    pub keys: Vec<(SideId, Key)>,
    pub matches: Vec<MatchKey>,
    /// Parents referred to: sync, side name there, key at that side.
    pub parents: Vec<(Arc<str>, Arc<str>, Key)>,
}

/// Parents of references, both ways, as far as the plan needs them.
#[derive(Clone, Debug, Default)]
pub struct Refs {
    /// (parent sync, side name, key there) to record. Gathered and not there: not linked yet.
    pub by_key: BTreeMap<(Arc<str>, Arc<str>), BTreeMap<Vec<u8>, RecordId>>,
    /// (parent sync, side name, record) to key there.
    pub by_record: BTreeMap<(Arc<str>, Arc<str>, RecordId), Key>,
}

/// Records under work, found by id, by key at a side and by match value.
#[derive(Clone, Debug, Default)]
pub struct Workset {
    records: BTreeMap<RecordId, Record>,
}

impl Workset {
    /// Adds a gathered record with all its links.
    pub fn put(&mut self, record: Record) {
        self.records.insert(record.id, record);
    }

    /// Says that these records carry a match value (all of them are put as well).
    pub fn put_match(&mut self, key: MatchKey, records: Vec<RecordId>) {
        let _ = (key, records);
        todo!()
    }

    pub fn get(&self, id: RecordId) -> Option<&Record> {
        self.records.get(&id)
    }

    pub fn by_key(&self, side: SideId, key: &Key) -> Option<RecordId> {
        let _ = (side, key);
        todo!()
    }
}
