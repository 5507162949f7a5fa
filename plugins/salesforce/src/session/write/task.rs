//! One write call: its intents, what is known of their rows, what became of them.

use std::collections::HashMap;
use std::rc::Rc;

use lockstep_sdk::model::{Cell, Intent, Outcome, Row, WriteRequest};
use serde_json::value::RawValue;

use crate::failure::{Failure, Result};
use crate::platform::Platform;
use crate::schema::{Field, Sobject};
use crate::soql;
use crate::value::{Unwritable, encode, same, stored_as};

use super::super::Session;
use super::super::rows::{Shape, id_of, is_deleted, key_id};
use super::verdict::rejected;

/// Rows that are tried again for being locked or changed are given up after
/// this long; a call of the host may take 30 seconds.
const CALL_MS: u64 = 18_000;
/// Ids in one query.
const LOOK_MAX: usize = 200;

/// A row as it was when looked at.
pub struct Seen {
    /// With the columns of the task's shape.
    pub row: Row,
    /// The newest of its stamps, in seconds.
    pub stamp_s: Option<i64>,
    /// The server's clock at the look.
    pub date_s: Option<i64>,
    pub is_deleted: bool,
}

pub struct Task<'r> {
    pub session: &'r mut Session,
    pub request: &'r WriteRequest,
    pub sobject: &'r Rc<Sobject>,
    /// The fields written, as the request's columns.
    pub fields: Vec<&'r Field>,
    shape: Shape<'r>,
    /// Where each written column is among the shape's.
    places: Vec<usize>,
    outcomes: Vec<Option<Outcome>>,
    /// Something of this call may be written.
    pub has_written: bool,
    deadline_ms: u64,
}

impl<'r> Task<'r> {
    pub fn new(session: &'r mut Session, sobject: &'r Rc<Sobject>, request: &'r WriteRequest) -> Result<Self> {
        let mut columns = request.returning.clone();
        columns.extend(request.columns.iter().filter(|name| !request.returning.contains(name)).cloned());
        let shape = Shape::new(sobject, &columns)?;
        let fields = request.columns.iter().map(|name| sobject.known(name)).collect::<Result<Vec<_>>>()?;
        let place = |name: &String| columns.iter().position(|column| column == name);
        let places = request.columns.iter().filter_map(place).collect();
        let deadline_ms = session.platform.monotonic_ms() + CALL_MS;
        let outcomes = request.intents.iter().map(|_| None).collect();
        Ok(Task { session, request, sobject, fields, shape, places, outcomes, has_written: false, deadline_ms })
    }

    pub fn platform(&self) -> Rc<dyn Platform> {
        self.session.platform.clone()
    }

    pub fn is_late(&self) -> bool {
        self.session.platform.monotonic_ms() >= self.deadline_ms
    }

    pub fn intent(&self, at: usize) -> Option<&'r Intent> {
        self.request.intents.get(at)
    }

    /// Intents of one action that are not settled.
    pub fn open(&self, action: &str) -> Vec<usize> {
        let intents = self.request.intents.iter().zip(&self.outcomes).enumerate();
        intents
            .filter(|(_, (intent, outcome))| intent.action == action && outcome.is_none())
            .map(|(at, _)| at)
            .collect()
    }

    pub fn settle(&mut self, at: usize, outcome: Outcome) {
        if let Some(place) = self.outcomes.get_mut(at) {
            place.get_or_insert(outcome);
        }
    }

    pub fn settle_all(&mut self, all: &[usize], outcome: impl Fn() -> Outcome) {
        all.iter().for_each(|at| self.settle(*at, outcome()));
    }

    /// What is open was not tried.
    pub fn give_up(&mut self, failure: &Failure) {
        for place in &mut self.outcomes {
            place.get_or_insert_with(|| Outcome::Unavailable(format!("nothing was written: {failure}")));
        }
    }

    pub fn finish(self) -> Vec<Outcome> {
        let other = || Outcome::reject("LS-SF-ACTION", "other", "not an action of this connector", Vec::new());
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(other)).collect()
    }

    /// The rows of these ids as they are now. `deleted`: those in the recycle bin, too.
    pub fn look(&mut self, ids: &[String], deleted: bool) -> Result<HashMap<String, Seen>> {
        let deleted = deleted && self.shape.has_is_deleted();
        let mut names: Vec<&str> = self.shape.select().to_vec();
        if deleted && !names.contains(&"IsDeleted") {
            names.push("IsDeleted");
        }
        let select = soql::select(names, &self.sobject.name);
        let mut seen = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(LOOK_MAX) {
            let keys: Vec<Vec<String>> = chunk.iter().map(|id| vec![soql::quoted(id)]).collect();
            let (records, date_s) = self.session.api.query(&soql::by_keys(&select, &["Id"], &keys), deleted)?;
            for record in &records {
                let stamp_s = self.shape.stamp_us(record).map(|micros| micros.div_euclid(1_000_000));
                let row = self.shape.row(record)?;
                let is_deleted = is_deleted(record);
                seen.insert(id_of(record)?, Seen { row, stamp_s, date_s, is_deleted });
            }
        }
        Ok(seen)
    }

    /// The row as an outcome shows it.
    pub fn returned(&self, seen: &Seen) -> Row {
        let mut row = seen.row.clone();
        row.cells.truncate(self.request.returning.len());
        row
    }

    /// The written columns whose value is not the expected one.
    pub fn differing(&self, intent: &Intent, seen: &Seen) -> Vec<usize> {
        self.compared(seen, &intent.expected, |kind, a, b| !same(kind, a, b))
    }

    /// Whether the row holds already all that is wanted.
    pub fn holds(&self, intent: &Intent, seen: &Seen) -> bool {
        self.compared(seen, &intent.cells, |kind, a, b| !same(kind, a, b)).is_empty()
    }

    fn compared(
        &self,
        seen: &Seen,
        cells: &[Cell],
        differ: impl Fn(crate::schema::Kind, &Cell, &Cell) -> bool,
    ) -> Vec<usize> {
        let columns = self.fields.iter().zip(&self.places).zip(cells).enumerate();
        columns
            .filter(|(_, ((field, place), cell))| {
                let shown = seen.row.cells.get(**place).unwrap_or(&Cell::Absent);
                !cell.is_absent() && !shown.is_absent() && differ(field.kind(), cell, shown)
            })
            .map(|(at, _)| at)
            .collect()
    }

    /// The value a column shows.
    pub fn shown<'s>(&self, seen: &'s Seen, column: usize) -> Option<&'s Cell> {
        self.places.get(column).and_then(|place| seen.row.cells.get(*place))
    }

    /// The row after a write of ours. A column that shows something else than
    /// what Salesforce makes of the sent value was changed by somebody since, or
    /// by an automation: here it is told as it was sent, and the change comes as
    /// news from the stream. Taken for our own value it would be lost.
    pub fn as_stored(&self, intent: &Intent, seen: Option<&Seen>, id: &str) -> Row {
        let untold = || Row {
            key: vec![Cell::Text(id.to_owned())],
            cells: vec![Cell::Absent; self.request.returning.len()],
            version: Vec::new(),
            at: None,
        };
        let mut row = seen.map_or_else(untold, |seen| self.returned(seen));
        for ((field, place), sent) in self.fields.iter().zip(&self.places).zip(&intent.cells) {
            if let Some(cell) = row.cells.get_mut(*place)
                && !sent.is_absent()
                && (cell.is_absent() || !stored_as(field.kind(), sent, cell))
            {
                *cell = sent.clone();
            }
        }
        row
    }

    /// What is sent of an intent, as JSON by field; settles it when it cannot be.
    pub fn body(&mut self, at: usize) -> Option<Vec<(&'r str, Box<RawValue>)>> {
        let intent = self.intent(at)?;
        let create = intent.action == "create";
        let mut body = Vec::with_capacity(intent.cells.len());
        for (field, cell) in self.fields.iter().zip(&intent.cells) {
            if cell.is_absent() || (create && cell.is_null()) {
                continue;
            }
            let allowed = if create { field.createable } else { field.updateable };
            let refused = match encode(cell) {
                Ok(Some(json)) if allowed => {
                    body.push((field.name.as_str(), json));
                    continue;
                }
                Ok(None) => continue,
                Ok(Some(_)) => {
                    ("LS-SF-READ-ONLY", "read-only", "the integration user may not write this field".to_owned())
                }
                Err(Unwritable(what)) => ("LS-SF-VALUE", "type", format!("Salesforce has no notation for {what}")),
            };
            let (code, class, message) = refused;
            self.settle(at, Outcome::reject(code, class, message, vec![field.name.clone()]));
            return None;
        }
        Some(body)
    }

    /// The id in an intent's key; settles it when there is none.
    pub fn id(&mut self, at: usize) -> Option<String> {
        let id = self.intent(at).and_then(|intent| key_id(&intent.key));
        if id.is_none() {
            self.settle(at, rejected("LS-SF-ID", "type", "the key is not a Salesforce id"));
        }
        id
    }
}
