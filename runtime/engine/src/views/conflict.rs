//! Conflicts in words: those that wait, from records; those decided, from the journal.

use lockstep_core::{
    journal::{Contribution, Entry, Resolution, What},
    record::{Hold, Life, Record},
    spec::FieldSpec,
};

use super::{Names, explanation::hold_reason};
use crate::operations::{ConflictView, SideValue};

/// What waits for a person on this record: held fields, a held delete, an ambiguous match.
pub fn held(names: &Names<'_>, record: &Record) -> Vec<ConflictView> {
    let mut views = Vec::new();
    views.extend(held_record(names, record));
    for field in names.spec.fields() {
        if let Some(hold) = record.field(field.id).and_then(|state| state.hold.as_deref()) {
            views.push(held_field(names, record, field, hold));
        }
    }
    views
}

fn held_record(names: &Names<'_>, record: &Record) -> Option<ConflictView> {
    let (reason, at_micros, entry, contenders) = match &record.life {
        Life::Live | Life::Deleted { .. } => return None,
        Life::HeldDelete { by, at, entry } => {
            let deleter = SideValue { side: names.side(*by), value: None };
            (format!("{} deleted what another side changed", names.side(*by)), at.0, *entry, vec![deleter])
        }
        Life::Ambiguous { candidates, entry } if candidates.is_empty() => {
            ("its row was edited when it was given up for another one".to_owned(), 0, *entry, vec![])
        }
        Life::Ambiguous { candidates, entry } => {
            let list: Vec<String> = candidates.iter().map(|id| id.0.to_string()).collect();
            (format!("matches records {}", list.join(", ")), 0, *entry, vec![])
        }
    };
    Some(ConflictView {
        sync: names.spec.name.to_string(),
        record: record.id.0,
        state: "held".to_owned(),
        reason,
        contenders,
        at_micros,
        entry,
        ..ConflictView::default()
    })
}

fn held_field(names: &Names<'_>, record: &Record, field: &FieldSpec, hold: &Hold) -> ConflictView {
    let (reason, _) = hold_reason(names, &hold.reason);
    ConflictView {
        sync: names.spec.name.to_string(),
        record: record.id.0,
        field: Some(field.name.to_string()),
        state: "held".to_owned(),
        reason: reason.to_owned(),
        base: hold.base.as_ref().map(|value| names.value(field.id, value)),
        contenders: hold
            .contenders
            .iter()
            .map(|one| SideValue { side: names.side(one.side), value: Some(names.value(field.id, &one.value)) })
            .collect(),
        result: None,
        rule: "hold".to_owned(),
        at_micros: hold.since.0,
        entry: hold.entry,
    }
}

/// The conflicts an entry decided or held; empty for entries of another kind.
pub fn decided(names: &Names<'_>, entry: &Entry) -> Vec<ConflictView> {
    let record = entry.record.map_or(0, |record| record.0);
    let view = |resolution: &Resolution| {
        let side_value = |one: &Contribution| SideValue {
            side: one.side.map_or_else(|| "runtime".to_owned(), |side| names.side(side)),
            value: Some(names.value(resolution.field, &one.value)),
        };
        ConflictView {
            sync: names.spec.name.to_string(),
            record,
            field: Some(names.field(resolution.field)),
            state: if resolution.result.is_some() { "decided" } else { "held" }.to_owned(),
            reason: "conflict".to_owned(),
            base: resolution.base.as_ref().map(|value| names.value(resolution.field, value)),
            contenders: vec![side_value(&resolution.incumbent), side_value(&resolution.incoming)],
            result: resolution.result.as_ref().map(|value| names.value(resolution.field, value)),
            rule: resolution.rule.clone(),
            at_micros: entry.at.0,
            entry: entry.seq,
        }
    };
    match &entry.what {
        What::Conflict { resolutions } => resolutions.iter().map(view).collect(),
        What::DeleteConflict { deleted_by, updated_by, kept, rule, displaced } => {
            let values: Vec<String> = displaced
                .iter()
                .map(|(field, value)| format!("{}={}", names.field(*field), names.value(*field, value)))
                .collect();
            let updater = updated_by.map_or_else(|| "runtime".to_owned(), |side| names.side(side));
            vec![ConflictView {
                sync: names.spec.name.to_string(),
                record,
                state: if kept.is_some() { "decided" } else { "held" }.to_owned(),
                reason: "update-delete".to_owned(),
                contenders: vec![
                    SideValue { side: names.side(*deleted_by), value: None },
                    SideValue { side: updater, value: Some(values.join(", ")) },
                ],
                result: kept.map(|kept| if kept { "kept" } else { "deleted" }.to_owned()),
                rule: rule.clone(),
                at_micros: entry.at.0,
                entry: entry.seq,
                ..ConflictView::default()
            }]
        }
        _ => vec![],
    }
}
