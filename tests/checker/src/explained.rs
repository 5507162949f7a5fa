//! What the runtime says of a value is true: what it is, what each side holds,
//! whose edit it was, and that its journal tells the same.

use std::collections::BTreeMap;

use crate::{
    history::{Explained, History, KeptState},
    index::Index,
    verdict::{Verdict, ViolationKind},
};

pub(crate) fn check<'h>(history: &'h History, index: &Index<'h>, verdict: &mut Verdict) {
    let Some(explained) = &history.explained else {
        return;
    };
    let mut by_spot: BTreeMap<(&str, &str), Vec<&Explained>> = BTreeMap::new();
    for one in explained {
        by_spot.entry((&one.record, &one.field)).or_default().push(one);
    }
    for record in index.rows.keys().copied().filter(|record| !index.record_waits(record)) {
        for field in &history.fields {
            let told = by_spot.get(&(record, field.as_str())).map_or(&[][..], Vec::as_slice);
            let mut blame = |text: String| verdict.blame(ViolationKind::Misexplained, record, Some(field), text);
            match told {
                [] => blame("a row is there and nothing explains it".to_owned()),
                // Held apart, or twins: each of them may be true of its own rows.
                [one] => check_field(history, index, one, record, field, &mut blame),
                _ => {}
            }
        }
    }
}

fn check_field<'h>(
    history: &'h History,
    index: &Index<'h>,
    one: &'h Explained,
    record: &'h str,
    field: &'h str,
    blame: &mut impl FnMut(String),
) {
    let finals = index.finals(record, field);
    for (side, value) in &finals {
        match one.sides.get(*side) {
            Some(believed) if believed.as_deref() != *value => {
                blame(format!("{side} is said to hold {believed:?} and holds {value:?}"));
            }
            Some(_) => {}
            None => blame(format!("{side} holds {value:?} and is said to have no such row")),
        }
    }
    let waits = one.waits || index.kept(record, field).iter().any(|kept| kept.state != KeptState::Decided);
    if waits {
        return;
    }
    if let Some((side, value)) = finals.iter().find(|(_, value)| *value != one.value.as_deref()) {
        blame(format!("it is said to be {:?}, and {side} holds {value:?}", one.value));
    }
    if let Some(side) = &one.set_by
        && !is_edit_of(history, record, field, one.value.as_deref(), side)
    {
        blame(format!("{side} is said to have set {:?}, which nobody did there", one.value));
    }
    if let Some(journaled) = &one.last_journaled
        && *journaled != one.value
    {
        blame(format!("it is {:?}, and the journal ends with {journaled:?}", one.value));
    }
}

fn is_edit_of(history: &History, record: &str, field: &str, value: Option<&str>, side: &str) -> bool {
    history.edits.iter().any(|edit| {
        edit.side == side
            && edit.record == record
            && edit.values().any(|(name, set)| name == field && set.as_deref() == value)
    })
}
