//! Once quiet, all sides agree on every field that does not wait for someone.

use crate::{
    history::{History, KeptState},
    index::Index,
    verdict::{Verdict, ViolationKind},
};

pub(crate) fn check<'h>(history: &'h History, index: &Index<'h>, verdict: &mut Verdict) {
    for record in index.rows.keys() {
        for field in &history.fields {
            let finals = index.finals(record, field);
            let agreed = finals.iter().all(|(_, value)| Some(value) == finals.first().map(|(_, v)| v));
            if agreed || index.record_waits(record) {
                continue;
            }
            let explained = finals.iter().all(|(_, value)| stands_in_wait(index, record, field, *value));
            if !explained {
                let text = format!("the sides end with {finals:?} and nothing says it waits");
                verdict.blame(ViolationKind::Diverged, record, Some(field), text);
            }
        }
    }
}

/// The value is one of those a held conflict or a refused write names, or none
/// at all where the row had to be made while the field waited.
fn stands_in_wait<'h>(index: &Index<'h>, record: &'h str, field: &'h str, value: Option<&str>) -> bool {
    // A third side may still stand where all stood before two others disagreed, or hold
    // what a decision displaced: that is not written there either while the field waits.
    let before = value.is_none()
        || index.superseded.contains(&(record, field, value))
        || index.keeps_value(record, field, value);
    index
        .kept(record, field)
        .iter()
        .any(|kept| kept.state != KeptState::Decided && (before || kept.values.iter().any(|v| v.as_deref() == value)))
}
