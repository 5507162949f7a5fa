//! Sending a batch of rows: taken apart where it is refused, until only the
//! refused rows are left out.

use std::collections::HashMap;

use lockstep_sdk::model::Outcome;
use serde_json::{Value, json};

use super::super::Session;
use super::super::call::Repeat;
use crate::failure::Failure;
use crate::limits;
use crate::response::{Batch, Problem, Record};
use crate::writing::{is_about_rows, refused};

/// What became of one row.
#[derive(Clone, Debug)]
pub(super) enum Sent {
    /// As HubSpot's answer shows it.
    Stored(Box<Record>),
    /// It may have been done.
    Doubtful(String),
    /// It was not done.
    Not(Outcome),
}

/// A row of a batch: its position in the request, and what is sent for it.
pub(super) type Input = (usize, Value);

/// Sends `inputs`; one answer each. Results are tied to inputs by
/// `objectWriteTraceId`, which is the position.
pub(super) fn send(session: &mut Session, object: &str, verb: &str, inputs: &[Input]) -> HashMap<usize, Sent> {
    let mut sent = HashMap::with_capacity(inputs.len());
    let mut waiting: Vec<&[Input]> = vec![inputs];
    while let Some(part) = waiting.pop() {
        if part.is_empty() {
            continue;
        }
        let request = session.api.batch(object, verb, part.iter().map(traced).collect());
        let answer: Result<Batch, Failure> = session.call(request, Repeat::Never);
        match answer {
            Ok(batch) => take(part, batch, &mut sent),
            Err(failure) => match failure.problem().filter(|problem| is_about_rows(problem)) {
                Some(problem) => match part {
                    [(at, _)] => {
                        sent.insert(*at, Sent::Not(refused(problem)));
                    }
                    _ => {
                        let (left, right) = part.split_at(part.len() / 2);
                        waiting.push(right);
                        waiting.push(left);
                    }
                },
                None => {
                    // The same would become of the rest.
                    let all = waiting.drain(..).chain([part]).flatten();
                    let first = part.first().map(|(at, _)| *at);
                    for (at, _) in all {
                        let tried = part.iter().any(|(known, _)| known == at) && first.is_some();
                        sent.insert(*at, not_answered(&failure, tried));
                    }
                }
            },
        }
    }
    sent
}

fn not_answered(failure: &Failure, tried: bool) -> Sent {
    if tried && failure.is_uncertain() {
        return Sent::Doubtful(failure.to_string());
    }
    Sent::Not(match failure.problem() {
        Some(problem) if problem.status == 429 => Outcome::Throttled(limits::wait_ms(problem)),
        Some(problem) if problem.status == 403 => refused(problem),
        _ => Outcome::Unavailable(failure.to_string()),
    })
}

fn traced((at, input): &Input) -> Value {
    let mut input = input.clone();
    if let Some(map) = input.as_object_mut() {
        map.insert("objectWriteTraceId".into(), json!(at.to_string()));
    }
    input
}

fn take(part: &[Input], batch: Batch, sent: &mut HashMap<usize, Sent>) {
    let mut results = batch.results;
    let mut errors = batch.errors;
    for (at, input) in part {
        let trace = at.to_string();
        let id = input["id"].as_str().unwrap_or_default();
        let result = results.iter().position(|record| is_of(record, &trace, id));
        if let Some(record) = result.map(|place| results.swap_remove(place)) {
            sent.insert(*at, Sent::Stored(Box::new(record)));
            continue;
        }
        let error = errors.iter().find(|problem| names(problem, &trace, id));
        if let Some(problem) = error {
            sent.insert(*at, Sent::Not(refused(problem)));
        }
    }
    // What is tied by nothing: certain only where one of each is left.
    let mut left = part.iter().filter(|(at, _)| !sent.contains_key(at)).map(|(at, _)| *at);
    let (first, more) = (left.next(), left.next().is_some());
    errors.retain(|problem| problem.context.is_empty());
    match first {
        Some(at) if !more && results.len() == 1 && errors.is_empty() => {
            if let Some(record) = results.pop() {
                sent.insert(at, Sent::Stored(Box::new(record)));
            }
        }
        Some(at) if !more && results.is_empty() && errors.len() == 1 => {
            if let Some(problem) = errors.pop() {
                sent.insert(at, Sent::Not(refused(&problem)));
            }
        }
        _ => {}
    }
    for (at, _) in part {
        sent.entry(*at).or_insert_with(|| Sent::Doubtful("HubSpot's answer does not say what became of it".into()));
    }
}

fn is_of(record: &Record, trace: &str, id: &str) -> bool {
    match &record.object_write_trace_id {
        Some(known) => known == trace,
        None => !id.is_empty() && record.id == id,
    }
}

fn names(problem: &Problem, trace: &str, id: &str) -> bool {
    let has = |name: &str, value: &str| {
        !value.is_empty() && problem.context.get(name).is_some_and(|all| all.iter().any(|known| known == value))
    };
    has("objectWriteTraceId", trace) || has("ids", id) || has("id", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> Vec<Input> {
        vec![(0, json!({"id": "7"})), (1, json!({"id": "8"})), (2, json!({"properties": {}}))]
    }

    fn taken(json: Value) -> HashMap<usize, Sent> {
        let batch = serde_json::from_value(json).expect("a batch");
        let mut sent = HashMap::new();
        take(&inputs(), batch, &mut sent);
        sent
    }

    #[test]
    fn results_and_errors_find_their_rows_whatever_their_order() {
        let sent = taken(json!({
            "results": [{"id": "9", "objectWriteTraceId": "2"}, {"id": "8"}],
            "errors": [{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["7"]}}],
        }));
        assert!(matches!(sent.get(&0), Some(Sent::Not(Outcome::Gone))));
        assert!(matches!(sent.get(&1), Some(Sent::Stored(record)) if record.id == "8"));
        assert!(matches!(sent.get(&2), Some(Sent::Stored(record)) if record.id == "9"));
    }

    #[test]
    fn the_last_one_left_is_certain_and_two_are_not() {
        let sent = taken(json!({"results": [{"id": "8"}, {"id": "7"}, {"id": "5"}]}));
        assert!(matches!(sent.get(&2), Some(Sent::Stored(record)) if record.id == "5"));
        let sent = taken(json!({"results": [{"id": "7"}]}));
        assert!(matches!(sent.get(&1), Some(Sent::Doubtful(_))));
        assert!(matches!(sent.get(&2), Some(Sent::Doubtful(_))));
    }
}
