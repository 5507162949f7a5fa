//! Rows that were made a moment ago at a side that does not refuse the same record
//! twice. Whoever makes a row of the same record there within that time had not seen
//! ours: people do not look for one, find it and add it again within seconds. A row that
//! the stream tells after all that the source had by then is a record of its own. Knows
//! nothing of values.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use lockstep_core::{key::Key, plan::Maker, record::RecordId};
use rustc_hash::FxHashMap;
use tokio::time::Instant;

/// From the answer of the create to the making of the other row. That is told later, so
/// what the stream has to pass is what the source had when this time was over.
const MOMENT: Duration = Duration::from_secs(10);
/// Rows remembered at once: where more are made in that time, the oldest are forgotten.
const ROWS_MAX: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct JustMade {
    /// In the order in which their time is over.
    rows: VecDeque<(Instant, RecordId, Key)>,
    by_record: FxHashMap<RecordId, Made>,
    /// The stream was asked to tell when it has passed the end of some rows' time.
    asked: bool,
    /// Rows that are not remembered any more, and may have a note in the state.
    over: Vec<Key>,
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

    /// What the stream has to pass for the rows whose time is over, unless it was asked.
    pub(super) fn due(&mut self, now: Instant) -> Option<Instant> {
        if self.asked {
            return None;
        }
        let over = self.rows.partition_point(|(until, ..)| *until <= now);
        let (until, ..) = self.rows.get(over.checked_sub(1)?)?;
        self.asked = true;
        Some(*until)
    }

    /// The stream has told everything that the source had at that time, and it is absorbed.
    pub(super) fn passed(&mut self, time: Instant) {
        self.asked = false;
        while self.rows.front().is_some_and(|(until, ..)| *until <= time) {
            self.forget_first();
        }
    }

    /// Rows that are not remembered any more.
    pub(super) fn forgotten(&mut self) -> Vec<Key> {
        while self.rows.len() > ROWS_MAX {
            self.forget_first();
        }
        std::mem::take(&mut self.over)
    }

    fn forget_first(&mut self) {
        if let Some((_, record, key)) = self.rows.pop_front() {
            if self.by_record.get(&record).is_some_and(|made| made.key == key) {
                self.by_record.remove(&record);
            }
            self.over.push(key);
        }
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
        assert_eq!((made.due(now), made.due(now + MOMENT), made.due(now + MOMENT)), (None, Some(now + MOMENT), None));
        assert!(made.has(RecordId(1)), "the stream has not passed that yet");
        made.passed(now + MOMENT);
        assert!(!made.has(RecordId(1)) && !made.is_empty());
        assert_eq!((made.forgotten(), made.forgotten()), (vec![key(1)], vec![]));
        assert_eq!(made.due(now + MOMENT * 2), Some(now + MOMENT / 2 + MOMENT));
        made.passed(now + MOMENT * 2);
        assert_eq!(made.forgotten(), [key(2)]);
        assert!(made.is_empty() && made.by_record.is_empty());
    }

    #[test]
    fn a_row_that_was_made_anew_is_known_for_its_own_moment() {
        let (mut made, now) = (JustMade::default(), Instant::now());
        made.add(now, RecordId(1), &key(1), Maker::Unknown);
        made.add(now + MOMENT / 2, RecordId(1), &key(2), Maker::Unknown);
        made.passed(now + MOMENT);
        assert_eq!(made.forgotten(), [key(1)]);
        assert_eq!(made.look_at(RecordId(1), &key(9)), Some((key(2), Maker::Unknown)));
    }

    #[test]
    fn more_than_are_remembered_are_forgotten_before_their_time() {
        let (mut made, now) = (JustMade::default(), Instant::now());
        for number in 0..ROWS_MAX as u64 + 2 {
            made.add(now, RecordId(number), &key(number.cast_signed()), Maker::Unknown);
        }
        assert_eq!(made.forgotten(), [key(0), key(1)]);
        assert!(!made.has(RecordId(1)) && made.has(RecordId(2)));
    }
}
