//! Rows that were made a moment ago at a side that does not refuse the same record
//! twice. Whoever makes a row of the same record there within that time had not seen
//! ours: people do not look for one, find it and add it again within seconds. What is
//! told later than that is a record of its own. Knows nothing of values.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use lockstep_core::{key::Key, plan::Maker, record::RecordId};
use rustc_hash::FxHashMap;
use tokio::time::Instant;

/// From the answer of the create to the moment at which the other row is told.
const MOMENT: Duration = Duration::from_secs(10);
/// Rows remembered at once: where more are made in that time, the oldest are forgotten.
const ROWS_MAX: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct JustMade {
    /// In the order in which their time is over.
    rows: VecDeque<(Instant, RecordId, Key)>,
    by_record: FxHashMap<RecordId, Made>,
}

/// The row that was made of a record.
#[derive(Debug)]
struct Made {
    key: Key,
    maker: Maker,
    /// Rows that nobody knew, and because of which the record was looked up again.
    looked_at: HashSet<Key>,
}

impl JustMade {
    pub(super) fn add(&mut self, now: Instant, record: RecordId, key: &Key, maker: Maker) {
        self.rows.push_back((now + MOMENT, record, key.clone()));
        self.by_record.insert(record, Made { key: key.clone(), maker, looked_at: HashSet::new() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn has(&self, record: RecordId) -> bool {
        self.by_record.contains_key(&record)
    }

    /// The row that was made of this record, if the stranger is looked at for the first time.
    pub(super) fn look_at(&mut self, record: RecordId, stranger: &Key) -> Option<(Key, Maker)> {
        let made = self.by_record.get_mut(&record)?;
        made.looked_at.insert(stranger.clone()).then(|| (made.key.clone(), made.maker.clone()))
    }

    /// The rows whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Key> {
        let mut over = Vec::new();
        while let Some((until, ..)) = self.rows.front()
            && (*until <= now || self.rows.len() > ROWS_MAX)
            && let Some((_, record, key)) = self.rows.pop_front()
        {
            if self.by_record.get(&record).is_some_and(|made| made.key == key) {
                self.by_record.remove(&record);
            }
            over.push(key);
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

    #[test]
    fn a_row_is_known_for_a_moment_and_each_stranger_is_looked_at_once() {
        let (mut made, now) = (JustMade::default(), Instant::now());
        made.add(now, RecordId(1), &key(1), Maker::Unknown);
        made.add(now + MOMENT / 2, RecordId(2), &key(2), Maker::Unknown);
        assert!(made.has(RecordId(1)) && !made.has(RecordId(3)));
        assert_eq!(made.look_at(RecordId(1), &key(9)), Some((key(1), Maker::Unknown)));
        assert_eq!((made.look_at(RecordId(1), &key(9)), made.look_at(RecordId(3), &key(9))), (None, None));
        assert_eq!(made.expire(now + MOMENT), [key(1)]);
        assert!(!made.has(RecordId(1)) && !made.is_empty());
        assert_eq!(made.expire(now + MOMENT * 2), [key(2)]);
        assert!(made.is_empty() && made.by_record.is_empty());
    }

    #[test]
    fn a_row_that_was_made_anew_is_known_for_its_own_moment() {
        let (mut made, now) = (JustMade::default(), Instant::now());
        made.add(now, RecordId(1), &key(1), Maker::Unknown);
        made.add(now + MOMENT / 2, RecordId(1), &key(2), Maker::Unknown);
        assert_eq!(made.expire(now + MOMENT), [key(1)]);
        assert_eq!(made.look_at(RecordId(1), &key(9)), Some((key(2), Maker::Unknown)));
    }

    #[test]
    fn more_than_are_remembered_are_forgotten_before_their_time() {
        let (mut made, now) = (JustMade::default(), Instant::now());
        for number in 0..ROWS_MAX as u64 + 2 {
            made.add(now, RecordId(number), &key(number.cast_signed()), Maker::Unknown);
        }
        assert_eq!(made.expire(now), [key(0), key(1)]);
        assert!(!made.has(RecordId(1)) && made.has(RecordId(2)));
    }
}
