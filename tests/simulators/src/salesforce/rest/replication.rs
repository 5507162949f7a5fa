//! `updated` and `deleted`: which rows changed between two times.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Answer, Call, meta::known};
use crate::salesforce::{
    moment,
    state::{Refusal, State},
};

/// How far back `updated` reaches.
const UPDATED_REACH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How far back `deleted` reaches.
const DELETED_REACH: Duration = Duration::from_secs(15 * 24 * 60 * 60);

/// The two times, seconds cut off (vendor: getUpdated).
fn span(state: &State, call: &Call, reach: Duration) -> Result<(Timestamp, Timestamp), Refusal> {
    let time = |name: &str| {
        let at = call.query(name).and_then(moment::parse);
        let at = at.and_then(|at| Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(60)).ok());
        at.ok_or_else(|| Refusal::request(400, "INVALID_REPLICATION_DATE", format!("{name} is not a time")))
    };
    let (start, end) = (time("start")?, time("end")?);
    if end <= start {
        let message = "endDate must be at least one minute greater than startDate";
        return Err(Refusal::request(400, "INVALID_REPLICATION_DATE", message));
    }
    if start < back(state.now(), reach) {
        let days = reach.as_secs() / 86_400;
        let message = format!("startDate cannot be more than {days} days ago");
        return Err(Refusal::request(400, "INVALID_REPLICATION_DATE", message));
    }
    Ok((start, end))
}

fn back(now: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| now.checked_sub(by).ok()).unwrap_or(now)
}

/// Up to where the answer is complete: a transaction that is still running
/// holds it back to its own start.
fn covered(state: &State, end: Timestamp) -> Timestamp {
    state.open_since.values().copied().fold(end.min(state.now()), Timestamp::min)
}

pub fn updated(state: &State, call: &Call, object: &str) -> Result<Answer, Refusal> {
    let object = known(state, object)?;
    let (start, end) = span(state, call, UPDATED_REACH)?;
    let rows = state.table(&object.name).rows();
    let ids: Vec<&str> = rows
        .filter(|row| row.deleted.is_none() && row.modstamp >= start && row.modstamp <= end)
        .map(|row| row.id.as_str())
        .collect();
    Ok(Answer::json(200, json!({"ids": ids, "latestDateCovered": moment::rest(covered(state, end))})))
}

pub fn deleted(state: &mut State, call: &Call, object: &str) -> Result<Answer, Refusal> {
    let name = known(state, object)?.name.clone();
    let (start, end) = span(state, call, DELETED_REACH)?;
    let rows: Vec<Value> = state
        .table(&name)
        .rows()
        .filter_map(|row| row.deleted.as_ref().map(|deleted| (row, deleted)))
        .filter(|(_, deleted)| deleted.at >= start && deleted.at <= end)
        .map(|(row, deleted)| json!({"id": row.id, "deletedDate": moment::rest(deleted.at)}))
        .collect();
    let earliest = state.deletes_known_since.unwrap_or_else(|| back(state.now(), DELETED_REACH));
    Ok(Answer::json(
        200,
        json!({
            "deletedRecords": rows,
            "earliestDateAvailable": moment::rest(earliest),
            "latestDateCovered": moment::rest(covered(state, end)),
        }),
    ))
}
