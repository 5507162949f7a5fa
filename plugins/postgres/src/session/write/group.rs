//! Sorting intents into groups that one statement can do. Pure.

use std::collections::HashMap;
use std::collections::HashSet;

use lockstep_sdk::model::{Cell, Intent, Outcome, WriteRequest};

use crate::failure::Result;
use crate::sql;
use crate::value::{TextArray, text_of};

use super::super::database::Known;
use super::super::shape::{Shape, column_position, typed};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Create,
    Update,
    Delete,
    /// An update that writes nothing: the row as it is.
    Look,
}

/// Intents with the same action on the same columns. Each row occurs once in it.
#[derive(Clone)]
pub struct Group {
    pub action: Action,
    /// Positions in the request's columns.
    pub written: Vec<usize>,
    pub expected: Vec<usize>,
    /// Positions in the request's intents.
    pub intents: Vec<usize>,
}

pub struct Plan {
    pub shape: Shape,
    /// The request's columns as positions in the table.
    pub columns: Vec<usize>,
    pub groups: Vec<Group>,
    /// Intents refused before anything is sent.
    pub refused: Vec<(usize, Outcome)>,
}

/// Action, wave (a row that occurs again goes into a later one), columns.
type GroupKey = (u32, Action, Vec<usize>, Vec<usize>);

impl Plan {
    pub fn new(known: &Known, request: &WriteRequest) -> Result<Self> {
        let shape = Shape::new(known, &request.returning)?;
        let columns = request.columns.iter().map(|name| column_position(known, name)).collect::<Result<Vec<_>>>()?;
        let mut plan = Plan { shape, columns, groups: Vec::new(), refused: Vec::new() };
        let mut places: HashMap<GroupKey, usize> = HashMap::new();
        let mut waves: HashMap<Vec<u8>, u32> = HashMap::new();
        for (at, intent) in request.intents.iter().enumerate() {
            let (action, written, expected) = match classify(known, &plan.columns, intent) {
                Ok(classified) => classified,
                Err(outcome) => {
                    plan.refused.push((at, *outcome));
                    continue;
                }
            };
            let wave = match key_bytes(&intent.key) {
                Some(key) => {
                    let wave = waves.entry(key).or_insert(0);
                    *wave += 1;
                    *wave
                }
                None => 1,
            };
            let key = (wave, action, written, expected);
            let groups = &mut plan.groups;
            let place = *places.entry(key).or_insert_with_key(|(_, action, written, expected)| {
                groups.push(Group {
                    action: *action,
                    written: written.clone(),
                    expected: expected.clone(),
                    intents: Vec::new(),
                });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(place) {
                group.intents.push(at);
            }
        }
        Ok(plan)
    }
}

type Classified = (Action, Vec<usize>, Vec<usize>);

fn classify(known: &Known, columns: &[usize], intent: &Intent) -> std::result::Result<Classified, Box<Outcome>> {
    let refuse =
        |class: &str, message: String, columns| Err(Box::new(Outcome::reject("LS-PG-INTENT", class, message, columns)));
    let told = |cells: &[Cell]| -> Vec<usize> {
        let told = cells.iter().take(columns.len()).enumerate().filter(|(_, cell)| !matches!(cell, Cell::Absent));
        told.map(|(at, _)| at).collect()
    };
    let (action, written, expected) = match intent.action.as_str() {
        "create" => (Action::Create, told(&intent.cells), Vec::new()),
        "update" => {
            let written = told(&intent.cells);
            let action = if written.is_empty() { Action::Look } else { Action::Update };
            (action, written, told(&intent.expected))
        }
        "delete" => (Action::Delete, Vec::new(), told(&intent.expected)),
        other => return refuse("other", format!("there is no action `{other}`"), Vec::new()),
    };
    let key_length = if action == Action::Create { 0 } else { known.table.key.len() };
    if action != Action::Create && (intent.key.len() != key_length || key_length == 0) {
        let message = format!("the key has {} values where the table has {key_length}", intent.key.len());
        return refuse("validation", message, known.table.names(&known.table.key));
    }
    if action == Action::Create && written.is_empty() {
        return refuse("validation", "there is nothing to create a row from".into(), Vec::new());
    }
    let read_only: Vec<String> = written
        .iter()
        .filter_map(|at| known.table.columns.get(*columns.get(*at)?))
        .filter(|column| column.is_read_only())
        .map(|column| column.name.clone())
        .collect();
    if !read_only.is_empty() {
        let message = format!("the database computes {} itself", read_only.join(", "));
        return refuse("read-only", message, read_only);
    }
    Ok((action, written, expected))
}

fn key_bytes(key: &[Cell]) -> Option<Vec<u8>> {
    if key.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for cell in key {
        let text = text_of(cell).unwrap_or_default();
        bytes.extend_from_slice(&(text.len() as u32).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    Some(bytes)
}

impl Group {
    /// One half of it and the other.
    pub fn halves(&self) -> [Group; 2] {
        let (left, right) = self.intents.split_at(self.intents.len() / 2);
        [left, right].map(|intents| Group { intents: intents.to_vec(), ..self.clone() })
    }

    /// The statement and its parameters, an array a column.
    pub fn statement(&self, known: &Known, request: &WriteRequest, plan: &Plan) -> (String, Vec<Vec<u8>>) {
        let in_table = |positions: &[usize]| -> Vec<usize> {
            positions.iter().filter_map(|at| plan.columns.get(*at).copied()).collect()
        };
        let table = known.table.name.sql();
        let key = typed(known, &known.table.key);
        let written = in_table(&self.written);
        let written = typed(known, &written);
        let expected = in_table(&self.expected);
        let expected = typed(known, &expected);
        let returning = plan.shape.names(known);
        let statement = match self.action {
            Action::Create => sql::insert(&table, &written, &returning),
            Action::Update => sql::update(&table, &key, &written, &expected, &returning),
            Action::Delete => sql::delete(&table, &key, &expected, &returning),
            Action::Look => sql::fetch(&table, &returning, &key, false),
        };
        let key_columns = if self.action == Action::Create { 0 } else { known.table.key.len() };
        let mut params = Vec::with_capacity(key_columns + self.written.len() + self.expected.len());
        for column in 0..key_columns {
            params.push(self.array(request, |intent| intent.key.get(column)));
        }
        for column in &self.written {
            params.push(self.array(request, |intent| intent.cells.get(*column)));
        }
        if self.action != Action::Look {
            for column in &self.expected {
                params.push(self.array(request, |intent| intent.expected.get(*column)));
            }
        }
        (statement, params)
    }

    fn array<'a>(&self, request: &'a WriteRequest, cell: impl Fn(&'a Intent) -> Option<&'a Cell>) -> Vec<u8> {
        let mut array = TextArray::default();
        for at in &self.intents {
            let cell = request.intents.get(*at).and_then(&cell);
            array.push(cell.and_then(text_of).as_deref());
        }
        array.finish()
    }

    /// For creates: which of its intents a returned row answers, by the key
    /// columns the intents tell. `None` where that is not certain.
    pub fn by_key(
        &self,
        known: &Known,
        request: &WriteRequest,
        plan: &Plan,
        returned: &[Vec<Cell>],
    ) -> Option<Vec<usize>> {
        let told: Vec<usize> = known
            .table
            .key
            .iter()
            .map(|key| self.written.iter().copied().find(|at| plan.columns.get(*at) == Some(key)))
            .collect::<Option<_>>()?;
        let mut by_key: HashMap<Vec<u8>, usize> = HashMap::new();
        for at in &self.intents {
            let intent = request.intents.get(*at)?;
            let key: Vec<Cell> = told.iter().map(|column| intent.cells.get(*column).cloned()).collect::<Option<_>>()?;
            // Of two with the same key the first is the one inserted.
            by_key.entry(key_bytes(&key)?).or_insert(*at);
        }
        let mut used = HashSet::new();
        let answered = returned.iter().map(|key| by_key.get(&key_bytes(key)?).copied().filter(|at| used.insert(*at)));
        answered.collect()
    }
}
