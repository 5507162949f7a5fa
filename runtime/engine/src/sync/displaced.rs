//! Records of which a decision displaced a value that only the journal keeps,
//! until the disk has the commit that journals it: what is written because of the
//! decision waits so long, for a power cut could take the entry and leave the write.

use std::collections::VecDeque;

use lockstep_core::record::RecordId;
use rustc_hash::FxHashMap;

/// Every step costs as much as the records it concerns, however many wait.
#[derive(Debug, Default)]
pub(super) struct Displaced {
    /// The last commit that journals a displaced value of it.
    last: FxHashMap<RecordId, u64>,
    /// Oldest first.
    commits: VecDeque<(u64, Vec<RecordId>)>,
}

impl Displaced {
    /// A commit journals displaced values of these records. Numbers only grow.
    pub(super) fn note(&mut self, commit: u64, records: impl Iterator<Item = RecordId>) {
        let records: Vec<RecordId> = records.collect();
        if records.is_empty() {
            return;
        }
        self.last.extend(records.iter().map(|record| (*record, commit)));
        self.commits.push_back((commit, records));
    }

    /// The disk has every commit up to this one. True: some record waits no longer.
    pub(super) fn reached(&mut self, commit: u64) -> bool {
        let waited = self.last.len();
        while let Some((_, records)) = self.commits.pop_front_if(|(number, _)| *number <= commit) {
            for record in records {
                if self.last.get(&record).is_some_and(|last| *last <= commit) {
                    self.last.remove(&record);
                }
            }
        }
        self.last.len() < waited
    }

    pub(super) fn waits(&self, record: RecordId) -> bool {
        !self.last.is_empty() && self.last.contains_key(&record)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_waits_for_the_last_commit_that_displaced_something_of_it() {
        let mut displaced = Displaced::default();
        displaced.note(1, [RecordId(7), RecordId(8)].into_iter());
        displaced.note(2, [].into_iter());
        displaced.note(3, [RecordId(7)].into_iter());
        assert!(!displaced.reached(0));
        assert!(displaced.reached(2));
        assert!(displaced.waits(RecordId(7)) && !displaced.waits(RecordId(8)));
        assert!(!displaced.is_empty());
        assert!(displaced.reached(3));
        assert!(displaced.is_empty() && !displaced.waits(RecordId(7)));
    }
}
