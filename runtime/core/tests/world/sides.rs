//! Simulated systems in memory: rows, a log of changes, and writes that are
//! conditional, atomically or by reading first.

use std::collections::BTreeMap;

use lockstep_core::{
    change::{ChangeBatch, Row},
    key::Key,
    record::SideId,
    spec::SyncSpec,
    value::{Cell, Timestamp, Value},
    write::{Action, Intent, Outcome, Overwritten, Rejection},
};

use super::{delete, key, upsert, version};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Conditional writes, values stored as they are.
    Atomic,
    /// Conditional writes; texts are stored trimmed and in lower case.
    Normalising,
    /// Compares, then writes; a foreign edit may slip in between and is reported.
    ReadCheckWrite,
}

/// One logged change: the key, and the cells unless the row is gone.
#[derive(Clone, Debug)]
pub struct Logged {
    pub key: i64,
    /// The key before, where this change changed it.
    pub was: i64,
    pub cells: Option<Vec<Cell>>,
    pub order: u64,
    pub at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct System {
    pub side: SideId,
    pub habit: Habit,
    pub rows: BTreeMap<i64, (Vec<Cell>, u64)>,
    pub log: Vec<Logged>,
    pub clock: u64,
    next_key: i64,
    pub writes: u64,
    /// The next read-check-write finds this edit slipped in: column and value.
    pub slip: Option<(usize, Value)>,
    /// Values with this in them are refused.
    pub refuses: Option<char>,
}

impl System {
    pub fn new(side: SideId, habit: Habit) -> Self {
        System {
            side,
            habit,
            rows: BTreeMap::new(),
            log: Vec::new(),
            clock: 0,
            next_key: i64::from(side.0) * 1000 + 1,
            writes: 0,
            slip: None,
            refuses: None,
        }
    }

    fn store(&mut self, id: i64, cells: Option<Vec<Cell>>) -> u64 {
        self.clock += 1;
        let order = self.clock;
        match &cells {
            Some(cells) => self.rows.insert(id, (cells.clone(), order)),
            None => self.rows.remove(&id),
        };
        self.log.push(Logged { key: id, was: id, cells, order, at: Timestamp(order as i64 * 10_000_000) });
        order
    }

    /// A user inserts a row; the cells are without the key.
    pub fn insert(&mut self, values: Vec<Cell>) -> i64 {
        let id = self.next_key;
        self.next_key += 1;
        let mut cells = vec![Some(Value::Int(id))];
        cells.extend(values);
        self.store(id, Some(cells));
        id
    }

    /// A user sets a column. False: no such row, or nothing changes.
    pub fn edit(&mut self, id: i64, column: usize, value: Value) -> bool {
        let Some((cells, _)) = self.rows.get(&id) else {
            return false;
        };
        let mut cells = cells.clone();
        let stored = self.normal(value);
        if cells[column].as_ref() == Some(&stored) {
            return false;
        }
        cells[column] = Some(stored);
        self.store(id, Some(cells));
        true
    }

    /// A user inserts a row under a key that was in use before.
    pub fn insert_again(&mut self, which: usize, values: Vec<Cell>) -> Option<i64> {
        let gone: Vec<i64> = self.log.iter().filter(|l| !self.rows.contains_key(&l.key)).map(|l| l.key).collect();
        let id = *gone.get(which % gone.len().max(1))?;
        let mut cells = vec![Some(Value::Int(id))];
        cells.extend(values);
        self.store(id, Some(cells));
        Some(id)
    }

    /// A user changes a row's key to one never used.
    pub fn rekey(&mut self, id: i64) {
        let Some((mut cells, _)) = self.rows.remove(&id) else {
            return;
        };
        let to = self.next_key;
        self.next_key += 1;
        cells[0] = Some(Value::Int(to));
        self.store(to, Some(cells));
        if let Some(logged) = self.log.last_mut() {
            logged.was = id;
        }
    }

    pub fn remove(&mut self, id: i64) -> bool {
        self.rows.contains_key(&id) && self.store(id, None) > 0
    }

    /// What this system makes of a value it stores.
    pub fn normal(&self, value: Value) -> Value {
        match (self.habit, value) {
            (Habit::Normalising, Value::Text(text)) => Value::text(text.trim().to_lowercase()),
            (_, value) => value,
        }
    }

    pub fn read(&self, id: i64) -> Option<Row> {
        let (cells, order) = self.rows.get(&id)?;
        Some(Row {
            key: key(id),
            cells: cells.clone(),
            version: version(*order),
            at: Some(Timestamp(*order as i64 * 10_000_000)),
        })
    }

    pub fn find(&self, column: usize, value: &Value) -> Option<Row> {
        let found = self.rows.iter().find(|(_, (cells, _))| cells[column].as_ref() == Some(value));
        found.and_then(|(id, _)| self.read(*id))
    }

    pub fn batch(&self, spec: &SyncSpec, position: usize) -> Option<ChangeBatch> {
        let logged = self.log.get(position)?;
        Some(match &logged.cells {
            None => delete(logged.key, logged.order),
            Some(cells) => {
                let row = Row {
                    key: key(logged.key),
                    cells: cells.clone(),
                    version: version(logged.order),
                    at: Some(logged.at),
                };
                let mut batch = upsert(spec, self.side, &row);
                batch.rows[0].key = key(logged.was);
                batch
            }
        })
    }

    fn id(key: &Key) -> i64 {
        match key.0.first() {
            Some(Value::Int(id)) => *id,
            other => panic!("not a key of this system: {other:?}"),
        }
    }

    fn refuse(&self, intent: &Intent) -> Option<Outcome> {
        let refused = self.refuses?;
        let bad = intent.cells.iter().flatten().any(|cell| matches!(cell, Value::Text(text) if text.contains(refused)));
        bad.then(|| {
            Outcome::Rejected(Rejection {
                code: "refused".into(),
                class: "check".into(),
                message: "it is not wanted here".into(),
                columns: Vec::new(),
            })
        })
    }

    pub fn write(&mut self, intent: &Intent) -> Outcome {
        if let Some(refused) = self.refuse(intent) {
            return refused;
        }
        if intent.action == Action::Create {
            self.writes += 1;
            let mut values: Vec<Cell> = Vec::new();
            for cell in &intent.cells[1..] {
                values.push(Some(self.normal(cell.clone().unwrap_or(Value::Null))));
            }
            let id = self.insert(values);
            return Outcome::Applied(self.read(id).unwrap());
        }
        let id = Self::id(intent.key.as_ref().unwrap());
        let Some((found, _)) = self.rows.get(&id).cloned() else {
            return Outcome::Gone;
        };
        let holds = intent.expected.iter().zip(&found).all(|(expected, found)| expected.is_none() || expected == found);
        if !holds {
            return Outcome::Conflict(self.read(id).unwrap());
        }
        self.writes += 1;
        if intent.action == Action::Delete {
            let mut row = self.read(id).unwrap();
            row.version = version(self.store(id, None));
            return Outcome::Applied(row);
        }
        let mut overwritten = Vec::new();
        if self.habit == Habit::ReadCheckWrite
            && let Some((column, value)) = self.slip.take()
            && intent.cells[column].is_some()
            && found[column] != Some(value.clone())
        {
            self.edit(id, column, value.clone());
            overwritten.push(Overwritten {
                column: "".into(),
                value,
                by: "a user".into(),
                at: Some(Timestamp(self.clock as i64 * 10_000_000)),
            });
            overwritten[0].column = format!("f{}", column - 1);
        }
        let mut cells = self.rows[&id].0.clone();
        for (place, cell) in cells.iter_mut().zip(&intent.cells) {
            if let Some(value) = cell {
                *place = Some(self.normal(value.clone()));
            }
        }
        self.store(id, Some(cells));
        let row = self.read(id).unwrap();
        match overwritten.is_empty() {
            true => Outcome::Applied(row),
            false => Outcome::Overwrote(row, overwritten),
        }
    }
}
