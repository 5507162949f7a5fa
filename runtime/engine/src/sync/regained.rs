//! What a state may have lost with the power, and is told of again. Commits are on
//! disk within about a second; a machine that was started anew may have lost those.
//! A record that streams tell of until they have caught up may have been known by
//! then, and its row at one side may be one that the runtime had made of another
//! side's, which is gone since. So keys that nobody knows and that are told to be gone
//! are remembered meanwhile, and looked at before such a record is made there. Knows
//! nothing of values.

use std::collections::HashSet;

use lockstep_core::{key::Key, record::RecordId};

/// Setting that names the start of the machine since which nothing can have been lost.
pub(super) const MACHINE: &str = "machine-start";
/// Keys remembered for each side; those beyond it are looked at no more.
const GONE_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Regained {
    /// The first record, and the one after the last, that may be such.
    from: u64,
    below: u64,
    gone: HashSet<Key>,
}

impl Regained {
    /// Every record from here on, until the streams have caught up.
    pub(super) fn begin(&mut self, from: u64) {
        (self.from, self.below) = (from, u64::MAX);
    }

    /// The streams have caught up: records from here on are new.
    pub(super) fn end(&mut self, below: u64) {
        self.below = below;
    }

    pub(super) fn has(&self, record: RecordId) -> bool {
        (self.from..self.below).contains(&record.0)
    }

    /// A row is told to be gone.
    pub(super) fn note_gone(&mut self, key: &Key, is_known: bool) {
        if !is_known && self.below == u64::MAX && self.gone.len() < GONE_MAX {
            self.gone.insert(key.clone());
        }
    }

    /// Whether such a row had this key, which such a record is to be made with: asked once.
    pub(super) fn take_gone(&mut self, record: RecordId, key: &Key) -> bool {
        self.has(record) && self.gone.remove(key)
    }
}

#[cfg(test)]
mod tests {
    use lockstep_core::value::Value;

    use super::*;

    #[test]
    fn only_what_is_told_of_until_the_streams_have_caught_up_may_be_regained() {
        let [one, other] = [1, 2].map(|number| Key::new(vec![Value::Int(number)]));
        let mut regained = Regained::default();
        regained.note_gone(&one, false);
        assert!(!regained.has(RecordId(7)) && !regained.take_gone(RecordId(7), &one));
        regained.begin(5);
        regained.note_gone(&one, false);
        regained.note_gone(&other, true);
        regained.end(8);
        regained.note_gone(&other, false);
        assert!(!regained.has(RecordId(4)) && regained.has(RecordId(7)) && !regained.has(RecordId(8)));
        assert!(!regained.take_gone(RecordId(8), &one));
        assert!(regained.take_gone(RecordId(7), &one) && !regained.take_gone(RecordId(7), &one));
        assert!(!regained.take_gone(RecordId(7), &other));
    }
}
