//! One conditional write, the way the system can do it.

use lockstep_core::{
    key::Key,
    value::{Timestamp, Value},
    write::{Action, Intent, Overwritten},
};

use super::{
    habits::Condition,
    session::Visit,
    table::{COLUMNS, EMAIL, ID, Row, Who},
};

pub enum Done {
    Applied(Row),
    Conflict(Row),
    Overwrote(Row, Vec<Overwritten>),
    Duplicate(Row),
    Gone,
}

/// What an intent asks for, by column of the table.
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
    let mut table = visit.place.table();
    let mut row = asked.onto(&vec![Value::Null; COLUMNS.len()]);
    if asked.wanted[ID].is_none() {
        row[ID] = table.fresh_key();
    }
    let there = table.get(&Key::new(vec![row[ID].clone()])).or_else(|| table.holder(&row[EMAIL]));
    if let Some(there) = there {
        return Done::Duplicate(there.clone());
    }
    Done::Applied(table.put(row, Who::Runtime, now_us))
}

async fn change(visit: &Visit, asked: &Asked, action: Action) -> Done {
    let Some(key) = &asked.key else {
        return Done::Gone;
    };
    let Some(checked) = visit.place.table().get(key).cloned() else {
        return Done::Gone;
    };
    if !asked.is_met(&checked) {
        return Done::Conflict(checked);
    }
    if visit.place.table().habits.condition == Condition::ReadCheckWrite {
        visit.delay().await;
    }
    let now_us = visit.now_us();
    let mut table = visit.place.table();
    let Some(current) = table.get(key).cloned() else {
        return Done::Gone;
    };
    let foreign: Vec<Overwritten> = displaced(asked, action, &checked, &current, table.habits.skew_us + now_us);
    let row = match action {
        Action::Delete => table.remove(key, Who::Runtime, now_us).unwrap_or(current),
        Action::Create | Action::Update => table.put(asked.onto(&current), Who::Runtime, now_us),
    };
    match foreign.is_empty() {
        true => Done::Applied(row),
        false => Done::Overwrote(row, foreign),
    }
}

/// What others set between the check and the write, and the write displaces.
fn displaced(asked: &Asked, action: Action, checked: &Row, current: &Row, at_us: i64) -> Vec<Overwritten> {
    let is_written = |column: usize| action == Action::Delete || asked.wanted[column].is_some();
    (0..COLUMNS.len())
        .filter(|column| is_written(*column) && checked[*column] != current[*column])
        .map(|column| Overwritten {
            column: COLUMNS[column].to_owned(),
            value: current[column].clone(),
            by: "person".to_owned(),
            at: Some(Timestamp(at_us)),
        })
        .collect()
}
