//! Rows that a read did not find though they are known to be there. Such a read
//! is not ordered against the stream, which may still tell of edits made before
//! the row went: believed at once, and the row made again, they would count as
//! older than the new row and be lost. So an absence is believed once the stream
//! has passed the moment of the read without telling anything of the row, and a
//! second read agrees. Where the stream tells every end, one that it did not tell is
//! one that it forgot, and it may have forgotten the row's new key instead: such a
//! row is looked for by what it matches, too.
//!
//! Nor is a row that a create may have made, and that a look did not find, known never
//! to have been made: the stream may still tell of its making, of edits and of its end.
//! The create is sent once more when the stream has passed that look. Knows nothing of
//! what records hold.

use lockstep_core::{
    key::Key,
    record::{Link, RecordId},
};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::time::Instant;

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

/// What the stream has to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A row that is known to be there was not found.
    Row(Key),
    /// The row of a create that may have been sent was not found.
    Create(RecordId),
    /// The time of rows made a moment ago is over.
    Moment(Instant),
}

/// The doubts of one side, from the first look to the second.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    open: FxHashMap<Key, Doubt>,
    creates: FxHashSet<RecordId>,
    /// The stream was not asked about these yet.
    fresh: Vec<Look>,
    /// The stream was asked, under this number.
    asked: Option<(u64, Vec<Look>)>,
    /// It has passed the moment; what came before this mark is being absorbed.
    passing: Option<(u64, Vec<Look>)>,
    number: u64,
}

impl Doubts {
    /// A row was looked for and not found.
    pub(super) fn add(&mut self, key: &Key, tickets: &[u64], record: RecordId, known: &Link) {
        if !self.open.contains_key(key) {
            self.fresh.push(Look::Row(key.clone()));
        }
        let doubt = self.open.entry(key.clone()).or_insert_with(|| Doubt {
            record,
            known: known.clone(),
            tickets: Vec::new(),
            heirs: Vec::new(),
        });
        doubt.tickets.extend(tickets);
    }

    /// The row that a create of this record may have made was looked for and not found.
    pub(super) fn add_create(&mut self, record: RecordId) {
        if self.creates.insert(record) {
            self.fresh.push(Look::Create(record));
        }
    }

    /// To be told when the stream has passed what the source has now.
    pub(super) fn add_moment(&mut self, over: Instant) {
        self.fresh.push(Look::Moment(over));
    }

    /// Whether a create of this record has to wait.
    pub(super) fn withholds(&self, record: RecordId) -> bool {
        !self.creates.is_empty() && self.creates.contains(&record)
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
        if let Some((_, looks)) = self.asked.take_if(|(asked, _)| *asked == number) {
            self.passing = Some((mark, looks));
        }
    }

    /// The rows to be looked for once more, and the records to be created after all, when
    /// the stream is absorbed that far.
    pub(super) fn passed(&mut self, is_past: impl FnOnce(u64) -> bool) -> Vec<Look> {
        match self.passing.take() {
            Some((mark, looks)) if is_past(mark) => {
                for look in &looks {
                    if let Look::Create(record) = look {
                        self.creates.remove(record);
                    }
                }
                looks
            }
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

    /// Whether this row is in doubt, or waits until it is known that another one is gone.
    pub(super) fn concern(&self, key: &Key) -> bool {
        let waits = |doubt: &Doubt| doubt.heirs.iter().any(|(heir, _)| heir == key);
        self.open.contains_key(key) || self.open.values().any(waits)
    }

    /// The second look has answered, or the question fell away.
    pub(super) fn close(&mut self, key: &Key) -> Option<Doubt> {
        self.open.remove(key)
    }

    /// The second look found nothing: one more is made, elsewhere.
    pub(super) fn keep(&mut self, key: &Key, doubt: Doubt) {
        self.open.insert(key.clone(), doubt);
    }

    /// The second look is to be made once more.
    pub(super) fn again(&mut self, key: &Key) {
        if self.open.contains_key(key) {
            self.fresh.push(Look::Row(key.clone()));
        }
    }

    /// The stream begins anew: it has to be asked again. What waited in it comes again.
    pub(super) fn restart(&mut self) {
        let asked = self.asked.take().map(|(_, looks)| looks);
        let passing = self.passing.take().map(|(_, looks)| looks);
        self.fresh.extend(passing.into_iter().chain(asked).flatten());
        for doubt in self.open.values_mut() {
            doubt.tickets.clear();
            doubt.heirs.iter_mut().for_each(|(_, tickets)| tickets.clear());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.creates.is_empty()
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
        assert_eq!(doubts.passed(|mark| mark == 7), [Look::Row(key(1))]);
        assert!(!doubts.is_empty());
        assert!(doubts.close(&key(1)).is_some());
        assert!(doubts.is_empty());
    }

    #[test]
    fn a_create_is_withheld_until_the_stream_has_passed_the_look_for_its_row() {
        let mut doubts = Doubts::default();
        doubts.add_create(RecordId(1));
        doubts.add_create(RecordId(1));
        let number = doubts.ask().unwrap();
        doubts.restart();
        doubts.answered(number, 7);
        assert!(doubts.passed(|_| true).is_empty() && doubts.withholds(RecordId(1)) && !doubts.is_empty());
        let number = doubts.ask().unwrap();
        doubts.answered(number, 7);
        assert_eq!(doubts.passed(|_| true), [Look::Create(RecordId(1))]);
        assert!(!doubts.withholds(RecordId(1)) && doubts.is_empty());
    }

    #[test]
    fn a_row_waits_until_it_is_known_whether_the_one_before_it_is_gone() {
        let mut doubts = Doubts::default();
        doubts.add(&key(1), &[], RecordId(1), &link());
        doubts.await_by(&key(1), &key(2), &[7]);
        doubts.await_by(&key(3), &key(4), &[8]);
        assert!(doubts.concern(&key(1)) && doubts.concern(&key(2)) && !doubts.concern(&key(4)));
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
