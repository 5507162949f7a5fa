//! What becomes of one intent: compared with what is there, written under the
//! service's own precondition, and looked at again when somebody was faster.

use lockstep_sdk::{Cell, Error, Intent, Outcome, Result, Row, http::Client};
use serde_json::Map;

use crate::{
    note::{self, Columns, Note},
    service::{Answer, Service},
};

/// How often somebody may be faster before the intent is put off.
const ATTEMPTS: u32 = 5;
const PAUSE_MS: u32 = 200;

pub fn one<C: Client>(
    service: &Service<C>,
    intent: &Intent,
    columns: &Columns,
    returning: &Columns,
) -> Result<Outcome> {
    match intent.action.as_str() {
        "create" => create(service, intent, columns, returning),
        "update" | "delete" => change(service, intent, columns, returning),
        other => Err(Error::unsupported(format!("the action {other}"))),
    }
}

fn create<C: Client>(service: &Service<C>, intent: &Intent, columns: &Columns, returning: &Columns) -> Result<Outcome> {
    let fields = fields(intent, columns)?;
    // The caller's id makes a create repeatable: the service refuses the second.
    let Some(id) = fields.get("id").and_then(|id| id.as_str()).map(str::to_owned) else {
        return Ok(Outcome::reject("missing", "not-null", "a note needs an id", vec!["id".into()]));
    };
    Ok(match service.create(&id, &fields)? {
        Answer::Precondition(Some(there)) => Outcome::Duplicate(there.row(returning)),
        other => settled(other, None, returning),
    })
}

fn change<C: Client>(service: &Service<C>, intent: &Intent, columns: &Columns, returning: &Columns) -> Result<Outcome> {
    let id = note::id(&intent.key)?;
    for _ in 0..ATTEMPTS {
        let Some(there) = service.get(&id)? else { return Ok(Outcome::Gone) };
        let holds = |(name, expected): (&String, &Cell)| expected.is_absent() || there.cell(name) == *expected;
        if !columns.0.iter().zip(&intent.expected).all(holds) {
            return Ok(Outcome::Conflict(there.row(returning)));
        }
        let answer = match intent.action.as_str() {
            "delete" => service.delete(&id, there.revision)?,
            _ => service.update(&id, there.revision, &fields(intent, columns)?)?,
        };
        // Somebody was faster: what they wrote may be another column's.
        if !matches!(answer, Answer::Precondition(_)) {
            return Ok(settled(answer, Some(&there), returning));
        }
    }
    Ok(Outcome::Throttled(PAUSE_MS))
}

/// What is told of a note, by name.
fn fields(intent: &Intent, columns: &Columns) -> Result<Map<String, serde_json::Value>> {
    let mut fields = Map::new();
    for (name, cell) in columns.0.iter().zip(&intent.cells) {
        if let Some(value) = note::json(cell)? {
            fields.insert(name.clone(), value);
        }
    }
    Ok(fields)
}

/// `before`: the note as it was; what a delete shows.
fn settled(answer: Answer, before: Option<&Note>, returning: &Columns) -> Outcome {
    let shown = |note: Option<&Note>| note.map_or_else(|| Row::new(Vec::new(), Vec::new()), |note| note.row(returning));
    match answer {
        Answer::Done(note) => Outcome::Applied(shown(note.as_ref().or(before))),
        Answer::NotFound => Outcome::Gone,
        Answer::Precondition(note) => Outcome::Conflict(shown(note.as_ref().or(before))),
        Answer::Refused { code, field, message } => {
            let class = match code.as_str() {
                "too_long" => "too-long",
                "bad_value" => "type",
                "missing" => "not-null",
                _ => "validation",
            };
            Outcome::reject(code, class, message, vec![field])
        }
        Answer::Throttled(after_ms) => Outcome::Throttled(after_ms),
        Answer::Unavailable(why) => Outcome::Unavailable(why),
        Answer::Unknown(why) => Outcome::Unknown(why),
    }
}
