//! What a stream told of rows in an order of its own, while what is known of them
//! cannot be compared with it. Such a change is a hint: the row is read again. If
//! it is gone by then, the hints are all there is of the edits made before it
//! went; the last one told of each column is what the row held at its end. What
//! was told in no order is a glimpse: kept beside, it is journaled with the delete.
//! Knows nothing of records.

use std::sync::Arc;

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Row, Selection, Version},
    delta::{GLIMPSES_MAX, Glimpse},
    key::Key,
};
use rustc_hash::FxHashMap;

/// Hints of one side by row, each a batch of its own, in stream order.
#[derive(Debug, Default)]
pub(super) struct Hints {
    open: FxHashMap<Key, Vec<Hint>>,
    glimpses: FxHashMap<Key, Vec<Hint>>,
    /// Rows of which a change was told without its values, and so many things before it.
    unnamed: FxHashMap<Key, u64>,
    told: u64,
}

/// What was told, and so many things had been told before it.
#[derive(Debug)]
struct Hint {
    number: u64,
    batch: Arc<ChangeBatch>,
}

/// What was told of a row that is gone.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// In the stream's order.
    pub(super) ordered: Vec<Arc<ChangeBatch>>,
    /// In no order.
    pub(super) glimpsed: Vec<Arc<ChangeBatch>>,
}

impl Hints {
    /// The row is read again because of this change. True: it shows values that are to
    /// be kept until then, since the source may not tell them again.
    pub(super) fn add(&mut self, key: &Key, batch: Arc<ChangeBatch>) -> bool {
        if tells_an_end(&batch) && !self.unnamed.contains_key(key) {
            let hint = self.hint(batch);
            self.open.entry(key.clone()).or_default().push(hint);
            return true;
        }
        batch.kind == ChangeKind::Upsert && self.glimpse(key, batch)
    }

    /// A change of the row was told without its values: what else is told of it may have
    /// been replaced, and says no more what the row held last.
    pub(super) fn unname(&mut self, key: &Key) {
        self.told += 1;
        self.unnamed.insert(key.clone(), self.told);
        if let Some(hints) = self.open.remove(key) {
            self.blur(key, hints);
        }
    }

    fn blur(&mut self, key: &Key, hints: Vec<Hint>) {
        let seen = self.glimpses.entry(key.clone()).or_default();
        seen.extend(hints);
        let most = seen.len().saturating_sub(GLIMPSES_MAX);
        seen.drain(..most);
    }

    /// What is kept is a glimpse of this row. True: a new one.
    pub(super) fn glimpse(&mut self, key: &Key, batch: Arc<ChangeBatch>) -> bool {
        let cells = |batch: &ChangeBatch| batch.rows.first().map(|row| row.cells.clone());
        let hint = self.hint(batch);
        let seen = self.glimpses.entry(key.clone()).or_default();
        let known =
            |other: &Hint| other.batch.columns == hint.batch.columns && cells(&other.batch) == cells(&hint.batch);
        if seen.iter().any(known) {
            return false;
        }
        if seen.len() >= GLIMPSES_MAX {
            seen.remove(0);
        }
        seen.push(hint);
        true
    }

    fn hint(&mut self, batch: Arc<ChangeBatch>) -> Hint {
        self.told += 1;
        Hint { number: self.told, batch }
    }

    /// Told of a row, and known already: of one with hints it may be what came
    /// after them.
    pub(super) fn follow(&mut self, key: &Key, batch: impl FnOnce() -> Arc<ChangeBatch>) {
        let Some(told) = self.open.get_mut(key) else {
            return;
        };
        let batch = batch();
        if tells_an_end(&batch) {
            self.told += 1;
            told.push(Hint { number: self.told, batch });
        }
    }

    pub(super) fn of(&self, key: &Key) -> impl Iterator<Item = &Arc<ChangeBatch>> {
        self.open.get(key).into_iter().chain(self.glimpses.get(key)).flatten().map(|hint| &hint.batch)
    }

    /// How much was told so far.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// The row was read, as it was asked for when so much had been told: what was
    /// told since is for the reading that follows.
    pub(super) fn read(&mut self, key: &Key, told: u64) {
        if self.unnamed.get(key).is_some_and(|number| *number <= told) {
            self.unnamed.remove(key);
        }
        for kept in [&mut self.open, &mut self.glimpses] {
            if let Some(hints) = kept.get_mut(key) {
                hints.retain(|hint| hint.number > told);
                if hints.is_empty() {
                    kept.remove(key);
                }
            }
        }
    }

    /// The row is believed to be gone.
    pub(super) fn take(&mut self, key: &Key) -> Told {
        self.unnamed.remove(key);
        let batches = |hints: Option<Vec<Hint>>| hints.into_iter().flatten().map(|hint| hint.batch).collect();
        Told { ordered: batches(self.open.remove(key)), glimpsed: batches(self.glimpses.remove(key)) }
    }

    /// The stream begins anew: what was told in its order comes again, or never, if
    /// the source has forgotten it. Until then it is a glimpse.
    pub(super) fn restart(&mut self) {
        self.unnamed.clear();
        for (key, hints) in std::mem::take(&mut self.open) {
            self.blur(&key, hints);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.glimpses.len()
    }
}

/// A row that a read showed, and that cannot be ordered against what is known.
pub(super) fn glimpse_of(selection: &Selection, row: &Row) -> Arc<ChangeBatch> {
    let told = ChangeRow { key: row.key.clone(), cells: row.cells.clone(), version: Version::default(), at: row.at };
    one_glimpse(&selection.object, selection.columns.clone(), told)
}

fn one_glimpse(object: &str, columns: Vec<String>, row: ChangeRow) -> Arc<ChangeBatch> {
    Arc::new(ChangeBatch {
        object: object.into(),
        kind: ChangeKind::Upsert,
        columns: columns.into(),
        rows: vec![row],
        origin: "".into(),
    })
}

/// A glimpse as the state keeps it.
pub(super) fn to_stored(batch: &ChangeBatch) -> Glimpse {
    let row = batch.rows.first();
    let cells = row.into_iter().flat_map(|row| batch.columns.iter().zip(&row.cells));
    let told = cells.filter_map(|(column, cell)| Some((column.clone(), cell.clone()?)));
    Glimpse { cells: told.collect(), at: row.and_then(|row| row.at) }
}

/// What was told in an order, parted into what a later change of the same column
/// replaced and the last of each column. Oldest first, each as of its own change.
pub(super) fn replaced(ordered: &[Arc<ChangeBatch>]) -> (Vec<Arc<ChangeBatch>>, Vec<Arc<ChangeBatch>>) {
    let mut later: Vec<&String> = Vec::new();
    let (mut before, mut last) = (Vec::new(), Vec::new());
    for batch in ordered.iter().rev() {
        let part = |is_replaced: bool| {
            let told = batch.rows.first()?;
            let cells = batch.columns.iter().zip(&told.cells);
            let cells = cells.map(|(column, cell)| cell.clone().filter(|_| later.contains(&column) == is_replaced));
            let row = ChangeRow { cells: cells.collect(), ..told.clone() };
            let tells = row.cells.iter().any(Option::is_some);
            tells.then(|| Arc::new(ChangeBatch { rows: vec![row], ..(**batch).clone() }))
        };
        before.extend(part(true));
        last.extend(part(false));
        let told = batch.columns.iter().zip(batch.rows.first().into_iter().flat_map(|row| &row.cells));
        later.extend(told.filter(|(_, cell)| cell.is_some()).map(|(column, _)| column));
    }
    before.reverse();
    last.reverse();
    (before, last)
}

/// What a row held at its end: the last that was told of each column, in one glimpse.
pub(super) fn end_of(ordered: &[Arc<ChangeBatch>]) -> Option<Arc<ChangeBatch>> {
    let (last, row) = ordered.iter().rev().find_map(|batch| Some((batch, batch.rows.first()?)))?;
    let mut columns: Vec<String> = Vec::new();
    let mut cells = Vec::new();
    for batch in ordered.iter().rev() {
        for (column, cell) in batch.columns.iter().zip(batch.rows.first().into_iter().flat_map(|row| &row.cells)) {
            if cell.is_some() && !columns.contains(column) {
                columns.push(column.clone());
                cells.push(cell.clone());
            }
        }
    }
    let told = ChangeRow { key: row.key.clone(), cells, version: Version::default(), at: row.at };
    Some(one_glimpse(&last.object, columns, told))
}

/// What the state kept of a row.
pub(super) fn from_stored(object: &str, key: &Key, glimpse: Glimpse) -> Arc<ChangeBatch> {
    let (columns, cells) = glimpse.cells.into_iter().map(|(column, value)| (column, Some(value))).unzip();
    one_glimpse(object, columns, ChangeRow { key: key.clone(), cells, version: Version::default(), at: glimpse.at })
}

/// The rows of a batch that show something in no order, if there are any.
pub(super) fn fleeting(batch: &ChangeBatch) -> Option<Arc<ChangeBatch>> {
    let unordered = |row: &&ChangeRow| batch.kind == ChangeKind::Upsert && row.version.order.is_empty();
    let rows: Vec<ChangeRow> = batch.rows.iter().filter(unordered).cloned().collect();
    (!rows.is_empty()).then(|| Arc::new(ChangeBatch { rows, ..batch.clone() }))
}

/// Whether a change of one row shows every column that was selected.
pub(super) fn shows_all(batch: &ChangeBatch, selection: &Selection) -> bool {
    let shown = |wanted: &String| {
        let cells = batch.rows.first().map(|row| &row.cells);
        let place = batch.columns.iter().position(|column| column == wanted);
        place.is_some_and(|place| cells.and_then(|cells| cells.get(place)).is_some_and(Option::is_some))
    };
    selection.columns.iter().all(shown)
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
    fn what_was_told_after_a_row_was_asked_for_is_left_for_the_next_reading() {
        let mut hints = Hints::default();
        hints.add(&key(), told(&[1]));
        let asked = hints.told();
        hints.add(&key(), told(&[2]));
        hints.read(&key(), asked);
        assert_eq!(hints.take(&key()).ordered, [told(&[2])]);
    }

    #[test]
    fn a_change_told_without_its_values_leaves_no_end_known() {
        let mut hints = Hints::default();
        hints.add(&key(), told(&[1]));
        hints.unname(&key());
        hints.add(&key(), told(&[2]));
        let asked = hints.told();
        assert_eq!(hints.take(&key()).ordered, Vec::<Arc<ChangeBatch>>::new());
        hints.unname(&key());
        hints.read(&key(), asked);
        hints.add(&key(), told(&[3]));
        assert!(hints.take(&key()).ordered.is_empty(), "it was told after that reading was asked for");
        hints.unname(&key());
        hints.read(&key(), hints.told());
        hints.add(&key(), told(&[4]));
        assert_eq!(hints.take(&key()).ordered, [told(&[4])]);
    }

    #[test]
    fn what_a_stream_that_begins_anew_may_not_tell_again_is_a_glimpse() {
        let mut hints = Hints::default();
        assert!(hints.add(&key(), told(&[1])));
        hints.restart();
        let kept = hints.take(&key());
        assert_eq!((kept.ordered.len(), kept.glimpsed), (0, vec![told(&[1])]));
    }

    #[test]
    fn what_a_row_held_at_its_end_is_the_last_that_was_told_of_each_column() {
        let told = |column: &str, value: i64| {
            let version = Version { generation: 0, order: [1].into() };
            let row = ChangeRow { key: key(), cells: vec![Some(Value::Int(value))], version, at: None };
            Arc::new(ChangeBatch {
                object: "people".into(),
                kind: ChangeKind::Upsert,
                columns: Arc::from([column.to_owned()]),
                rows: vec![row],
                origin: "".into(),
            })
        };
        assert!(end_of(&[]).is_none());
        let end = end_of(&[told("city", 1), told("name", 2), told("name", 3)]).unwrap();
        let cells = end.columns.iter().zip(&end.rows[0].cells);
        let held: Vec<_> = cells.map(|(column, cell)| (column.as_str(), cell.clone())).collect();
        assert_eq!(held, [("name", Some(Value::Int(3))), ("city", Some(Value::Int(1)))]);
        let (before, last) = replaced(&[told("city", 1), told("name", 2), told("name", 3)]);
        assert_eq!((before, last), (vec![told("name", 2)], vec![told("city", 1), told("name", 3)]));
    }

    #[test]
    fn a_glimpse_comes_back_from_the_state_without_what_was_not_told() {
        let selection = Selection { object: "people".to_owned(), columns: vec!["id".to_owned(), "name".to_owned()] };
        let cells = vec![Some(Value::Int(1)), None];
        let row = Row { key: key(), cells, version: Version { generation: 0, order: [1].into() }, at: None };
        let stored = to_stored(&glimpse_of(&selection, &row));
        assert_eq!(stored.cells, [("id".to_owned(), Value::Int(1))]);
        let back = from_stored("people", &key(), stored);
        assert!(back.rows[0].version.order.is_empty() && back.rows[0].cells == [Some(Value::Int(1))]);
    }

    #[test]
    fn a_row_is_shown_whole_where_no_selected_column_is_missing() {
        let selection = Selection { object: "people".to_owned(), columns: vec!["id".to_owned(), "name".to_owned()] };
        let told = |cells: Vec<Option<Value>>| {
            let columns = Arc::from(["name".to_owned(), "id".to_owned()]);
            let row = ChangeRow { cells, ..told(&[1]).rows[0].clone() };
            ChangeBatch { columns, rows: vec![row], ..(*told(&[1])).clone() }
        };
        assert!(shows_all(&told(vec![Some(Value::Null), Some(Value::Int(1))]), &selection));
        assert!(!shows_all(&told(vec![None, Some(Value::Int(1))]), &selection));
        assert!(!shows_all(&told(vec![Some(Value::Null)]), &selection));
    }

    #[test]
    fn only_what_a_row_shows_in_no_order_is_fleeting() {
        assert_eq!(fleeting(&told(&[])), Some(told(&[])));
        assert_eq!(fleeting(&told(&[1])), None);
        assert_eq!(fleeting(&ChangeBatch { kind: ChangeKind::Delete, ..(*told(&[])).clone() }), None);
    }

    #[test]
    fn a_change_without_a_version_tells_no_end_and_is_kept_once_as_a_glimpse() {
        let mut hints = Hints::default();
        assert!(hints.add(&key(), told(&[])));
        assert!(!hints.add(&key(), told(&[])));
        hints.restart();
        let kept = hints.take(&key());
        assert_eq!((kept.ordered.len(), kept.glimpsed.len()), (0, 1));
    }
}
