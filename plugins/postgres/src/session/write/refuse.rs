//! What a refusal of the database means for one intent.

use lockstep_sdk::model::{Outcome, Rejection};

use crate::failure::{Failure, ServerError};

use super::super::database::Known;

/// Whether the same may succeed in a moment: a serialization failure, a deadlock.
pub fn is_passing(failure: &Failure) -> bool {
    matches!(failure.sqlstate(), Some("40001" | "40P01"))
}

/// Whether another transaction held a row for longer than `lock_timeout_ms`.
pub fn is_locked(failure: &Failure) -> bool {
    failure.sqlstate() == Some("55P03")
}

/// Whether a column or a table was not there.
pub fn is_undefined(failure: &Failure) -> bool {
    matches!(failure.sqlstate(), Some("42703" | "42P01"))
}

/// Whether it is the rows that were refused, so that others may still pass.
pub fn is_about_rows(failure: &Failure) -> bool {
    let Some(state) = failure.sqlstate() else {
        return false;
    };
    !failure.ends_connection()
        && !is_passing(failure)
        && !is_locked(failure)
        // Resources, operator intervention, system errors, undefined objects and
        // a read-only server are about everything.
        && !["53", "57", "58", "XX", "25", "08"].iter().any(|class| state.starts_with(class))
}

/// The outcome of an intent that alone was refused.
pub fn rejection(known: &Known, failure: &Failure) -> Outcome {
    let Failure::Server(error) = failure else {
        return Outcome::Unavailable(failure.to_string());
    };
    Outcome::Rejected(Rejection {
        code: error.code.clone(),
        class: class(&error.code).into(),
        message: message(error),
        columns: columns(known, error),
    })
}

fn class(state: &str) -> &'static str {
    match state {
        "23502" => "not-null",
        "23505" | "23P01" => "unique",
        "23503" => "foreign-key",
        "23514" => "check",
        "22001" => "too-long",
        "22003" | "22008" => "out-of-range",
        "42501" => "denied",
        "428C9" => "read-only",
        "22P02" | "22007" | "42804" | "22P03" | "22021" => "type",
        // `RAISE EXCEPTION` in a trigger.
        "P0001" => "validation",
        other if other.starts_with("22") => "type",
        _ => "other",
    }
}

/// The detail of a constraint error holds the row's values and is left out.
fn message(error: &ServerError) -> String {
    if error.hint.is_empty() { error.message.clone() } else { format!("{} ({})", error.message, error.hint) }
}

fn columns(known: &Known, error: &ServerError) -> Vec<String> {
    if !error.column.is_empty() {
        return vec![error.column.clone()];
    }
    let table = &known.table;
    let unique = table.uniques.iter().find(|unique| unique.name == error.constraint).map(|unique| &unique.columns);
    let foreign = || table.foreign_keys.iter().find(|key| key.name == error.constraint).map(|key| &key.columns);
    unique.or_else(foreign).map(|positions| table.names(positions)).unwrap_or_default()
}
