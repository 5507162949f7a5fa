//! Which records wait for which parents, so that they are looked at again when
//! a parent arrives. Rebuilt from the state when a sync starts.

use std::collections::{HashMap, HashSet};

use lockstep_core::{
    key::Key,
    plan::{Parent, Wait},
    record::RecordId,
};

use super::Linked;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Awaited {
    Key(String, String, Key),
    Record(String, String, RecordId),
}

#[derive(Default)]
pub(super) struct Waiting {
    children: HashMap<Awaited, HashSet<RecordId>>,
}

impl Waiting {
    pub(super) fn add(&mut self, record: RecordId, waits: &[Wait]) {
        for wait in waits {
            let (sync, side) = (wait.sync.to_string(), wait.side.to_string());
            let awaited = match &wait.parent {
                Parent::Key(key) => Awaited::Key(sync, side, key.clone()),
                Parent::Record(parent) => Awaited::Record(sync, side, *parent),
            };
            self.children.entry(awaited).or_default().insert(record);
        }
    }

    /// Every record that waits.
    pub(super) fn all(&self) -> Vec<RecordId> {
        let mut records: Vec<_> = self.children.values().flatten().copied().collect();
        records.sort_unstable();
        records.dedup();
        records
    }

    /// The records that waited for this parent at this side.
    pub(super) fn arrived(&mut self, linked: &Linked) -> Vec<RecordId> {
        if self.children.is_empty() {
            return Vec::new();
        }
        let (sync, side) = (linked.sync.to_string(), linked.side.to_string());
        let by_key = self.children.remove(&Awaited::Key(sync.clone(), side.clone(), linked.key.clone()));
        let by_record = self.children.remove(&Awaited::Record(sync, side, linked.record));
        let mut records: Vec<_> = by_key.into_iter().chain(by_record).flatten().collect();
        records.sort_unstable();
        records.dedup();
        records
    }
}
