//! Rows that a read did not find though they are known to be there. Such a read
//! is not ordered against the stream, which may still tell of edits made before
//! the row went: believed at once, and the row made again, they would count as
//! older than the new row and be lost. So an absence is believed once the stream
//! has passed the moment of the read without telling anything of the row, and a
//! second read agrees. Knows nothing of records.

use lockstep_core::{
    key::Key,
    record::{Link, RecordId},
};
use rustc_hash::FxHashMap;

/// One row that was not found.
#[derive(Debug)]
pub(super) struct Doubt {
    /// Whose row it was: it may have got another key since.
    pub(super) record: RecordId,
    /// What was known of it at the first look.
    pub(super) known: Link,
    /// Places in the stream that wait for this.
    pub(super) tickets: Vec<u64>,
    /// Rows that would be this record's if its row is gone, with the places that wait.
    pub(super) heirs: Vec<(Key, Vec<u64>)>,
}

/// The doubts of one side, from the first look to the second.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    open: FxHashMap<Key, Doubt>,
    /// The stream was not asked about these yet.
    fresh: Vec<Key>,
    /// The stream was asked, under this number.
    asked: Option<(u64, Vec<Key>)>,
    /// It has passed the moment; what came before this mark is being absorbed.
    passing: Option<(u64, Vec<Key>)>,
    number: u64,
}

impl Doubts {
    /// A row was looked for and not found.
    pub(super) fn add(&mut self, key: &Key, tickets: &[u64], record: RecordId, known: &Link) {
        if !self.open.contains_key(key) {
            self.fresh.push(key.clone());
        }
        let doubt = self.open.entry(key.clone()).or_insert_with(|| Doubt {
            record,
            known: known.clone(),
            tickets: Vec::new(),
            heirs: Vec::new(),
        });
        doubt.tickets.extend(tickets);
    }

    /// Another row waits until it is known whether this one is gone.
    pub(super) fn await_by(&mut self, key: &Key, heir: &Key, tickets: &[u64]) {
        if let Some(doubt) = self.open.get_mut(key) {
            doubt.heirs.push((heir.clone(), tickets.to_vec()));
        }
    }

    /// The number to ask the stream under, when there is something to ask.
    pub(super) fn ask(&mut self) -> Option<u64> {
        if self.fresh.is_empty() || self.asked.is_some() || self.passing.is_some() {
            return None;
        }
        self.number += 1;
        self.asked = Some((self.number, std::mem::take(&mut self.fresh)));
        Some(self.number)
    }

    /// The stream has passed what was asked; it is absorbed once nothing before `mark` waits.
    pub(super) fn answered(&mut self, number: u64, mark: u64) {
        if let Some((_, keys)) = self.asked.take_if(|(asked, _)| *asked == number) {
            self.passing = Some((mark, keys));
        }
    }

    /// The rows to be looked for once more, when the stream is absorbed that far.
    pub(super) fn passed(&mut self, is_past: impl FnOnce(u64) -> bool) -> Vec<Key> {
        match self.passing.take() {
            Some((mark, keys)) if is_past(mark) => keys,
            other => {
                self.passing = other;
                Vec::new()
            }
        }
    }

    /// Whose row is in doubt.
    pub(super) fn record(&self, key: &Key) -> Option<RecordId> {
        self.open.get(key).map(|doubt| doubt.record)
    }

    /// The second look has answered, or the question fell away.
    pub(super) fn close(&mut self, key: &Key) -> Option<Doubt> {
        self.open.remove(key)
    }

    /// The second look is to be made once more.
    pub(super) fn again(&mut self, key: &Key) {
        if self.open.contains_key(key) {
            self.fresh.push(key.clone());
        }
    }

    /// The stream begins anew: it has to be asked again. What waited in it comes again.
    pub(super) fn restart(&mut self) {
        let asked = self.asked.take().map(|(_, keys)| keys);
        let passing = self.passing.take().map(|(_, keys)| keys);
        self.fresh.extend(passing.into_iter().chain(asked).flatten());
        for doubt in self.open.values_mut() {
            doubt.tickets.clear();
            doubt.heirs.iter_mut().for_each(|(_, tickets)| tickets.clear());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use lockstep_core::{
        record::{Presence, RecordId, SideId},
        value::Value,
    };

    use super::*;

    fn key(number: i64) -> Key {
        Key::new(vec![Value::Int(number)])
    }

    fn link() -> Link {
        Link::new(SideId(0), Some(key(1)), Presence::Live)
    }

    #[test]
    fn an_absence_is_looked_at_again_only_when_the_stream_has_passed_it() {
        let mut doubts = Doubts::default();
        doubts.add(&key(1), &[], RecordId(1), &link());
        let number = doubts.ask().unwrap();
        assert_eq!(doubts.ask(), None);
        doubts.answered(number - 1, 7);
        assert_eq!(doubts.passed(|_| true), []);
        doubts.answered(number, 7);
        assert_eq!(doubts.passed(|_| false), []);
        assert_eq!(doubts.passed(|mark| mark == 7), [key(1)]);
        assert!(!doubts.is_empty());
        assert!(doubts.close(&key(1)).is_some());
        assert!(doubts.is_empty());
    }

    #[test]
    fn a_row_waits_until_it_is_known_whether_the_one_before_it_is_gone() {
        let mut doubts = Doubts::default();
        doubts.add(&key(1), &[], RecordId(1), &link());
        doubts.await_by(&key(1), &key(2), &[7]);
        doubts.await_by(&key(3), &key(4), &[8]);
        assert_eq!(doubts.close(&key(1)).map(|doubt| doubt.heirs), Some(vec![(key(2), vec![7])]));
        assert!(doubts.is_empty());
    }

    #[test]
    fn a_stream_that_begins_anew_is_asked_again() {
        let mut doubts = Doubts::default();
        doubts.add(&key(1), &[3], RecordId(1), &link());
        let number = doubts.ask().unwrap();
        doubts.restart();
        doubts.answered(number, 7);
        assert_eq!(doubts.passed(|_| true), []);
        assert_ne!(doubts.ask(), Some(number));
        assert_eq!(doubts.close(&key(1)).map(|doubt| doubt.tickets), Some(vec![]));
    }
}
