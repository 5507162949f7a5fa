//! What a plan may look at: gathered from state before, complete for what was asked.

use std::{
    collections::{BTreeMap, hash_map::Entry},
    sync::Arc,
};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    key::{Key, MatchKey},
    record::{Record, RecordId, SideId},
};

/// What has to be gathered for a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    pub keys: Vec<(SideId, Key)>,
    pub matches: Vec<MatchKey>,
    /// Match values that matter only where the key at this place of `keys` belongs
    /// to no live row: most told rows are known, and looking for others is dear.
    pub matches_unless_linked: Vec<(usize, MatchKey)>,
    /// Parents referred to: sync, side name there, key at that side.
    pub parents: Vec<(Arc<str>, Arc<str>, Key)>,
}

/// Encoded keys of one side to the records that have them.
pub type KeyRecords = BTreeMap<Vec<u8>, RecordId>;

/// Parents of references, both ways, as far as the plan needs them: every
/// parent a told row refers to, and every parent a gathered record refers to
/// with its keys at all sides ([`super::parents`]).
#[derive(Clone, Debug, Default)]
pub struct Refs {
    /// (parent sync, side name, key there) to record. Gathered and not there: not linked yet.
    pub by_key: BTreeMap<(Arc<str>, Arc<str>), KeyRecords>,
    /// (parent sync, side name, record) to key there.
    pub by_record: BTreeMap<(Arc<str>, Arc<str>, RecordId), Key>,
}

impl Refs {
    /// Says that a parent record has this key at a side: both directions at once.
    pub fn link(&mut self, sync: &Arc<str>, side: &Arc<str>, key: Key, record: RecordId) {
        self.by_key.entry((sync.clone(), side.clone())).or_default().insert(key.encode(), record);
        self.by_record.insert((sync.clone(), side.clone(), record), key);
    }

    pub(super) fn record(&self, sync: &Arc<str>, side: &Arc<str>, key: &Key) -> Option<RecordId> {
        self.by_key.get(&(sync.clone(), side.clone()))?.get(&key.encode()).copied()
    }

    pub(super) fn key(&self, sync: &Arc<str>, side: &Arc<str>, record: RecordId) -> Option<&Key> {
        self.by_record.get(&(sync.clone(), side.clone(), record))
    }
}

/// Records under work, found by id, by key at a side and by match value.
/// Whether a found record still has the key or match value is checked when
/// it is found, so the maps may lag behind.
#[derive(Clone, Debug, Default)]
pub struct Workset {
    /// Shared with whoever gathered them: a record is copied when it is first worked on.
    records: FxHashMap<RecordId, Arc<Record>>,
    /// As gathered, of those that were taken out.
    originals: FxHashMap<RecordId, Arc<Record>>,
    by_key: FxHashMap<(SideId, Key), RecordId>,
    by_match: FxHashMap<MatchKey, Vec<RecordId>>,
    unsought: FxHashSet<MatchKey>,
}

impl Needs {
    /// Takes in what something else needs as well.
    pub fn add(&mut self, more: Needs) {
        let before = self.keys.len();
        self.keys.extend(more.keys);
        self.matches.extend(more.matches);
        let unless_linked = more.matches_unless_linked.into_iter();
        self.matches_unless_linked.extend(unless_linked.map(|(place, key)| (before + place, key)));
        self.parents.extend(more.parents);
    }
}

impl Workset {
    /// Adds a gathered record with all its links.
    pub fn put(&mut self, record: impl Into<Arc<Record>>) {
        let record = record.into();
        for link in &record.links {
            if let Some(key) = &link.key {
                self.by_key.insert((link.side, key.clone()), record.id);
            }
        }
        self.records.insert(record.id, record);
    }

    /// Says that these records carry a match value (all of them are put as well).
    pub fn put_match(&mut self, key: MatchKey, records: Vec<RecordId>) {
        let known = self.by_match.entry(key).or_default();
        for record in records {
            if !known.contains(&record) {
                known.push(record);
            }
        }
        known.sort_unstable();
    }

    /// Says that nobody looked for records with this match value.
    pub fn leave_unsought(&mut self, key: MatchKey) {
        self.unsought.insert(key);
    }

    /// Whether a plan must not conclude anything from finding no such record.
    pub(super) fn is_unsought(&self, key: &MatchKey) -> bool {
        self.unsought.contains(key)
    }

    /// All of them, in no particular order.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values().map(Arc::as_ref)
    }

    pub fn get(&self, id: RecordId) -> Option<&Record> {
        self.records.get(&id).map(Arc::as_ref)
    }

    /// A record, to be kept by others as well.
    pub(super) fn shared(&self, id: RecordId) -> Option<&Arc<Record>> {
        self.records.get(&id)
    }

    /// What a record was like before it was first taken out.
    pub(super) fn original(&self, id: RecordId) -> Option<&Record> {
        self.originals.get(&id).map(Arc::as_ref)
    }

    /// The record that has this key at this side, live or deleted.
    pub fn by_key(&self, side: SideId, key: &Key) -> Option<RecordId> {
        let id = *self.by_key.get(&(side, key.clone()))?;
        let link = self.records.get(&id)?.link(side)?;
        (link.key.as_ref() == Some(key)).then_some(id)
    }

    /// Every record known to carry this match value now or before, in order.
    pub(super) fn by_match(&self, key: &MatchKey) -> &[RecordId] {
        self.by_match.get(key).map_or(&[], Vec::as_slice)
    }

    /// A plan has ended: what there is now is what the next one begins with.
    pub(super) fn settle(&mut self) {
        self.originals.clear();
    }

    /// Takes a record out to work on it; it must be put back.
    pub(super) fn take(&mut self, id: RecordId) -> Option<Record> {
        let record = self.records.remove(&id)?;
        if let Entry::Vacant(place) = self.originals.entry(id) {
            place.insert(record.clone());
        }
        Some(Arc::unwrap_or_clone(record))
    }

    /// Puts back a record whose keys have not changed.
    pub(super) fn put_back(&mut self, record: Record) {
        self.records.insert(record.id, Arc::new(record));
    }
}
