//! What a stream told of rows in an order of its own, while what is known of them
//! cannot be compared with it. Such a change is a hint: the row is read again. If
//! it is gone by then, the hints are all there is of the edits made before it
//! went; the last one told of each column is what the row held at its end.
//! Knows nothing of records.

use std::sync::Arc;

use lockstep_core::{
    change::{ChangeBatch, ChangeKind},
    key::Key,
};
use rustc_hash::FxHashMap;

/// Hints of one side by row, each a batch of its own, in stream order.
#[derive(Debug, Default)]
pub(super) struct Hints {
    open: FxHashMap<Key, Vec<Arc<ChangeBatch>>>,
}

impl Hints {
    /// The row is read again because of this change.
    pub(super) fn add(&mut self, key: &Key, batch: Arc<ChangeBatch>) {
        if tells_an_end(&batch) {
            self.open.entry(key.clone()).or_default().push(batch);
        }
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
        self.open.get(key).into_iter().flatten()
    }

    /// The row was read, or is believed to be gone.
    pub(super) fn take(&mut self, key: &Key) -> Vec<Arc<ChangeBatch>> {
        self.open.remove(key).unwrap_or_default()
    }

    /// The stream begins anew: what was told comes again.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
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
        assert_eq!(hints.take(&key()).len(), 2);
        assert_eq!(hints.len(), 0);
    }

    #[test]
    fn a_change_without_a_version_tells_no_end() {
        let mut hints = Hints::default();
        hints.add(&key(), told(&[]));
        assert_eq!(hints.len(), 0);
    }
}
