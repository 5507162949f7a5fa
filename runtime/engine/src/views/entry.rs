//! One journal entry in words.

use lockstep_core::{
    journal::{Contribution, Entry, FieldChange, Resolution, What, Wrote},
    record::{FieldId, SideId},
    value::Value,
    write::Action,
};

use super::Names;
use crate::operations::{EntryView, FieldPreview};

/// The entry as people read it: its kind, one sentence, and the fields it touched.
pub fn entry(names: &Names<'_>, entry: &Entry) -> EntryView {
    let side = entry.side.map(|side| names.side(side));
    let (kind, text, fields) = describe(names, entry.side, &entry.what);
    EntryView {
        sync: names.spec.name.to_string(),
        seq: entry.seq,
        at_micros: entry.at.0,
        record: entry.record.map(|record| record.0),
        side,
        kind: kind.to_owned(),
        text,
        fields,
    }
}

type Description = (&'static str, String, Vec<FieldPreview>);

fn describe(names: &Names<'_>, side: Option<SideId>, what: &What) -> Description {
    let at = side.map_or_else(|| "the runtime".to_owned(), |side| names.side(side));
    match what {
        What::Absorbed { changes, .. } => {
            ("absorbed", format!("{at} set {}", listed(names, changes)), previews(names, changes))
        }
        What::Conflict { resolutions } => conflict(names, resolutions),
        What::Appeared { key, changes } => {
            ("appeared", format!("new at {at} as {}", names.key(key)), previews(names, changes))
        }
        What::Linked { key } => ("linked", format!("linked to {} at {at} by match", names.key(key)), vec![]),
        What::Copied { linked, added } => {
            ("copied", format!("first copy from {at}: {added} records added, {linked} linked"), vec![])
        }
        What::Written { action, key, changes } => {
            let key = key.as_ref().map(|key| format!(" {}", names.key(key))).unwrap_or_default();
            ("written", format!("{} at {at}{key}", done(*action)), wrote(names, changes))
        }
        What::Overwrote { by, changes } => (
            "overwrote",
            format!("a write to {at} displaced values that {by} had set; they were merged back"),
            previews(names, changes),
        ),
        What::Refused { action, rejection } => (
            "refused",
            format!("{at} refused to {} it: {} ({})", wish(*action), rejection.message, rejection.code),
            vec![],
        ),
        What::Deleted { last, .. } => ("deleted", format!("deleted at {at}"), lost(names, last)),
        What::DeleteConflict { .. } => delete_conflict(names, what),
        What::Ambiguous { key, candidates } if candidates.is_empty() => (
            "ambiguous",
            format!("{} at {at} was edited when it was given up for another row: held", names.key(key)),
            vec![],
        ),
        What::Ambiguous { key, candidates } => (
            "ambiguous",
            format!("{} at {at} matches {} records: held, nothing guessed", names.key(key), candidates.len()),
            vec![],
        ),
        What::Clash { key, other } => {
            ("clash", format!("{} at {at} already belongs to record {}", names.key(key), other.0), vec![])
        }
        What::Uncastable { field, value, message } => (
            "uncastable",
            format!("{} from {at} does not cast: {message}", names.field(*field)),
            vec![FieldPreview { field: names.field(*field), before: None, after: Some(names.value(*field, value)) }],
        ),
        What::Held { .. } | What::Released { .. } | What::Rekeyed { .. } => hold_or_key(names, &at, what),
        What::Operator { by, action, note, changes } => {
            let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
            ("operator", format!("{by}: {action}{note}"), previews(names, changes))
        }
        What::Reverted { entry, by, changes } => {
            ("reverted", format!("{by} reverted entry {entry}"), previews(names, changes))
        }
    }
}

fn hold_or_key(names: &Names<'_>, at: &str, what: &What) -> Description {
    let subject = |field: &Option<FieldId>| field.map_or_else(|| "the record".to_owned(), |field| names.field(field));
    match what {
        What::Held { field, reason } => ("held", format!("{} is held: {reason}", subject(field)), vec![]),
        What::Released { field, by } => {
            ("released", format!("{} is no longer held, decided by {by}", subject(field)), vec![])
        }
        What::Rekeyed { from, to } => {
            ("rekeyed", format!("key at {at} changed from {} to {}", names.key(from), names.key(to)), vec![])
        }
        _ => ("other", String::new(), vec![]),
    }
}

fn conflict(names: &Names<'_>, resolutions: &[Resolution]) -> Description {
    let sentences: Vec<String> = resolutions
        .iter()
        .map(|resolution| {
            let field = resolution.field;
            let who = |one: &Contribution| {
                let side = one.side.map_or_else(|| "the runtime".to_owned(), |side| names.side(side));
                format!("{side} {:?}", names.value(field, &one.value))
            };
            let outcome = match &resolution.result {
                Some(value) => format!("{} decided for {:?}", resolution.rule, names.value(field, value)),
                None => format!("{}: both sides keep theirs until a person decides", resolution.rule),
            };
            format!(
                "{}: {} against {}, {outcome}",
                names.field(field),
                who(&resolution.incumbent),
                who(&resolution.incoming)
            )
        })
        .collect();
    let fields = resolutions
        .iter()
        .map(|resolution| FieldPreview {
            field: names.field(resolution.field),
            before: Some(names.value(resolution.field, &resolution.incumbent.value)),
            after: resolution.result.as_ref().map(|value| names.value(resolution.field, value)),
        })
        .collect();
    ("conflict", sentences.join("; "), fields)
}

fn delete_conflict(names: &Names<'_>, what: &What) -> Description {
    let What::DeleteConflict { deleted_by, updated_by, kept, rule, displaced } = what else {
        return ("delete-conflict", String::new(), vec![]);
    };
    let updater = updated_by.map_or_else(|| "another side".to_owned(), |side| names.side(side));
    let outcome = match kept {
        Some(true) => "the record lives on",
        Some(false) => "the record is deleted, its last values are kept here",
        None => "held until a person decides",
    };
    let text = format!("{} deleted what {updater} changed; {rule}: {outcome}", names.side(*deleted_by));
    ("delete-conflict", text, lost(names, displaced))
}

fn listed(names: &Names<'_>, changes: &[FieldChange]) -> String {
    changes.iter().map(|change| names.field(change.field)).collect::<Vec<_>>().join(", ")
}

fn previews(names: &Names<'_>, changes: &[FieldChange]) -> Vec<FieldPreview> {
    let preview = |change: &FieldChange| FieldPreview {
        field: names.field(change.field),
        before: change.before.as_ref().map(|value| names.value(change.field, value)),
        after: Some(names.value(change.field, &change.after)),
    };
    changes.iter().map(preview).collect()
}

fn wrote(names: &Names<'_>, changes: &[Wrote]) -> Vec<FieldPreview> {
    let preview = |change: &Wrote| FieldPreview {
        field: names.field(change.field),
        before: change.before.as_ref().map(|value| names.value(change.field, value)),
        after: Some(names.value(change.field, &change.after)),
    };
    changes.iter().map(preview).collect()
}

fn lost(names: &Names<'_>, values: &[(FieldId, Value)]) -> Vec<FieldPreview> {
    let preview = |(field, value): &(FieldId, Value)| FieldPreview {
        field: names.field(*field),
        before: Some(names.value(*field, value)),
        after: None,
    };
    values.iter().map(preview).collect()
}

fn done(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Delete => "deleted",
    }
}

fn wish(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
    }
}
