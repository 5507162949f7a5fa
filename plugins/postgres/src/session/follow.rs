//! From the stream's rows to the contract's batches: which columns were asked
//! for, what identifies a row, what was not told.

use std::collections::HashMap;
use std::rc::Rc;

use lockstep_sdk::model::{Cell, ChangeBatch, ChangeRow, Selection};

use crate::cursor::version;
use crate::failure::Result;
use crate::pgoutput::{Message, Old, Relation, Tuple, Value};
use crate::sql::ObjectName;
use crate::value::{Codec, decode};

use super::database::Database;

/// The transaction whose rows are coming.
pub struct Transaction {
    pub final_lsn: u64,
    pub at_us: i64,
    pub origin: Rc<str>,
    /// Rows told so far, whether asked for or not.
    pub rows: u32,
}

/// What happens to one column of a relation.
struct Part {
    codec: Codec,
    /// Position among the cells asked for.
    cell: Option<usize>,
    /// Position in the key.
    key: Option<usize>,
}

/// A table that is asked for.
struct Followed {
    object: String,
    columns: Vec<String>,
    parts: Vec<Part>,
    key_length: usize,
    /// Its latest batch in this answer.
    batch: Option<usize>,
}

#[derive(Default)]
struct Known {
    relation: Option<Relation>,
    /// Outer `None`: not looked at yet. Inner `None`: not asked for.
    followed: Option<Option<Followed>>,
}

pub struct Follower {
    timeline: u32,
    selections: Vec<(String, Vec<String>)>,
    relations: HashMap<u32, Known>,
    batches: Vec<ChangeBatch>,
}

impl Follower {
    pub fn new(timeline: u32) -> Self {
        Follower { timeline, selections: Vec::new(), relations: HashMap::new(), batches: Vec::new() }
    }

    /// What is asked for from here on. Selections of the same object are joined.
    pub fn select(&mut self, selections: &[Selection]) {
        let mut joined: Vec<(String, Vec<String>)> = Vec::with_capacity(selections.len());
        for selection in selections {
            match joined.iter_mut().find(|(object, _)| *object == selection.object) {
                None => joined.push((selection.object.clone(), selection.columns.clone())),
                Some((_, columns)) => {
                    for column in &selection.columns {
                        if !columns.contains(column) {
                            columns.push(column.clone());
                        }
                    }
                }
            }
        }
        if joined != self.selections {
            self.selections = joined;
            self.relations.values_mut().for_each(|known| known.followed = None);
        }
    }

    /// A batch without rows, behind all that was told so far.
    pub fn tell(&mut self, object: &str, kind: &str) {
        self.batches.push(ChangeBatch::signal(object.to_owned(), kind));
        for known in self.relations.values_mut() {
            known.followed = None;
        }
    }

    pub fn has_batches(&self) -> bool {
        !self.batches.is_empty()
    }

    pub fn take_batches(&mut self) -> Vec<ChangeBatch> {
        for known in self.relations.values_mut() {
            if let Some(Some(followed)) = &mut known.followed {
                followed.batch = None;
            }
        }
        std::mem::take(&mut self.batches)
    }

    /// A relation as the rows that follow have it. When it is not what it was,
    /// the host is told before those rows.
    pub fn learn(&mut self, relation: Relation, database: &mut Database) {
        let known = self.relations.entry(relation.id).or_default();
        let altered = known.relation.as_ref().is_some_and(|before| *before != relation);
        let name = ObjectName::new(&relation.schema, &relation.name).to_string();
        let asked = self.selections.iter().find(|(object, _)| *object == name);
        let lacks = asked.is_some_and(|(_, columns)| {
            columns.iter().any(|column| !relation.columns.iter().any(|there| there.name == *column))
        });
        if altered || (known.relation.is_none() && lacks) {
            database.forget();
            if asked.is_some() {
                self.batches.push(ChangeBatch::signal(name, "schema"));
            }
        }
        known.relation = Some(relation);
        known.followed = None;
    }

    /// Take a row in; the number of records it became.
    pub fn follow(&mut self, message: &Message<'_>, transaction: &Transaction, database: &mut Database) -> Result<u32> {
        let (relation, old, new, kind) = match message {
            Message::Insert { relation, new } => (*relation, &Old::Untold, Some(new), "upsert"),
            Message::Update { relation, old, new } => (*relation, old, Some(new), "upsert"),
            Message::Delete { relation, old } => (*relation, old, None, "delete"),
            Message::Truncate { relations } => return self.truncate(relations, transaction, database),
            _ => return Ok(0),
        };
        self.look_at(relation, database)?;
        let Some(followed) = self.relations.get_mut(&relation).and_then(|known| known.followed.as_mut()) else {
            return Ok(0);
        };
        let Some(followed) = followed else { return Ok(0) };
        let mut key = vec![Cell::Absent; followed.key_length];
        if let Old::Key(old) | Old::Full(old) = old {
            read_tuple(&followed.parts, old, &mut [], &mut key)?;
        }
        let mut cells = Vec::new();
        if let Some(new) = new {
            cells.resize(followed.columns.len(), Cell::Absent);
            read_tuple(&followed.parts, new, &mut cells, &mut key)?;
        }
        if key.is_empty() || key.iter().any(|cell| matches!(cell, Cell::Absent)) {
            self.batches.push(ChangeBatch::signal(followed.object.clone(), "gap"));
            followed.batch = None;
            return Ok(1);
        }
        let row = ChangeRow {
            key,
            cells,
            version: version(self.timeline, transaction.final_lsn, transaction.rows),
            at: Some(transaction.at_us),
        };
        let open = followed.batch.and_then(|at| self.batches.get_mut(at));
        match open.filter(|batch| batch.kind == kind && batch.origin == *transaction.origin) {
            Some(batch) => batch.rows.push(row),
            None => {
                followed.batch = Some(self.batches.len());
                let columns = if new.is_some() { followed.columns.clone() } else { Vec::new() };
                let mut batch = ChangeBatch::new(followed.object.clone(), kind, columns);
                batch.origin = transaction.origin.to_string();
                batch.rows.push(row);
                self.batches.push(batch);
            }
        }
        Ok(1)
    }

    fn truncate(&mut self, relations: &[u32], transaction: &Transaction, database: &mut Database) -> Result<u32> {
        let mut told = 0;
        for relation in relations {
            self.look_at(*relation, database)?;
            let known = self.relations.get_mut(relation).and_then(|known| known.followed.as_mut());
            if let Some(Some(followed)) = known {
                let batch = ChangeBatch::signal(followed.object.clone(), "truncate");
                self.batches.push(batch.with_origin(transaction.origin.to_string()));
                followed.batch = None;
                told += 1;
            }
        }
        Ok(told)
    }

    /// Work out what of a relation is asked for, once.
    fn look_at(&mut self, id: u32, database: &mut Database) -> Result<()> {
        let Some(known) = self.relations.get_mut(&id) else {
            return Ok(());
        };
        if known.followed.is_some() {
            return Ok(());
        }
        let Some(relation) = &known.relation else { return Ok(()) };
        let object = ObjectName::new(&relation.schema, &relation.name).to_string();
        let followed = match self.selections.iter().find(|(name, _)| *name == object) {
            None => None,
            Some((_, columns)) => Some(resolve(relation, object, columns.clone(), database)?),
        };
        known.followed = Some(followed);
        Ok(())
    }
}

fn resolve(relation: &Relation, object: String, columns: Vec<String>, database: &mut Database) -> Result<Followed> {
    database.types.load(&mut database.connection, relation.columns.iter().map(|column| column.type_id))?;
    let catalog_key = match database.find_table(&object)? {
        Some(known) => known.table.names(&known.table.key),
        None => Vec::new(),
    };
    let has = |name: &String| relation.columns.iter().any(|column| column.name == *name);
    let key: Vec<String> = if !catalog_key.is_empty() && catalog_key.iter().all(has) {
        catalog_key
    } else {
        // The table was altered since: what the stream itself calls the identity.
        relation.columns.iter().filter(|column| column.identity).map(|column| column.name.clone()).collect()
    };
    let parts = relation.columns.iter().map(|column| Part {
        codec: database.types.get(column.type_id).codec,
        cell: columns.iter().position(|name| *name == column.name),
        key: key.iter().position(|name| *name == column.name),
    });
    Ok(Followed { object, parts: parts.collect(), key_length: key.len(), columns, batch: None })
}

/// Read a tuple into cells and key. A key column already told (by the old row)
/// is kept; what was not told stays absent.
fn read_tuple(parts: &[Part], tuple: &Tuple<'_>, cells: &mut [Cell], key: &mut [Cell]) -> Result<()> {
    for (part, value) in parts.iter().zip(tuple.values()) {
        let value = value?;
        let key = part.key.and_then(|at| key.get_mut(at)).filter(|cell| matches!(cell, Cell::Absent));
        let cell = part.cell.and_then(|at| cells.get_mut(at));
        if key.is_none() && cell.is_none() {
            continue;
        }
        let decoded = match value {
            Value::Unchanged => continue,
            Value::Null => Cell::Null,
            Value::Text(bytes) => decode(part.codec, bytes),
        };
        match (key, cell) {
            (Some(key), Some(cell)) => {
                *key = decoded.clone();
                *cell = decoded;
            }
            (Some(place), None) | (None, Some(place)) => *place = decoded,
            (None, None) => {}
        }
    }
    Ok(())
}
