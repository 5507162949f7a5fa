//! Records are everywhere or nowhere, once, and deletes stay done.

use crate::{
    history::{Edit, History, KeptState, Unmet},
    index::Index,
    verdict::{Verdict, ViolationKind},
};

pub(crate) fn check<'h>(history: &'h History, index: &Index<'h>, verdict: &mut Verdict) {
    for record in &index.records {
        check_places(history, index, record, verdict);
    }
    for (position, edit) in history.edits.iter().enumerate() {
        if edit.is_delete() {
            let later = history.edits.get(position + 1..).unwrap_or_default();
            if !index.has_twins(history, &edit.record) && !is_unmet(history, edit) {
                check_delete(index, edit, later, &history.edits, verdict);
            }
        }
    }
}

fn check_places<'h>(history: &'h History, index: &Index<'h>, record: &'h str, verdict: &mut Verdict) {
    let empty = Default::default();
    let sides = index.rows.get(record).unwrap_or(&empty);
    for (side, rows) in sides {
        if rows.len() > 1 && !index.record_waits(record) {
            let text = format!("{side} holds it {} times", rows.len());
            verdict.blame(ViolationKind::Duplicate, record, None, text);
        }
    }
    let missing: Vec<_> = history.sides.iter().filter(|side| !sides.contains_key(side.as_str())).collect();
    if !missing.is_empty() && !sides.is_empty() && !index.record_waits(record) {
        let there: Vec<_> = sides.keys().collect();
        let text = format!("it is at {there:?} but not at {missing:?}");
        verdict.blame(ViolationKind::Missing, record, None, text);
    }
    let deleted = history.edits.iter().any(|edit| edit.record == record && edit.is_delete());
    let waits_or_told =
        index.record_waits(record) || index.record_kept(record).iter().any(|kept| kept.state == KeptState::Decided);
    if sides.is_empty() && !deleted && !waits_or_told {
        let text = "it is gone everywhere and nobody deleted it".to_owned();
        verdict.blame(ViolationKind::Missing, record, None, text);
    }
}

/// A row that was made and deleted at a side that tells no more than keys, and that no
/// answer ever showed, looks like one that was never made.
fn is_unmet(history: &History, edit: &Edit) -> bool {
    let unmet = Unmet { side: edit.side.clone(), record: edit.record.clone(), at_micros: edit.at_micros };
    history.blind.contains(&edit.side) && history.unmet.contains(&unmet)
}

/// A delete ends with the record gone, unless somebody made it again, or an
/// edit the deleter had not seen was preferred and the journal says so.
fn check_delete<'h>(index: &Index<'h>, delete: &'h Edit, later: &[Edit], all: &'h [Edit], verdict: &mut Verdict) {
    let record = delete.record.as_str();
    let gone = !index.rows.contains_key(record);
    let made_again = later.iter().any(|edit| edit.record == record && edit.is_insert());
    if gone || made_again || index.record_waits(record) {
        return;
    }
    let told = !index.record_kept(record).is_empty();
    let seen: Vec<_> = delete.seen().collect();
    let concurrent = all.iter().any(|edit| {
        edit.record == record
            && edit.side != delete.side
            && edit.values().any(|(field, value)| !knows(index, record, &seen, field, value.as_deref()))
    });
    match (told, concurrent) {
        (true, true) => {}
        (false, true) => {
            let text = format!(
                "{} deleted it at {}; it lives on and no journal entry says why",
                delete.side, delete.at_micros
            );
            verdict.blame(ViolationKind::LostDelete, record, None, text);
        }
        (true, false) => {
            let text = format!(
                "{} deleted it at {} having seen every edit; the journal says an edit it had not seen was preferred",
                delete.side, delete.at_micros
            );
            verdict.blame(ViolationKind::FalseConflict, record, None, text);
        }
        (false, false) => {
            let text =
                format!("{} deleted it at {} having seen every edit; it came back", delete.side, delete.at_micros);
            verdict.blame(ViolationKind::Resurrected, record, None, text);
        }
    }
}

/// Whether the deleter's row showed this value, or one whose writer had seen it.
fn knows<'h>(
    index: &Index<'h>,
    record: &'h str,
    seen: &[(&'h String, &'h Option<String>)],
    field: &'h str,
    value: Option<&str>,
) -> bool {
    seen.iter().any(|(name, shown)| {
        *name == field && (shown.as_deref() == value || index.had_seen(record, field, shown.as_deref(), value))
    })
}
