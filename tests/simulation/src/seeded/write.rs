//! One conditional write, the way the system can do it.

use std::time::Duration;

use lockstep_core::{
    key::Key,
    value::Value,
    write::{Action, Intent, Overwritten},
};

use super::{
    audit::{Standing, overwritten, standing},
    habits::Condition,
    session::Visit,
    table::{COLUMNS, EDITED, EMAIL, ID, Row, Table, Who, key_of},
};

pub enum Done {
    Applied(Row),
    Conflict(Row),
    Overwrote(Row, Vec<Overwritten>),
    Duplicate(Row),
    Gone,
}

/// So much later somebody makes what the runtime has made, not having seen it.
const LATER_MAX_MS: u64 = 1_500;

/// What an intent asks for, by column of the table.
#[derive(Clone)]
struct Asked {
    key: Option<Key>,
    wanted: Vec<Option<Value>>,
    expected: Vec<Option<Value>>,
}

impl Asked {
    fn new(intent: &Intent, columns: &[usize]) -> Self {
        let mut asked =
            Asked { key: intent.key.clone(), wanted: vec![None; COLUMNS.len()], expected: vec![None; COLUMNS.len()] };
        for (place, column) in columns.iter().enumerate() {
            asked.wanted[*column] = intent.cells.get(place).cloned().flatten();
            asked.expected[*column] = intent.expected.get(place).cloned().flatten();
        }
        asked
    }

    fn is_met(&self, row: &Row) -> bool {
        row.iter().zip(&self.expected).all(|(held, expected)| expected.as_ref().is_none_or(|expected| expected == held))
    }

    fn onto(&self, row: &Row) -> Row {
        row.iter().zip(&self.wanted).map(|(held, wanted)| wanted.clone().unwrap_or_else(|| held.clone())).collect()
    }
}

pub async fn one(visit: &Visit, intent: &Intent, columns: &[usize]) -> Done {
    let asked = Asked::new(intent, columns);
    match intent.action {
        Action::Create => create(visit, &asked),
        Action::Update | Action::Delete => change(visit, &asked, intent.action).await,
    }
}

fn create(visit: &Visit, asked: &Asked) -> Done {
    let now_us = visit.now_us();
    let rival = rival(visit);
    if rival == Some(Rival::Before) {
        outrun(&mut visit.place.table(), asked, now_us);
    }
    let mut table = visit.place.table();
    let mut row = asked.onto(&vec![Value::Null; COLUMNS.len()]);
    if asked.wanted[ID].is_none() {
        row[ID] = table.fresh_key();
    }
    let there = table.get(&Key::new(vec![row[ID].clone()])).or_else(|| table.holder(&row[EMAIL]));
    if let Some(there) = there {
        return Done::Duplicate(there.clone());
    }
    let row = table.put(row, Who::Runtime, now_us);
    match rival {
        Some(Rival::After) => outrun(&mut table, asked, now_us),
        Some(Rival::Later { ms }) => {
            let (place, world, asked) = (visit.place.clone(), visit.world.clone(), asked.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                outrun(&mut place.table(), &asked, world.now_us());
                place.news.notify_waiters();
            });
        }
        Some(Rival::Before) | None => {}
    }
    Done::Applied(row)
}

/// When somebody makes the record that the runtime makes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rival {
    Before,
    After,
    Later { ms: u64 },
}

fn rival(visit: &Visit) -> Option<Rival> {
    let mut table = visit.place.table();
    table.rivals = table.rivals.checked_sub(1)?;
    let mut dice = visit.place.dice();
    Some(match dice.roll(3) {
        0 => Rival::Before,
        1 => Rival::After,
        _ => Rival::Later { ms: 1 + dice.roll(LATER_MAX_MS) },
    })
}

/// Somebody makes the record here in the moment in which the runtime does.
fn outrun(table: &mut Table, asked: &Asked, now_us: i64) {
    let mut row = vec![Value::Null; COLUMNS.len()];
    row[ID] = asked.wanted[ID].clone().unwrap_or_else(|| table.fresh_key());
    row[EMAIL] = asked.wanted[EMAIL].clone().unwrap_or(Value::Null);
    for column in EDITED {
        row[column] = Value::text(table.token(column));
    }
    let there = table.get(&key_of(&row)).is_some() || table.holder(&row[EMAIL]).is_some();
    if !there {
        let refused = table.habits.unique || asked.wanted[ID].is_some();
        table.outrun += u64::from(!refused);
        table.put(row, Who::Person, now_us);
    }
}

async fn change(visit: &Visit, asked: &Asked, action: Action) -> Done {
    let Some(key) = &asked.key else {
        return Done::Gone;
    };
    let audits = visit.place.table().habits.condition == Condition::ReadCheckWrite;
    let Some(checked) = visit.place.table().get(key).cloned() else {
        let unheard = visit.place.table().grave(key).filter(|_| audits).cloned();
        return unheard.and_then(|row| unheard_of(visit, asked, action, key, row)).map_or(Done::Gone, Done::Conflict);
    };
    let mut told = Vec::new();
    if audits {
        match look(visit, asked, action, key, &checked) {
            Look::Free(displaced) => told = displaced,
            Look::Taken(row) => return Done::Conflict(row),
        }
        visit.delay().await;
    } else if !asked.is_met(&checked) {
        return Done::Conflict(checked);
    }
    let now_us = visit.now_us();
    let mut table = visit.place.table();
    let Some(current) = table.get(key).cloned() else {
        // What an earlier write displaced is in the history of a row that is gone, too.
        return if told.is_empty() { Done::Gone } else { Done::Overwrote(checked, told) };
    };
    for found in displaced(asked, action, &checked, &current, table.habits.skew_us + now_us) {
        if let Some(column) = COLUMNS.iter().position(|name| *name == found.column) {
            visit.place.shown().overwrite(now_us, column, &found.value);
        }
        // The newer of two displaced values had seen the older.
        told.retain(|one| one.column != found.column);
        told.push(found);
    }
    let mut row = match action {
        Action::Delete => table.remove(key, Who::Runtime, now_us).unwrap_or(current),
        Action::Create | Action::Update => table.put(asked.onto(&current), Who::Runtime, now_us),
    };
    if audits && action == Action::Update {
        // As the history has it: what lies over ours, as an automation's, came later, and
        // is told as the edit it is.
        for (column, wanted) in asked.wanted.iter().enumerate() {
            if let Some(Value::Text(text)) = wanted {
                row[column] = Value::text(table.habits.stored(column, text));
            }
        }
    }
    match told.is_empty() {
        true => Done::Applied(row),
        false => Done::Overwrote(row, told),
    }
}

/// A row that is gone keeps its history: what somebody wrote there that the writer has
/// not heard of, or what an earlier write overwrote whose answer was lost.
fn unheard_of(visit: &Visit, asked: &Asked, action: Action, key: &Key, mut row: Row) -> Option<Row> {
    match look(visit, asked, action, key, &row) {
        Look::Taken(row) => Some(row),
        Look::Free(displaced) if displaced.is_empty() => None,
        Look::Free(displaced) => {
            for one in displaced {
                if let Some(column) = COLUMNS.iter().position(|name| *name == one.column) {
                    row[column] = one.value;
                }
            }
            Some(row)
        }
    }
}

/// What the look before a write finds.
enum Look {
    /// Nothing newer is there: what an earlier write, whose answer was lost, had overwritten.
    Free(Vec<Overwritten>),
    /// The row as it is, with what was displaced in place of what came after it.
    Taken(Row),
}

fn look(visit: &Visit, asked: &Asked, action: Action, key: &Key, checked: &Row) -> Look {
    let table = visit.place.table();
    let mut told = Vec::new();
    let mut instead = checked.clone();
    let mut conflict = false;
    for (column, held) in checked.iter().enumerate() {
        let Some(expected) = &asked.expected[column] else { continue };
        let wanted = asked.wanted[column].as_ref().map(|wanted| match wanted {
            Value::Text(text) => Value::text(table.habits.stored(column, text)),
            other => other.clone(),
        });
        let standing = standing(table.history(key, column), held, expected, wanted.as_ref());
        conflict |= matches!(standing, Standing::Foreign(_));
        if let Standing::Ours(Some(entry)) | Standing::Foreign(Some(entry)) = standing {
            told.push(overwritten(column, &entry.value, entry.at_us + table.habits.skew_us));
            instead[column] = entry.value;
        }
    }
    // A delete displaces nothing by itself: what an earlier write displaced is merged first.
    match conflict || (action == Action::Delete && !told.is_empty()) {
        true => Look::Taken(instead),
        false => Look::Free(told),
    }
}

/// What others set between the check and the write, and the write displaces.
fn displaced(asked: &Asked, action: Action, checked: &Row, current: &Row, at_us: i64) -> Vec<Overwritten> {
    let is_written = |column: usize| action == Action::Delete || asked.wanted[column].is_some();
    (0..COLUMNS.len())
        .filter(|column| is_written(*column) && checked[*column] != current[*column])
        .map(|column| overwritten(column, &current[column], at_us))
        .collect()
}
