//! Everything known of one record, in words.

use lockstep_core::{
    plan::{self, Refs},
    record::{FieldState, Hold, HoldReason, Life, Link, Presence, Record},
    spec::FieldSpec,
    value::Value,
    write::Action,
};

use super::Names;
use crate::operations::{EntryView, Explanation, FieldView, HoldView, LinkView, SideValue};

/// The record, its links and fields, with a history rendered before.
pub fn explanation(names: &Names<'_>, refs: &Refs, record: &Record, history: Vec<EntryView>) -> Explanation {
    Explanation {
        sync: names.spec.name.to_string(),
        record: record.id.0,
        life: life(&record.life).to_owned(),
        links: record.links.iter().map(|link| link_view(names, refs, record, link)).collect(),
        fields: names.spec.fields().map(|field| field_view(names, record, field)).collect(),
        history,
    }
}

fn life(life: &Life) -> &'static str {
    match life {
        Life::Live => "live",
        Life::Deleted { .. } => "deleted",
        Life::HeldDelete { .. } => "held-delete",
        Life::Ambiguous { .. } => "ambiguous",
    }
}

fn link_view(names: &Names<'_>, refs: &Refs, record: &Record, link: &Link) -> LinkView {
    let presence = match link.presence {
        Presence::Live => "live",
        Presence::Deleted => "deleted",
        Presence::Barred => "barred",
        Presence::Uncertain => "uncertain",
    };
    // What may have been made of a dead record is looked for, and not made.
    let wanted = plan::wants(names.spec, refs, record, link.side);
    let wanted = wanted.filter(|_| link.presence != Presence::Uncertain || record.life == Life::Live);
    let pending = wanted.map(|action| match action {
        Action::Create => "create".to_owned(),
        Action::Update => "update".to_owned(),
        Action::Delete => "delete".to_owned(),
    });
    LinkView {
        side: names.side(link.side),
        key: link.key.as_ref().map(|key| names.key(key)),
        presence: presence.to_owned(),
        quarantined: link.quarantined,
        pending,
    }
}

fn field_view(names: &Names<'_>, record: &Record, spec: &FieldSpec) -> FieldView {
    let state: Option<&FieldState> = record.field(spec.id);
    let sides =
        record.links.iter().filter(|link| names.spec.side(link.side).is_some_and(|side| side.field(spec.id).is_some()));
    let shown = |value: &Value| names.value(spec.id, value);
    FieldView {
        field: spec.name.to_string(),
        value: state.map(|state| shown(&state.value)),
        set_by: state.and_then(|state| state.provenance.side).map(|side| names.side(side)),
        set_at_micros: state.map_or(0, |state| state.provenance.at.0),
        entry: state.map_or(0, |state| state.provenance.entry),
        hold: state.and_then(|state| state.hold.as_deref()).map(|hold| hold_view(names, spec, hold)),
        sides: sides
            .map(|link| SideValue {
                side: names.side(link.side),
                value: link.observed.get(usize::from(spec.id.0)).and_then(Option::as_ref).map(shown),
            })
            .collect(),
    }
}

fn hold_view(names: &Names<'_>, spec: &FieldSpec, hold: &Hold) -> HoldView {
    let (reason, detail) = hold_reason(names, &hold.reason);
    let shown = |value: &Value| names.value(spec.id, value);
    HoldView {
        reason: reason.to_owned(),
        detail,
        base: hold.base.as_ref().map(shown),
        contenders: hold
            .contenders
            .iter()
            .map(|one| SideValue { side: names.side(one.side), value: Some(shown(&one.value)) })
            .collect(),
        since_micros: hold.since.0,
        entry: hold.entry,
    }
}

/// Why a field is held: its code and its words.
pub(super) fn hold_reason(names: &Names<'_>, reason: &HoldReason) -> (&'static str, String) {
    match reason {
        HoldReason::Conflict => ("conflict", "concurrent edits wait for a decision".to_owned()),
        HoldReason::Uncastable { message } => ("uncastable", message.clone()),
        HoldReason::AwaitingParent { side, key } => {
            ("awaiting-parent", format!("waits for {} at {} to be linked", names.key(key), names.side(*side)))
        }
        HoldReason::PingPong => ("ping-pong", "two systems keep rewriting this field".to_owned()),
    }
}
