//! An in-memory system with tables, a commit log and conditional writes, as a
//! database would have them. Knows nothing of syncs; people (tests) edit it
//! directly, a connector reads and writes it through sessions.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use lockstep_core::{
    key::Key,
    schema::{Column, ColumnType, Kind, Object},
    value::{Timestamp, Value},
};
use tokio::sync::Notify;

/// One committed change of one row.
#[derive(Clone, Debug)]
pub struct Logged {
    pub lsn: u64,
    pub table: Arc<str>,
    /// The key before the change.
    pub key: Key,
    /// The row after it; `None`: deleted.
    pub row: Option<Vec<Value>>,
    pub at: Timestamp,
    /// Written through a session rather than by a person.
    pub by_session: bool,
}

/// What a session call may be made to do instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens; the call fails.
    Unavailable,
    /// The work is done, but the answer is lost and the session is gone.
    AnswerLost,
    /// Nothing happens and the session is gone.
    Crash,
}

/// Which cursor a stream tells after what it brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Where the next part begins.
    #[default]
    Right,
    /// The one it was asked with, again and again.
    Same,
    /// One so far back.
    Back(u64),
    /// One that no stream of this system has.
    Foreign,
}

#[derive(Debug, Default)]
struct Table {
    columns: Vec<String>,
    kinds: Vec<Kind>,
    key: Vec<usize>,
    rows: BTreeMap<String, Vec<Value>>,
}

#[derive(Debug, Default)]
struct Inside {
    told: Told,
    tables: BTreeMap<Arc<str>, Table>,
    log: Vec<Logged>,
    lsn: u64,
    /// The log before this was forgotten.
    forgotten: u64,
    /// Where the stream was started; `None`: never, or released.
    started: Option<u64>,
    faults: BTreeMap<&'static str, Vec<Fault>>,
    writes: u64,
    generated: i64,
    clock: i64,
    /// Answers to writes wait.
    held: bool,
}

/// A system; clones are the same one.
#[derive(Clone, Default)]
pub struct System {
    inside: Arc<Mutex<Inside>>,
    pub(crate) news: Arc<Notify>,
    released: Arc<Notify>,
}

/// Orders rows by key text; keys of a table are of one shape.
fn place(key: &[Value]) -> String {
    key.iter()
        .map(|value| match value {
            Value::Int(n) => format!("{:020}\u{1}", i128::from(*n) + (1 << 64)),
            other => format!("{other:?}\u{1}"),
        })
        .collect()
}

impl System {
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Makes a table; `columns` with their kinds, `key` by name.
    pub fn table(&self, name: &str, columns: &[(&str, Kind)], key: &[&str]) {
        let table = Table {
            columns: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            kinds: columns.iter().map(|(_, kind)| *kind).collect(),
            key: key.iter().filter_map(|key| columns.iter().position(|(name, _)| name == key)).collect(),
            rows: BTreeMap::new(),
        };
        self.lock().tables.insert(name.into(), table);
    }

    /// Inserts or replaces a whole row, as one transaction of a person.
    pub fn put(&self, table: &str, row: Vec<Value>) {
        let mut inside = self.lock();
        inside.clock += 1_000;
        let at = Timestamp(inside.clock);
        inside.commit(table, row, at, false);
        drop(inside);
        self.news.notify_waiters();
    }

    /// Changes one column of a row; false if there is no such row.
    pub fn set(&self, table: &str, key: &[Value], column: &str, value: Value) -> bool {
        let mut inside = self.lock();
        inside.clock += 1_000;
        let at = Timestamp(inside.clock);
        let Some(found) = inside.tables.get(table) else {
            return false;
        };
        let position = found.columns.iter().position(|name| name == column);
        let row = found.rows.get(&place(key)).cloned();
        let (Some(position), Some(mut row)) = (position, row) else {
            return false;
        };
        row[position] = value;
        inside.commit(table, row, at, false);
        drop(inside);
        self.news.notify_waiters();
        true
    }

    /// Deletes a row; false if there is no such row.
    pub fn delete(&self, table: &str, key: &[Value]) -> bool {
        let mut inside = self.lock();
        inside.clock += 1_000;
        let at = Timestamp(inside.clock);
        let done = inside.remove(table, key, at, false);
        drop(inside);
        self.news.notify_waiters();
        done
    }

    /// Gives a row another key, as one transaction of a person; false if there is no such row.
    pub fn rekey(&self, table: &str, from: &[Value], to: &[Value]) -> bool {
        let mut inside = self.lock();
        inside.clock += 1_000;
        let at = Timestamp(inside.clock);
        let Some(found) = inside.tables.get_mut(table) else {
            return false;
        };
        let Some(mut row) = found.rows.remove(&place(from)) else {
            return false;
        };
        for (position, value) in found.key.iter().zip(to) {
            row[*position] = value.clone();
        }
        found.rows.insert(place(to), row.clone());
        inside.lsn += 1;
        let logged = Logged {
            lsn: inside.lsn,
            table: table.into(),
            key: Key::new(from.to_vec()),
            row: Some(row),
            at,
            by_session: false,
        };
        inside.log.push(logged);
        drop(inside);
        self.news.notify_waiters();
        true
    }

    /// Answers to writes wait from now on, or no more; what was asked is done.
    pub fn hold_answers(&self, hold: bool) {
        self.lock().held = hold;
        self.released.notify_waiters();
    }

    /// Returns once no answers are held.
    pub(crate) async fn released(&self) {
        loop {
            let released = self.released.notified();
            tokio::pin!(released);
            released.as_mut().enable();
            if !self.lock().held {
                return;
            }
            released.await;
        }
    }

    /// All rows, in key order.
    pub fn rows(&self, table: &str) -> Vec<Vec<Value>> {
        self.lock().tables.get(table).map(|table| table.rows.values().cloned().collect()).unwrap_or_default()
    }

    pub fn row(&self, table: &str, key: &[Value]) -> Option<Vec<Value>> {
        let inside = self.lock();
        inside.tables.get(table)?.rows.get(&place(key)).cloned()
    }

    /// Effective writes made through sessions so far.
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// The next call named (`read`, `changes`, `write`, `fetch`, `start`) meets this fault.
    pub fn fail_next(&self, call: &'static str, fault: Fault) {
        self.lock().faults.entry(call).or_default().push(fault);
    }

    /// No further call meets a fault.
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    /// From now on its stream tells such cursors.
    pub fn tell_cursors(&self, told: Told) {
        self.lock().told = told;
    }

    pub(crate) fn told(&self) -> Told {
        self.lock().told
    }

    /// Forgets the log: streams that are behind become invalid.
    pub fn forget_log(&self) {
        let mut inside = self.lock();
        inside.forgotten = inside.lsn;
        inside.log.clear();
    }

    pub(crate) fn fault(&self, call: &'static str) -> Option<Fault> {
        self.lock().faults.get_mut(call)?.pop()
    }

    /// A key nobody had before, as a database with generated keys gives it.
    pub(crate) fn fresh_key(&self) -> Value {
        let mut inside = self.lock();
        inside.generated += 1;
        Value::Int(1_000_000 + inside.generated)
    }

    pub(crate) fn lsn(&self) -> u64 {
        self.lock().lsn
    }

    /// Where the stream starts: as far back as the log reaches, if there is one already.
    pub(crate) fn start(&self) -> u64 {
        let mut inside = self.lock();
        let now = inside.lsn;
        match inside.started {
            Some(_) => inside.forgotten,
            None => *inside.started.insert(now),
        }
    }

    pub(crate) fn release(&self) -> bool {
        self.lock().started.take().is_some()
    }

    /// `None`: the log does not reach back that far.
    pub(crate) fn log_after(&self, lsn: u64, max: usize) -> Option<Vec<Logged>> {
        let inside = self.lock();
        if inside.forgotten > lsn || inside.started.is_none() {
            return None;
        }
        let from = inside.log.partition_point(|logged| logged.lsn <= lsn);
        Some(inside.log[from..].iter().take(max).cloned().collect())
    }

    pub(crate) fn columns(&self, table: &str) -> Option<(Vec<String>, Vec<usize>)> {
        let inside = self.lock();
        let table = inside.tables.get(table)?;
        Some((table.columns.clone(), table.key.clone()))
    }

    pub(crate) fn page(&self, table: &str, after: &str, max: usize) -> Vec<(String, Vec<Value>)> {
        use std::ops::Bound;
        let inside = self.lock();
        let Some(table) = inside.tables.get(table) else {
            return Vec::new();
        };
        let from = if after.is_empty() { Bound::Unbounded } else { Bound::Excluded(after.to_owned()) };
        table.rows.range((from, Bound::Unbounded)).take(max).map(|(place, row)| (place.clone(), row.clone())).collect()
    }

    /// Runs a conditional write: `change` sees the row as it is and says what it becomes.
    pub(crate) fn write(
        &self,
        table: &str,
        key: &[Value],
        change: impl FnOnce(Option<&Vec<Value>>) -> Write,
    ) -> (Option<Vec<Value>>, u64, bool) {
        let mut inside = self.lock();
        inside.clock += 1;
        let at = Timestamp(inside.clock);
        let row = inside.tables.get(table).and_then(|table| table.rows.get(&place(key)).cloned());
        let done = match change(row.as_ref()) {
            Write::Nothing => (row, inside.lsn, false),
            Write::Row(row) => {
                inside.writes += 1;
                inside.commit(table, row.clone(), at, true);
                (Some(row), inside.lsn, true)
            }
            Write::Delete => {
                inside.writes += 1;
                inside.remove(table, key, at, true);
                (row, inside.lsn, true)
            }
        };
        drop(inside);
        self.news.notify_waiters();
        done
    }

    pub(crate) fn objects(&self) -> Vec<Object> {
        let inside = self.lock();
        inside
            .tables
            .iter()
            .map(|(name, table)| Object {
                name: name.to_string(),
                label: name.to_string(),
                columns: table
                    .columns
                    .iter()
                    .zip(&table.kinds)
                    .enumerate()
                    .map(|(position, (name, kind))| column(name, *kind, table.key.contains(&position)))
                    .collect(),
                key: table.key.iter().map(|position| table.columns[*position].clone()).collect(),
                unique_keys: Vec::new(),
                rows_estimate: Some(table.rows.len() as u64),
                obstacle: String::new(),
            })
            .collect()
    }
}

/// What a conditional write does to the row it looked at.
pub(crate) enum Write {
    Nothing,
    Row(Vec<Value>),
    Delete,
}

impl Inside {
    fn commit(&mut self, table: &str, row: Vec<Value>, at: Timestamp, by_session: bool) {
        let Some(found) = self.tables.get_mut(table) else {
            return;
        };
        let key: Vec<Value> = found.key.iter().map(|p| row[*p].clone()).collect();
        if found.rows.insert(place(&key), row.clone()).as_ref() == Some(&row) {
            return;
        }
        self.lsn += 1;
        self.log.push(Logged {
            lsn: self.lsn,
            table: table.into(),
            key: Key::new(key),
            row: Some(row),
            at,
            by_session,
        });
    }

    fn remove(&mut self, table: &str, key: &[Value], at: Timestamp, by_session: bool) -> bool {
        let Some(found) = self.tables.get_mut(table) else {
            return false;
        };
        if found.rows.remove(&place(key)).is_none() {
            return false;
        }
        self.lsn += 1;
        self.log.push(Logged {
            lsn: self.lsn,
            table: table.into(),
            key: Key::new(key.to_vec()),
            row: None,
            at,
            by_session,
        });
        true
    }
}

fn column(name: &str, kind: Kind, in_key: bool) -> Column {
    Column {
        label: name.to_owned(),
        nullable: !in_key,
        has_default: in_key,
        updateable: !in_key,
        unique: in_key,
        ..Column::new(
            name,
            ColumnType {
                native: format!("{kind:?}").to_lowercase(),
                length: (kind == Kind::Int).then_some(64),
                ..ColumnType::of(kind)
            },
        )
    }
}
