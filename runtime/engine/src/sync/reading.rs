//! Rows that are being read one by one, and what came after each was asked for:
//! an answer that cannot be ordered may be older than that. A side is asked and
//! answers in order. Knows nothing of records.

use std::collections::VecDeque;

use lockstep_core::key::Key;
use rustc_hash::FxHashMap;

/// One row that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// So many hints had been told by then.
    pub(super) told: u64,
    /// Something newer was absorbed meanwhile.
    pub(super) overtaken: bool,
}

#[derive(Debug, Default)]
pub(super) struct Readings(FxHashMap<Key, VecDeque<Reading>>);

impl Readings {
    pub(super) fn begin(&mut self, key: &Key, told: u64) {
        self.0.entry(key.clone()).or_default().push_back(Reading { told, overtaken: false });
    }

    /// The stream tells something of the row.
    pub(super) fn overtake(&mut self, key: &Key) {
        if let Some(open) = self.0.get_mut(key) {
            open.iter_mut().for_each(|reading| reading.overtaken = true);
        }
    }

    /// The next answer has come. One that nobody asked for tells nothing.
    pub(super) fn end(&mut self, key: &Key) -> Reading {
        let none = Reading { told: 0, overtaken: true };
        let Some(open) = self.0.get_mut(key) else {
            return none;
        };
        let reading = open.pop_front().unwrap_or(none);
        if open.is_empty() {
            self.0.remove(key);
        }
        reading
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use lockstep_core::value::Value;

    use super::*;

    #[test]
    fn of_two_readings_of_a_row_each_knows_what_came_after_it() {
        let key = Key::new(vec![Value::Int(1)]);
        let mut readings = Readings::default();
        readings.begin(&key, 3);
        readings.overtake(&key);
        readings.begin(&key, 4);
        assert_eq!(readings.end(&key), Reading { told: 3, overtaken: true });
        assert!(readings.has(&key));
        assert_eq!(readings.end(&key), Reading { told: 4, overtaken: false });
        assert!(!readings.has(&key));
        assert!(readings.end(&key).overtaken);
    }
}
