//! Whether two versions of a connector tell the same: of a part of the change
//! stream, of rows read, of columns. Pure. Says where they differ, never what the
//! values are.

use std::collections::{BTreeMap, HashMap};

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Found},
    key::Key,
    mapping::differences as column_differences,
    schema::{CheckItem, Object},
    value::Cell,
};

/// Differences told, at the most; how many there are is told besides.
const TOLD_MAX: usize = 10;

/// One change, or a batch that carries no rows.
#[derive(Clone, Copy)]
struct Told<'a> {
    batch: &'a ChangeBatch,
    row: Option<&'a ChangeRow>,
}

fn told(batches: &[ChangeBatch]) -> impl Iterator<Item = Told<'_>> {
    batches.iter().flat_map(|batch| {
        let signal = batch.rows.is_empty().then_some(Told { batch, row: None });
        signal.into_iter().chain(batch.rows.iter().map(move |row| Told { batch, row: Some(row) }))
    })
}

/// How many changes these batches tell.
pub(super) fn count(batches: &[ChangeBatch]) -> usize {
    batches.iter().map(|batch| batch.rows.len().max(1)).sum()
}

/// The batches without their first changes.
pub(super) fn after_first(batches: Vec<ChangeBatch>, mut skip: usize) -> Vec<ChangeBatch> {
    let mut rest = Vec::new();
    for mut batch in batches {
        let here = batch.rows.len().max(1);
        if skip >= here {
            skip -= here;
            continue;
        }
        batch.rows.drain(..skip);
        skip = 0;
        rest.push(batch);
    }
    rest
}

/// Of a log: the same changes in the same order, as far as `old` reaches.
pub(super) fn in_order(old: &[ChangeBatch], new: &[ChangeBatch]) -> Vec<String> {
    let mut found = Differences::default();
    let mut new = told(new);
    for (at, old) in told(old).enumerate() {
        match new.next() {
            Some(new) => found.add(one(old, new).map(|what| format!("change {}: {what}", at + 1))),
            None => found.add(Some(format!("change {} ({}) is missing", at + 1, old.batch.object))),
        }
    }
    found.told()
}

/// Of a stream without an order to rely on: no row is missing, and none is told
/// otherwise unless it is newer.
pub(super) fn by_row(old: &[ChangeBatch], new: &[ChangeBatch]) -> Vec<String> {
    let mut last: HashMap<(&str, &Key), Told<'_>> = HashMap::new();
    for told in told(new) {
        if let Some(row) = told.row {
            last.insert((&told.batch.object, &row.key), told);
        }
    }
    let mut found = Differences::default();
    for (at, old) in told(old).enumerate() {
        let Some(row) = old.row else { continue };
        let what = match last.get(&(&*old.batch.object, &row.key)) {
            None => Some("is missing".to_owned()),
            Some(new) if new.row.is_some_and(|new| new.at != row.at || new.version != row.version) => None,
            Some(new) => one(old, *new),
        };
        found.add(what.map(|what| format!("change {}: {what}", at + 1)));
    }
    found.told()
}

fn one(old: Told<'_>, new: Told<'_>) -> Option<String> {
    let object = &old.batch.object;
    if (&old.batch.object, old.batch.kind) != (&new.batch.object, new.batch.kind) {
        let name = |batch: &ChangeBatch| format!("{} of {}", kind(batch.kind), batch.object);
        return Some(format!("{} became {}", name(old.batch), name(new.batch)));
    }
    if old.batch.origin != new.batch.origin {
        return Some(format!("{object}: the origin differs"));
    }
    let (Some(old_row), Some(new_row)) = (old.row, new.row) else {
        return (old.row.is_some() != new.row.is_some()).then(|| format!("{object}: rows became none"));
    };
    if old_row.key != new_row.key {
        return Some(format!("{object}: it is about another row"));
    }
    if old_row.version.order != new_row.version.order {
        return Some(format!("{object}: its place in the order differs"));
    }
    if old_row.at != new_row.at {
        return Some(format!("{object}: its time differs"));
    }
    let before = by_column(&old.batch.columns, &old_row.cells);
    let after = by_column(&new.batch.columns, &new_row.cells);
    let column = before.keys().chain(after.keys()).find(|column| before.get(*column) != after.get(*column))?;
    Some(format!("{object}: column `{column}` differs"))
}

fn by_column<'a>(columns: &'a [String], cells: &'a [Cell]) -> BTreeMap<&'a str, &'a Cell> {
    columns.iter().map(String::as_str).zip(cells).collect()
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Upsert => "an upsert",
        ChangeKind::Delete => "a delete",
        ChangeKind::Invalidate => "an invalidation",
        ChangeKind::Truncate => "a truncate",
        ChangeKind::Schema => "a change of columns",
        ChangeKind::Gap => "a gap",
    }
}

/// Rows fetched by the old version, then the new, then the old again: what did
/// not change meanwhile has to be the same for both.
pub(super) fn fetched(
    object: &str,
    columns: &[String],
    before: &[Found],
    new: &[Found],
    after: &[Found],
) -> Vec<String> {
    let index = |found: &[Found]| -> BTreeMap<u32, (Key, Vec<Cell>)> {
        found.iter().map(|one| (one.index, (one.row.key.clone(), one.row.cells.clone()))).collect()
    };
    let (before, new, after) = (index(before), index(new), index(after));
    let mut found = Differences::default();
    let more = new.keys().filter(|asked| !before.contains_key(asked));
    for asked in before.keys().chain(more) {
        let old = before.get(asked);
        if old != after.get(asked) || old == new.get(asked) {
            continue;
        }
        let what = match (old, new.get(asked)) {
            (Some((old_key, old)), Some((new_key, new))) => {
                let column = old.iter().zip(new).position(|(old, new)| old != new);
                match column.and_then(|at| columns.get(at)) {
                    Some(column) => format!("column `{column}` differs"),
                    None if old_key != new_key => "it is about another row".to_owned(),
                    None => "its cells are not as many".to_owned(),
                }
            }
            (Some(_), None) => "it is not found".to_owned(),
            (None, _) => "it is found, and was not".to_owned(),
        };
        found.add(Some(format!("row {} read from {object}: {what}", asked + 1)));
    }
    found.told()
}

/// Objects that are in use, as both versions describe them.
pub(super) fn described(old: &[Object], new: &[Object]) -> Vec<String> {
    let mut found = Differences::default();
    for object in old {
        match new.iter().find(|one| one.name == object.name) {
            None => found.add(Some(format!("{} is not there", object.name))),
            Some(other) if other.key != object.key => {
                found.add(Some(format!("{}: its key is another", object.name)));
            }
            Some(other) => {
                for change in column_differences(object, other) {
                    let what = match (change.before.as_str(), change.now.as_str()) {
                        ("", now) => format!("column `{}` is new ({now})", change.column),
                        (_, "") => format!("column `{}` is not there", change.column),
                        (before, now) => format!("column `{}` was {before} and is {now}", change.column),
                    };
                    found.add(Some(format!("{}: {what}", object.name)));
                }
            }
        }
    }
    found.told()
}

/// What the new version finds wrong that the old one does not.
pub(super) fn checked(old: &[CheckItem], new: &[CheckItem]) -> Vec<String> {
    let fails = |items: &[CheckItem], name: &str| items.iter().any(|item| item.name == name && item.status == "fail");
    let worse = new.iter().filter(|item| item.status == "fail" && !fails(old, &item.name));
    worse.map(|item| format!("{}: {}", item.name, item.message)).take(TOLD_MAX).collect()
}

#[derive(Default)]
struct Differences {
    told: Vec<String>,
    more: usize,
}

impl Differences {
    fn add(&mut self, what: Option<String>) {
        let Some(what) = what else { return };
        if self.told.len() < TOLD_MAX {
            self.told.push(what);
        } else {
            self.more += 1;
        }
    }

    fn told(mut self) -> Vec<String> {
        if self.more > 0 {
            self.told.push(format!("and {} more", self.more));
        }
        self.told
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lockstep_core::{
        change::{Row, Version},
        value::Value,
    };

    use super::*;

    fn cell(text: &str) -> Cell {
        Some(Value::text(text))
    }

    fn row(key: &str, name: &str, order: u8) -> ChangeRow {
        ChangeRow {
            key: Key(vec![Value::text(key)].into()),
            cells: vec![cell(name)],
            version: Version { generation: 0, order: Arc::from([order]) },
            at: None,
        }
    }

    fn batch(rows: Vec<ChangeRow>) -> ChangeBatch {
        ChangeBatch {
            object: "people".into(),
            kind: ChangeKind::Upsert,
            columns: Arc::from(["name".to_owned()]),
            rows,
            origin: "".into(),
        }
    }

    #[test]
    fn the_same_changes_in_other_batches_are_the_same() {
        let old = [batch(vec![row("1", "a", 1), row("2", "b", 2)])];
        let new = [batch(vec![row("1", "a", 1)]), batch(vec![row("2", "b", 2), row("3", "c", 3)])];
        assert_eq!(in_order(&old, &new), [""; 0]);
        assert_eq!((count(&old), count(&new)), (2, 3));
        let rest = after_first(new.to_vec(), 2);
        assert_eq!(rest, [batch(vec![row("3", "c", 3)])]);
    }

    #[test]
    fn what_differs_is_named_without_its_values() {
        let old = [batch(vec![row("1", "secret", 1), row("2", "b", 2)])];
        let told = in_order(&old, &[batch(vec![row("1", "other", 1)])]);
        assert_eq!(told, ["change 1: people: column `name` differs", "change 2 (people) is missing"]);
        let other_order = in_order(&old, &[batch(vec![row("1", "secret", 9), row("2", "b", 2)])]);
        assert_eq!(other_order, ["change 1: people: its place in the order differs"]);
    }

    #[test]
    fn of_a_poll_a_newer_row_is_no_difference_and_a_missing_one_is() {
        let old = [batch(vec![row("1", "a", 1), row("2", "b", 2)])];
        assert_eq!(by_row(&old, &[batch(vec![row("2", "b", 2), row("1", "newer", 5)])]), [""; 0]);
        assert_eq!(by_row(&old, &[batch(vec![row("1", "z", 1)])]).len(), 2);
    }

    #[test]
    fn only_rows_that_stood_still_are_compared() {
        let found = |name: &str| {
            let row = row("1", name, 1);
            vec![Found { index: 0, row: Row { key: row.key, cells: row.cells, version: row.version, at: None } }]
        };
        let columns = ["name".to_owned()];
        let compare =
            |before: &[Found], new: &[Found], after: &[Found]| fetched("people", &columns, before, new, after);
        assert_eq!(compare(&found("a"), &found("x"), &found("b")), [""; 0]);
        assert_eq!(compare(&found("a"), &found("x"), &found("a")), ["row 1 read from people: column `name` differs"]);
        assert_eq!(compare(&found("a"), &[], &found("a")), ["row 1 read from people: it is not found"]);
    }
}
