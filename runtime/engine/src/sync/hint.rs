//! What a stream told of rows in an order of its own, while what is known of them
//! cannot be compared with it. Such a change is a hint: the row is read again. If
//! it is gone by then, the hints are all there is of the edits made before it
//! went; the last one told of each column is what the row held at its end. What
//! was told in no order is a glimpse: kept beside, it is journaled with the delete.
//! Knows nothing of records.

use std::sync::Arc;

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Row, Selection},
    key::Key,
};
use rustc_hash::FxHashMap;

/// Hints of one side by row, each a batch of its own, in stream order.
#[derive(Debug, Default)]
pub(super) struct Hints {
    open: FxHashMap<Key, Vec<Arc<ChangeBatch>>>,
    glimpses: FxHashMap<Key, Vec<Arc<ChangeBatch>>>,
}

/// Glimpses kept of one row: a poll shows the same change again and again.
const GLIMPSES_MAX: usize = 8;

/// What was told of a row that is gone.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// In the stream's order.
    pub(super) ordered: Vec<Arc<ChangeBatch>>,
    /// In no order.
    pub(super) glimpsed: Vec<Arc<ChangeBatch>>,
}

impl Hints {
    /// The row is read again because of this change.
    pub(super) fn add(&mut self, key: &Key, batch: Arc<ChangeBatch>) {
        if tells_an_end(&batch) {
            self.open.entry(key.clone()).or_default().push(batch);
        } else if batch.kind == ChangeKind::Upsert {
            self.glimpse(key, batch);
        }
    }

    /// A read showed the row, and cannot be ordered against what is known.
    pub(super) fn glimpse_row(&mut self, selection: &Selection, row: &Row) {
        let told =
            ChangeRow { key: row.key.clone(), cells: row.cells.clone(), version: row.version.clone(), at: row.at };
        let batch = ChangeBatch {
            object: selection.object.as_str().into(),
            kind: ChangeKind::Upsert,
            columns: selection.columns.clone().into(),
            rows: vec![told],
            origin: "".into(),
        };
        self.glimpse(&row.key, Arc::new(batch));
    }

    fn glimpse(&mut self, key: &Key, batch: Arc<ChangeBatch>) {
        let seen = self.glimpses.entry(key.clone()).or_default();
        let cells = |batch: &ChangeBatch| batch.rows.first().map(|row| row.cells.clone());
        if seen.iter().any(|other| other.columns == batch.columns && cells(other) == cells(&batch)) {
            return;
        }
        if seen.len() >= GLIMPSES_MAX {
            seen.remove(0);
        }
        seen.push(batch);
    }

    /// Told of a row, and known already: of one with hints it may be what came
    /// after them.
    pub(super) fn follow(&mut self, key: &Key, batch: impl FnOnce() -> Arc<ChangeBatch>) {
        if let Some(told) = self.open.get_mut(key) {
            let batch = batch();
            told.extend(tells_an_end(&batch).then_some(batch));
        }
    }

    pub(super) fn of(&self, key: &Key) -> impl Iterator<Item = &Arc<ChangeBatch>> {
        self.open.get(key).into_iter().chain(self.glimpses.get(key)).flatten()
    }

    /// The row was read, or is believed to be gone.
    pub(super) fn take(&mut self, key: &Key) -> Told {
        Told {
            ordered: self.open.remove(key).unwrap_or_default(),
            glimpsed: self.glimpses.remove(key).unwrap_or_default(),
        }
    }

    /// The stream begins anew: what was told comes again.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.glimpses.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.glimpses.len()
    }
}

/// Whether the last of such changes is the row's last state. A change without a
/// version may show late: an old value after newer ones.
fn tells_an_end(batch: &ChangeBatch) -> bool {
    batch.kind == ChangeKind::Upsert && batch.rows.iter().all(|row| !row.version.order.is_empty())
}

#[cfg(test)]
mod tests {
    use lockstep_core::{
        change::{ChangeRow, Version},
        value::Value,
    };

    use super::*;

    fn key() -> Key {
        Key::new(vec![Value::Int(1)])
    }

    fn told(order: &[u8]) -> Arc<ChangeBatch> {
        let version = Version { generation: 0, order: order.into() };
        let row = ChangeRow { key: key(), cells: Vec::new(), version, at: None };
        Arc::new(ChangeBatch {
            object: "people".into(),
            kind: ChangeKind::Upsert,
            columns: Arc::from([]),
            rows: vec![row],
            origin: "".into(),
        })
    }

    #[test]
    fn what_follows_a_hint_is_kept_with_it_until_the_row_was_read() {
        let mut hints = Hints::default();
        hints.follow(&key(), || told(&[1]));
        assert_eq!(hints.len(), 0, "known already, and nothing before it was not");
        hints.add(&key(), told(&[2]));
        hints.follow(&key(), || told(&[3]));
        assert_eq!(hints.of(&key()).count(), 2);
        assert_eq!(hints.take(&key()).ordered.len(), 2);
        assert_eq!(hints.len(), 0);
    }

    #[test]
    fn a_change_without_a_version_tells_no_end_and_is_kept_once_as_a_glimpse() {
        let mut hints = Hints::default();
        hints.add(&key(), told(&[]));
        hints.add(&key(), told(&[]));
        let kept = hints.take(&key());
        assert_eq!((kept.ordered.len(), kept.glimpsed.len()), (0, 1));
    }
}
