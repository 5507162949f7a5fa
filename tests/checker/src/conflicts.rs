//! A conflict is between edits that had not seen each other. Calling anything
//! else one makes people decide what is decided already.

use crate::{
    index::Index,
    verdict::{Verdict, ViolationKind},
};

pub(crate) fn check<'h>(index: &Index<'h>, verdict: &mut Verdict) {
    let mut all: Vec<_> = index.fields_kept.iter().collect();
    all.sort_by_key(|(spot, _)| **spot);
    for (&(record, field), conflicts) in all {
        for values in conflicts.iter().map(|kept| &kept.values) {
            let pairs = values
                .iter()
                .flat_map(|later| values.iter().map(move |earlier| (later, earlier)))
                .filter(|(later, earlier)| later != earlier);
            for (later, earlier) in pairs {
                if index.had_seen(record, field, later.as_deref(), earlier.as_deref()) {
                    let text = format!("{later:?} was set by somebody who had seen {earlier:?}");
                    verdict.blame(ViolationKind::FalseConflict, record, Some(field), text);
                }
            }
        }
    }
}
