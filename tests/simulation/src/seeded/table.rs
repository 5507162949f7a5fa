//! The truth of one simulated system: its rows, what became of them in order,
//! and what people did, for the checker. No waiting and no faults in here.

use std::collections::{BTreeMap, HashMap};

use lockstep_checker::{Deed, Edit, Row as FinalRow};
use lockstep_core::{key::Key, value::Value};

use super::{audit::Entry, habits::Habits};

pub const COLUMNS: [&str; 6] = ["id", "email", "name", "phone", "city", "note"];
pub const ID: usize = 0;
pub const EMAIL: usize = 1;
pub const PHONE: usize = 3;
pub const CITY: usize = 4;
pub const NOTE: usize = 5;
/// Columns that people edit.
pub const EDITED: [usize; 4] = [2, PHONE, CITY, NOTE];

pub type Row = Vec<Value>;

/// One committed change of one row.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Its place in commit order, from 1.
    pub lsn: u64,
    pub key: Key,
    /// `None`: deleted.
    pub after: Option<Row>,
    /// Columns that changed.
    pub changed: Vec<usize>,
    /// The system's own clock, in microseconds.
    pub at_us: i64,
    /// When it was made, in world time; told later than that.
    pub made_us: i64,
}

/// Who changes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Person,
    Runtime,
}

#[derive(Debug)]
pub struct Table {
    pub name: String,
    pub habits: Habits,
    /// The column by which a record is the same one everywhere.
    pub identity: usize,
    pub rows: BTreeMap<Key2, Row>,
    pub log: Vec<Logged>,
    pub deeds: Vec<Edit>,
    pub runtime_writes: u64,
    /// Records that the runtime makes next and that somebody makes in the same moment.
    pub rivals: u32,
    /// Rows of the runtime's that a rival was quicker with: made, and to be undone.
    pub outrun: u64,
    /// Deletes by people, the keys of the rows, and where the log has them.
    pub removed: Vec<(usize, Key2, u64)>,
    history: HashMap<(Key2, usize), Vec<Entry>>,
    /// What rows that are gone held at their end.
    graves: HashMap<Key2, Row>,
    tokens: u64,
    keys: i64,
}

/// Keys in an order of their own.
pub type Key2 = Vec<u8>;

pub fn place(key: &Key) -> Key2 {
    key.encode()
}

pub fn key_of(row: &Row) -> Key {
    Key::new(row.get(ID).cloned().into_iter().collect())
}

pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text.to_string()),
        other => Some(other.show()),
    }
}

impl Table {
    pub fn new(name: &str, habits: Habits, identity: usize, first_key: i64) -> Self {
        Table {
            name: name.to_owned(),
            habits,
            identity,
            rows: BTreeMap::new(),
            log: Vec::new(),
            deeds: Vec::new(),
            runtime_writes: 0,
            rivals: 0,
            outrun: 0,
            removed: Vec::new(),
            history: HashMap::new(),
            graves: HashMap::new(),
            tokens: 0,
            keys: first_key,
        }
    }

    pub fn lsn(&self) -> u64 {
        self.log.len() as u64
    }

    pub fn get(&self, key: &Key) -> Option<&Row> {
        self.rows.get(&place(key))
    }

    /// A value nobody wrote before.
    pub fn token(&mut self, column: usize) -> String {
        self.tokens += 1;
        let column = COLUMNS.get(column).copied().unwrap_or("?");
        format!("{column} {} {}", self.name, self.tokens)
    }

    pub fn fresh_key(&mut self) -> Value {
        self.keys += 1;
        Value::Int(self.keys)
    }

    /// The row with this e-mail address, where such are unique.
    pub fn holder(&self, email: &Value) -> Option<&Row> {
        self.rows.values().find(|row| self.habits.unique && row.get(EMAIL) == Some(email))
    }

    /// Makes or replaces a row, as the system stores it; an automation may follow.
    pub fn put(&mut self, mut row: Row, who: Who, now_us: i64) -> Row {
        let key = key_of(&row);
        for (column, value) in row.iter_mut().enumerate() {
            if let Value::Text(text) = value {
                *value = Value::text(self.habits.stored(column, text));
            }
        }
        let before = self.rows.get(&place(&key)).cloned();
        let mut changed = differing(before.as_ref(), &row);
        if changed.is_empty() {
            return row;
        }
        self.take_down(who, before.as_ref(), &row, now_us);
        if self.habits.rewrites && changed.contains(&CITY) && !changed.contains(&NOTE) {
            let typed = row.clone();
            let token = self.token(NOTE);
            if let Some(note) = row.get_mut(NOTE) {
                *note = Value::text(token);
            }
            self.take_down(Who::Person, Some(&typed), &row, now_us);
            changed = differing(before.as_ref(), &row);
        }
        self.rows.insert(place(&key), row.clone());
        self.push(key, Some(row.clone()), changed, now_us);
        row
    }

    pub fn remove(&mut self, key: &Key, who: Who, now_us: i64) -> Option<Row> {
        let row = self.rows.remove(&place(key))?;
        match who {
            Who::Runtime => self.runtime_writes += 1,
            Who::Person => {
                let deed = Deed::Delete { seen: fields(&row, |_| true) };
                self.removed.push((self.deeds.len(), place(key), self.lsn() + 1));
                self.deed(&row, deed, now_us);
            }
        }
        self.push(key.clone(), None, Vec::new(), now_us);
        self.graves.insert(place(key), row.clone());
        Some(row)
    }

    /// Gives a row a key that nobody had; what it holds stays.
    pub fn rekey(&mut self, key: &Key, now_us: i64) {
        let Some(mut row) = self.rows.remove(&place(key)) else { return };
        let fresh = self.fresh_key();
        if let Some(id) = row.get_mut(ID) {
            *id = fresh;
        }
        for column in 0..row.len() {
            if let Some(entries) = self.history.remove(&(place(key), column)) {
                self.history.insert((place(&key_of(&row)), column), entries);
            }
        }
        self.rows.insert(place(&key_of(&row)), row.clone());
        self.push(key.clone(), Some(row), vec![ID], now_us);
    }

    /// What a row that is gone held at its end.
    pub fn grave(&self, key: &Key) -> Option<&Row> {
        self.graves.get(&place(key))
    }

    /// The values a column had, the newest last; also those of a row that is gone.
    pub fn history(&self, key: &Key, column: usize) -> &[Entry] {
        self.history.get(&(place(key), column)).map_or(&[], Vec::as_slice)
    }

    fn take_down(&mut self, who: Who, before: Option<&Row>, after: &Row, now_us: i64) {
        for column in differing(before, after) {
            let entry = Entry { value: after[column].clone(), who, at_us: now_us };
            self.history.entry((place(&key_of(after)), column)).or_default().push(entry);
        }
        if who == Who::Runtime {
            self.runtime_writes += 1;
            return;
        }
        let changed = differing(before, after);
        let deed = match before {
            None => Deed::Insert { values: fields(after, |_| true) },
            Some(before) => Deed::Update {
                values: fields(after, |column| changed.contains(&column)),
                seen: fields(before, |column| changed.contains(&column)),
            },
        };
        self.deed(after, deed, now_us);
    }

    fn deed(&mut self, row: &Row, deed: Deed, now_us: i64) {
        let record = row.get(self.identity).and_then(text_of).unwrap_or_default();
        self.deeds.push(Edit { side: self.name.clone(), record, at_micros: now_us, deed });
    }

    fn push(&mut self, key: Key, after: Option<Row>, changed: Vec<usize>, now_us: i64) {
        let lsn = self.lsn() + 1;
        self.log.push(Logged { lsn, key, after, changed, at_us: now_us + self.habits.skew_us, made_us: now_us });
    }

    /// The rows at the end, in the checker's terms.
    pub fn final_rows(&self) -> Vec<FinalRow> {
        let row = |row: &Row| FinalRow {
            record: row.get(self.identity).and_then(text_of).unwrap_or_default(),
            values: fields(row, |_| true),
        };
        self.rows.values().map(row).collect()
    }
}

fn differing(before: Option<&Row>, after: &Row) -> Vec<usize> {
    (0..after.len()).filter(|column| before.is_none_or(|before| before.get(*column) != after.get(*column))).collect()
}

/// The mapped fields of a row, as text that is the same at every system.
fn fields(row: &Row, wanted: impl Fn(usize) -> bool) -> BTreeMap<String, Option<String>> {
    let field = |(column, name): (usize, &&str)| {
        let text = row.get(column).and_then(text_of);
        // One system may have taken the blanks out of what another shows with them.
        let text = if column == PHONE { text.map(|text| text.replace(' ', "")) } else { text };
        ((*name).to_owned(), text)
    };
    COLUMNS.iter().enumerate().filter(|(column, _)| *column != ID && wanted(*column)).map(field).collect()
}
