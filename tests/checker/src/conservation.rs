//! Every edited value is the agreed one, was replaced by an edit that had seen
//! it, or is kept where a person can find it. And nothing else is at the sides.

use crate::{
    history::{Edit, History, Shown},
    index::Index,
    verdict::{Verdict, ViolationKind},
};

pub(crate) fn check<'h>(history: &'h History, index: &Index<'h>, verdict: &mut Verdict) {
    for edit in &history.edits {
        for (field, value) in edit.values() {
            account(history, index, edit, field, value.as_deref(), verdict);
        }
    }
    for (record, sides) in &index.rows {
        for (side, row) in sides.iter().flat_map(|(s, rows)| rows.iter().map(move |r| (s, r))) {
            for field in &history.fields {
                let value = row.values.get(field).and_then(Option::as_deref);
                check_invented(index, record, field, value, side, verdict);
            }
        }
    }
}

fn account<'h>(
    history: &'h History,
    index: &Index<'h>,
    edit: &'h Edit,
    field: &'h str,
    value: Option<&'h str>,
    verdict: &mut Verdict,
) {
    let record = edit.record.as_str();
    let finals = index.finals(record, field);
    if finals.len() >= history.sides.len() && finals.iter().all(|(_, at_end)| *at_end == value) {
        verdict.agreed += 1;
    } else if index.superseded.contains(&(record, field, value)) || is_unheard(history, edit, field, value) {
        verdict.superseded += 1;
    } else if index.keeps_value(record, field, value)
        || waits_in_place(index, edit, field, value)
        || is_set_aside(history, edit, field, value)
    {
        verdict.kept += 1;
    } else {
        let text = format!(
            "{} set {value:?} at {}; the sides end with {finals:?}, no edit had seen it and nothing keeps it",
            edit.side, edit.at_micros
        );
        verdict.blame(ViolationKind::LostEdit, record, Some(field), text);
    }
}

/// A write of the runtime took the value's place, and nobody is left who sent it.
fn is_unheard(history: &History, edit: &Edit, field: &str, value: Option<&str>) -> bool {
    let is_it = |one: &Shown| one.side == edit.side && one.field == field && Some(one.value.as_str()) == value;
    history.unheard.iter().any(is_it)
}

/// The row went with the value, and only a state that was replaced by an older one had
/// heard of it: that one's journal has it, and nothing else can.
fn is_set_aside(history: &History, edit: &Edit, field: &str, value: Option<&str>) -> bool {
    let went = |later: &Edit| {
        later.is_delete()
            && (&later.side, &later.record) == (&edit.side, &edit.record)
            && later.seen().any(|(name, seen)| name == field && seen.as_deref() == value)
    };
    history.set_aside.iter().any(|one| one.field == field && Some(one.value.as_str()) == value)
        && history.edits.iter().any(went)
}

/// The record waits as a whole, and the value still stands where it was made, or in
/// every row that is left, as where a delete is held.
fn waits_in_place<'h>(index: &Index<'h>, edit: &'h Edit, field: &'h str, value: Option<&str>) -> bool {
    let finals = index.finals(&edit.record, field);
    let everywhere = !finals.is_empty() && finals.iter().all(|(_, at_end)| *at_end == value);
    index.record_waits(&edit.record) && (everywhere || finals.contains(&(edit.side.as_str(), value)))
}

fn check_invented<'h>(
    index: &Index<'h>,
    record: &'h str,
    field: &'h str,
    value: Option<&'h str>,
    side: &str,
    verdict: &mut Verdict,
) {
    let merged = || index.kept(record, field).iter().any(|kept| kept.result.as_deref() == value);
    if value.is_some() && !index.written.contains(&(record, field, value)) && !merged() {
        let text = format!("{side} ends with {value:?}, which nobody wrote");
        verdict.blame(ViolationKind::Invented, record, Some(field), text);
    }
}
