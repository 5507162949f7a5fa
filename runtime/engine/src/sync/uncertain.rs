//! Writes of which nobody knows whether they took effect, at sides that look
//! before they write and audit afterwards. Such a write may lie over an edit that
//! only its audit would have told of. What the row shows by now hides that edit;
//! so nothing is read or taken of it until the write was sent once more: it looks
//! first, and says what it had overwritten. Knows nothing of values.

use std::collections::{HashMap, HashSet};

use lockstep_core::{key::Key, record::RecordId};

/// A row that is to be read, and the places in the stream that wait for it.
pub(super) type Held = (Key, Vec<u64>);

#[derive(Debug, Default)]
pub(super) struct Uncertain {
    /// Whether the side looks, writes and audits.
    pub(super) audits: bool,
    records: HashSet<RecordId>,
    held: HashMap<RecordId, Vec<Held>>,
    rows: usize,
}

impl Uncertain {
    /// A write of this record may have been sent, and its outcome is not known.
    pub(super) fn add(&mut self, record: RecordId) {
        if self.audits {
            self.records.insert(record);
        }
    }

    pub(super) fn has(&self, record: RecordId) -> bool {
        !self.records.is_empty() && self.records.contains(&record)
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
        uncertain.add(RecordId(1));
        assert!(!uncertain.has(RecordId(1)), "a conditional write overwrites nothing");
        uncertain.audits = true;
        uncertain.add(RecordId(1));
        let key = Key::new(Vec::new());
        uncertain.hold(RecordId(1), (key.clone(), vec![3]));
        assert_eq!((uncertain.len(), uncertain.clear(RecordId(1))), (1, vec![(key, vec![3])]));
        assert!(!uncertain.has(RecordId(1)) && uncertain.len() == 0);
    }
}
