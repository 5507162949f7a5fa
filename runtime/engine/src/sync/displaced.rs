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
    /// Somebody else decided until this commit, of whatever record; zero: nothing waits for it.
    before: u64,
}

impl Displaced {
    /// What was committed before this is known of, by an operation without a running
    /// sync perhaps, may displace values of any record.
    pub(super) fn since(commit: u64) -> Self {
        Displaced { before: commit, ..Displaced::default() }
    }

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
        let before = self.before;
        if before <= commit {
            self.before = 0;
        }
        while let Some((_, records)) = self.commits.pop_front_if(|(number, _)| *number <= commit) {
            for record in records {
                if self.last.get(&record).is_some_and(|last| *last <= commit) {
                    self.last.remove(&record);
                }
            }
        }
        self.last.len() < waited || self.before < before
    }

    pub(super) fn waits(&self, record: RecordId) -> bool {
        self.before > 0 || (!self.last.is_empty() && self.last.contains_key(&record))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.before == 0 && self.last.is_empty()
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

    #[test]
    fn every_record_waits_for_what_was_committed_before_the_sync_ran() {
        let mut displaced = Displaced::since(5);
        displaced.note(6, [RecordId(7)].into_iter());
        assert!(!displaced.reached(4) && displaced.waits(RecordId(1)) && !displaced.is_empty());
        assert!(displaced.reached(5) && !displaced.waits(RecordId(1)) && displaced.waits(RecordId(7)));
        assert!(displaced.reached(6) && displaced.is_empty());
        assert!(Displaced::since(0).is_empty());
    }
}
