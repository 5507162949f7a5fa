//! Writes of which nobody knows whether they took effect, at sides that look
//! before they write and audit afterwards. Such a write may lie over an edit that
//! only its audit would have told of. What the row shows by now hides that edit;
//! so nothing is read or taken of it until the write was sent once more: it looks
//! first, and says what it had overwritten. Knows nothing of values.

use std::collections::{BTreeSet, HashMap};

use lockstep_core::{
    key::Key,
    record::{FieldId, RecordId},
};

/// A row that is to be read, and the places in the stream that wait for it.
pub(super) type Held = (Key, Vec<u64>);

#[derive(Debug, Default)]
pub(super) struct Uncertain {
    /// Whether the side looks, writes and audits.
    pub(super) audits: bool,
    /// With the fields that were sent, as far as that is known.
    records: HashMap<RecordId, BTreeSet<FieldId>>,
    held: HashMap<RecordId, Vec<Held>>,
    rows: usize,
}

impl Uncertain {
    /// A write of these fields may have been sent, and its outcome is not known.
    pub(super) fn add(&mut self, record: RecordId, fields: impl IntoIterator<Item = FieldId>) {
        if self.audits {
            self.records.entry(record).or_default().extend(fields);
        }
    }

    pub(super) fn has(&self, record: RecordId) -> bool {
        !self.records.is_empty() && self.records.contains_key(&record)
    }

    /// The fields that may have been written.
    pub(super) fn fields(&self, record: RecordId) -> Option<&BTreeSet<FieldId>> {
        self.records.get(&record).filter(|fields| !fields.is_empty())
    }

    /// The row is read once that is known.
    pub(super) fn hold(&mut self, record: RecordId, held: Held) {
        self.rows += 1;
        self.held.entry(record).or_default().push(held);
    }

    /// What became of the write is known, or nothing is to be written any more:
    /// the rows that waited to be read.
    pub(super) fn clear(&mut self, record: RecordId) -> Vec<Held> {
        self.records.remove(&record);
        let held = self.held.remove(&record).unwrap_or_default();
        self.rows -= held.len().min(self.rows);
        held
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_doubtful_write_waits_until_it_is_known() {
        let mut uncertain = Uncertain::default();
        uncertain.add(RecordId(1), [FieldId(0)]);
        assert!(!uncertain.has(RecordId(1)), "a conditional write overwrites nothing");
        uncertain.audits = true;
        uncertain.add(RecordId(1), []);
        assert_eq!(uncertain.fields(RecordId(1)), None);
        uncertain.add(RecordId(1), [FieldId(0), FieldId(2)]);
        assert_eq!(uncertain.fields(RecordId(1)).map(BTreeSet::len), Some(2));
        let key = Key::new(Vec::new());
        uncertain.hold(RecordId(1), (key.clone(), vec![3]));
        assert_eq!((uncertain.len(), uncertain.clear(RecordId(1))), (1, vec![(key, vec![3])]));
        assert!(!uncertain.has(RecordId(1)) && uncertain.len() == 0);
    }
}
