//! Writes: look, compare, write what differs, look again. HubSpot has no
//! conditional writes, so an edit made in between is overwritten; the property's
//! history shows it afterwards, and the outcome reports it.

mod archive;
mod create;
mod send;
mod update;

use std::rc::Rc;

use lockstep_sdk::model::{Intent, Outcome, WriteRequest};

use super::Session;
use super::fetch::id_of;
use crate::failure::{Failure, Result};
use crate::limits;
use crate::request::HISTORY_BATCH_MAX;
use crate::schema::ObjectType;
use crate::writing::Shape;

/// What one request to write is about.
struct Job<'a> {
    object: Rc<ObjectType>,
    /// The columns intents are in.
    columns: Shape,
    /// The columns of rows in outcomes.
    returning: Shape,
    /// Everything to read of a record, with history.
    all: Vec<String>,
    request: &'a WriteRequest,
    outcomes: Vec<Option<Outcome>>,
}

/// Intents that go together: positions in the request, with the record's id
/// (empty for creates).
type Chunk = Vec<(usize, String)>;

impl Job<'_> {
    fn intent(&self, at: usize) -> Option<&Intent> {
        self.request.intents.get(at)
    }

    fn settle(&mut self, at: usize, outcome: Outcome) {
        if let Some(place) = self.outcomes.get_mut(at) {
            *place = Some(outcome);
        }
    }

    /// Names of request columns.
    fn names(&self, columns: impl IntoIterator<Item = usize>) -> Vec<String> {
        columns.into_iter().filter_map(|at| Some(self.columns.0.get(at)?.name.clone())).collect()
    }
}

pub fn write(session: &mut Session, request: &WriteRequest) -> Result<Vec<Outcome>> {
    let object = session.object_type(&request.object)?;
    let columns = Shape::new(&object, &request.columns)?;
    let returning = Shape::new(&object, &request.returning)?;
    let mut all = columns.names();
    all.extend(returning.names().into_iter().filter(|name| !request.columns.contains(name)));
    let outcomes = vec![None; request.intents.len()];
    let mut job = Job { object, columns, returning, all, request, outcomes };
    for (action, chunk) in chunks(&mut job) {
        let done = match action {
            Action::Create => create::create(session, &mut job, &chunk),
            Action::Update => update::update(session, &mut job, &chunk),
            Action::Archive => archive::archive(session, &mut job, &chunk),
        };
        let Err(failure) = done else { continue };
        // Nothing at all was done yet: the whole call failed.
        if job.outcomes.iter().all(Option::is_none) {
            return Err(failure);
        }
        not_done(&mut job, &failure);
        break;
    }
    Ok(job.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| unanswered("not answered"))).collect())
}

fn unanswered(why: &str) -> Outcome {
    Outcome::Unknown(why.to_owned())
}

/// Every intent without an outcome was not sent.
fn not_done(job: &mut Job<'_>, failure: &Failure) {
    let outcome = match failure.problem() {
        Some(problem) if problem.status == 429 => Outcome::Throttled(limits::wait_ms(problem)),
        _ => Outcome::Unavailable(failure.to_string()),
    };
    for place in job.outcomes.iter_mut().filter(|place| place.is_none()) {
        *place = Some(outcome.clone());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Create,
    Update,
    Archive,
}

/// Intents in chunks of one action. A record occurs once in a chunk, and in the
/// order given: what comes after it starts a new one.
fn chunks(job: &mut Job<'_>) -> Vec<(Action, Chunk)> {
    let mut chunks: Vec<(Action, Chunk)> = Vec::new();
    for (at, intent) in job.request.intents.iter().enumerate() {
        let action = match intent.action.as_str() {
            "create" => Action::Create,
            "update" => Action::Update,
            "delete" => Action::Archive,
            other => {
                let message = format!("there is no action `{other}`");
                job.outcomes[at] = Some(Outcome::reject("LS-HS-INTENT", "other", message, Vec::new()));
                continue;
            }
        };
        let id = if action == Action::Create { Some(String::new()) } else { id_of(&intent.key) };
        let Some(id) = id else {
            let message = "the key is not the id of a record".to_owned();
            job.outcomes[at] = Some(Outcome::reject("LS-HS-INTENT", "validation", message, Vec::new()));
            continue;
        };
        let fits = |chunk: &Chunk| {
            chunk.len() < HISTORY_BATCH_MAX && (id.is_empty() || !chunk.iter().any(|(_, known)| *known == id))
        };
        match chunks.last_mut() {
            Some((last, chunk)) if *last == action && fits(chunk) => chunk.push((at, id)),
            _ => chunks.push((action, vec![(at, id)])),
        }
    }
    chunks
}
