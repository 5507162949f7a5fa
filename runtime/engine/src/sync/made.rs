//! Rows that were made a moment ago at a side that does not refuse the same record
//! twice. Whoever makes a row of the same record there within that time had not seen
//! ours: people do not look for one, find it and add it again within seconds. What is
//! told later than that is a record of its own. Knows nothing of
//! values.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use lockstep_core::{key::Key, plan::Maker, record::RecordId};
use rustc_hash::FxHashMap;
use tokio::time::Instant;

/// From the answer of the create to the moment at which the other row is told.
const MOMENT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct JustMade {
    /// In the order in which their time is over.
    rows: VecDeque<(Instant, RecordId, Key)>,
    by_record: FxHashMap<RecordId, (Key, Maker)>,
    /// Rows that nobody knew, and of which it was looked whether they are such.
    looked_at: HashSet<Key>,
}

impl JustMade {
    pub(super) fn add(&mut self, now: Instant, record: RecordId, key: &Key, maker: Maker) {
        self.rows.push_back((now + MOMENT, record, key.clone()));
        self.by_record.insert(record, (key.clone(), maker));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row that was made of this record.
    pub(super) fn row_of(&self, record: RecordId) -> Option<&(Key, Maker)> {
        self.by_record.get(&record)
    }

    /// Whether a row is looked at for the first time.
    pub(super) fn look_at(&mut self, stranger: &Key) -> bool {
        self.looked_at.insert(stranger.clone())
    }

    /// The rows whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Key> {
        let mut over = Vec::new();
        while self.rows.front().is_some_and(|(until, ..)| *until <= now) {
            if let Some((_, record, key)) = self.rows.pop_front() {
                if self.by_record.get(&record).is_some_and(|(made, _)| *made == key) {
                    self.by_record.remove(&record);
                }
                over.push(key);
            }
        }
        if self.rows.is_empty() {
            self.looked_at.clear();
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use lockstep_core::value::Value;

    use super::*;

    fn key(number: i64) -> Key {
        Key::new(vec![Value::Int(number)])
    }

    fn row_of(made: &JustMade, record: u64) -> Option<Key> {
        made.row_of(RecordId(record)).map(|(key, _)| key.clone())
    }

    #[test]
    fn a_row_is_known_for_a_moment_and_each_stranger_is_looked_at_once() {
        let (mut made, now) = (JustMade::default(), Instant::now());
        made.add(now, RecordId(1), &key(1), Maker::Unknown);
        made.add(now + MOMENT / 2, RecordId(2), &key(2), Maker::Unknown);
        assert_eq!((row_of(&made, 1), row_of(&made, 3)), (Some(key(1)), None));
        assert!(made.look_at(&key(9)) && !made.look_at(&key(9)));
        assert_eq!(made.expire(now + MOMENT), [key(1)]);
        assert_eq!((row_of(&made, 1), made.is_empty()), (None, false));
        assert!(!made.look_at(&key(9)));
        assert_eq!(made.expire(now + MOMENT * 2), [key(2)]);
        assert!(made.is_empty() && made.look_at(&key(9)));
    }

    #[test]
    fn a_row_that_was_made_anew_is_known_for_its_own_moment() {
        let (mut made, now) = (JustMade::default(), Instant::now());
        made.add(now, RecordId(1), &key(1), Maker::Unknown);
        made.add(now + MOMENT / 2, RecordId(1), &key(2), Maker::Unknown);
        assert_eq!(made.expire(now + MOMENT), [key(1)]);
        assert_eq!(row_of(&made, 1), Some(key(2)));
    }
}
