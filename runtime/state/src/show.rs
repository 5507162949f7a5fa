//! Records, journal entries and refused writes as JSON for people: names in
//! place of numbers, values as text, sensitive ones masked.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    delta::Quarantined,
    journal::{Entry, FieldChange, Resolution, What},
    key::Key,
    record::{FieldId, Life, Link, Presence, Record, RecordId, SideId},
    value::Value,
    write::Rejection,
};
use rusqlite::Connection;
use serde_json::{Value as Json, json};

use crate::{
    commit::EntryKind,
    error::StateError,
    id::{FIELDS_MAX, SyncId},
};

const MASK: &str = "(sensitive)";

#[derive(Default)]
struct Names {
    sides: BTreeMap<SideId, String>,
    fields: BTreeMap<FieldId, (String, bool)>,
}

/// The names in every sync.
#[derive(Clone)]
pub(crate) struct Catalog(Arc<BTreeMap<SyncId, Names>>);

impl Catalog {
    pub(crate) fn read(conn: &Connection) -> Result<Self, StateError> {
        let mut all: BTreeMap<SyncId, Names> = BTreeMap::new();
        let mut sides = conn.prepare("SELECT sync, id, name FROM main.side")?;
        let mut rows = sides.query([])?;
        while let Some(row) = rows.next()? {
            let names = all.entry(SyncId(row.get(0)?)).or_default();
            names.sides.insert(SideId(row.get(1)?), row.get(2)?);
        }
        let mut fields = conn.prepare("SELECT sync, id, name, sensitive FROM main.field")?;
        let mut rows = fields.query([])?;
        while let Some(row) = rows.next()? {
            let names = all.entry(SyncId(row.get(0)?)).or_default();
            names.fields.insert(FieldId(row.get(1)?), (row.get(2)?, row.get(3)?));
        }
        Ok(Catalog(Arc::new(all)))
    }

    fn names(&self, sync: SyncId) -> Shown<'_> {
        Shown(self.0.get(&sync))
    }

    /// An array with one object per field that has a value.
    pub(crate) fn fields(&self, sync: SyncId, record: &Record) -> Json {
        let names = self.names(sync);
        let fields = (0..FIELDS_MAX).map(FieldId).zip(&record.fields);
        fields
            .filter_map(|(field, state)| {
                let state = state.as_ref()?;
                Some(json!({
                    "field": names.field(field),
                    "value": names.value(field, &state.value),
                    "side": state.provenance.side.map(|side| names.side(side)),
                    "at": state.provenance.at.to_string(),
                    "entry": state.provenance.entry,
                    "held": state.hold.is_some(),
                }))
            })
            .collect()
    }

    /// An array with one object per link.
    pub(crate) fn links(&self, sync: SyncId, record: &Record) -> Json {
        let names = self.names(sync);
        record.links.iter().map(|link| names.link(link)).collect()
    }

    /// What a journal entry says, without the columns every entry has.
    pub(crate) fn entry(&self, sync: SyncId, entry: &Entry) -> Json {
        self.names(sync).what(&entry.what)
    }

    pub(crate) fn quarantined(&self, sync: SyncId, row: &Quarantined) -> Json {
        let names = self.names(sync);
        json!({
            "action": row.action,
            "code": row.rejection.code,
            "class": row.rejection.class,
            "message": names.message(&row.rejection),
            "columns": row.rejection.columns,
            "values": names.values(&row.values),
            "attempts": row.attempts,
        })
    }
}

/// How a record lives, in a word.
pub(crate) fn life(life: &Life) -> &'static str {
    match life {
        Life::Live => "live",
        Life::Deleted { .. } => "deleted",
        Life::HeldDelete { .. } => "held-delete",
        Life::Ambiguous { .. } => "ambiguous",
    }
}

/// As `lockstep sql` names a kind of entry.
pub(crate) fn kind_name(kind: EntryKind) -> String {
    match serde_json::to_value(kind) {
        Ok(Json::String(name)) => name,
        _ => String::new(),
    }
}

struct Shown<'a>(Option<&'a Names>);

impl Shown<'_> {
    fn side(&self, side: SideId) -> String {
        self.0.and_then(|names| names.sides.get(&side).cloned()).unwrap_or_else(|| format!("side {}", side.0))
    }

    fn field(&self, field: FieldId) -> String {
        self.0
            .and_then(|names| names.fields.get(&field))
            .map_or_else(|| format!("field {}", field.0), |(name, _)| name.clone())
    }

    fn value(&self, field: FieldId, value: &Value) -> Json {
        let sensitive = self.0.and_then(|names| names.fields.get(&field)).is_none_or(|(_, sensitive)| *sensitive);
        match value {
            Value::Null => Json::Null,
            _ if sensitive => json!(MASK),
            Value::Bool(value) => json!(value),
            Value::Int(value) => json!(value),
            Value::Decimal(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Timestamp(_)
            | Value::LocalTimestamp(_)
            | Value::Uuid(_)
            | Value::Json(_)
            | Value::List(_)
            | Value::Ref(_) => json!(value.show()),
        }
    }

    fn optional(&self, field: FieldId, value: Option<&Value>) -> Json {
        value.map_or(Json::Null, |value| self.value(field, value))
    }

    fn values(&self, values: &[(FieldId, Value)]) -> Json {
        values.iter().map(|(field, value)| (self.field(*field), self.value(*field, value))).collect()
    }

    /// A side's message may quote any value.
    fn message(&self, rejection: &Rejection) -> Json {
        let sensitive = self.0.is_none_or(|names| names.fields.values().any(|(_, sensitive)| *sensitive));
        if sensitive { json!(MASK) } else { json!(rejection.message) }
    }

    fn link(&self, link: &Link) -> Json {
        let observed = (0..FIELDS_MAX).map(FieldId).zip(&link.observed);
        let observed: serde_json::Map<String, Json> = observed
            .filter_map(|(field, value)| {
                let value = value.as_ref()?;
                Some((self.field(field), self.value(field, value)))
            })
            .collect();
        json!({
            "side": self.side(link.side),
            "key": link.key.as_ref().map(Key::to_string),
            "presence": match link.presence {
                Presence::Live => "live",
                Presence::Deleted => "deleted",
                Presence::Barred => "barred",
                Presence::Uncertain => "uncertain",
            },
            "generation": link.version.generation,
            "observed": observed,
            "written": self.values(&link.written),
            "quarantined": link.quarantined,
        })
    }

    fn changes(&self, changes: &[FieldChange]) -> Json {
        changes
            .iter()
            .map(|change| {
                json!({
                    "field": self.field(change.field),
                    "before": self.optional(change.field, change.before.as_ref()),
                    "after": self.value(change.field, &change.after),
                })
            })
            .collect()
    }

    fn resolution(&self, resolution: &Resolution) -> Json {
        let field = resolution.field;
        let part = |from: &lockstep_core::journal::Contribution| {
            json!({
                "side": from.side.map(|side| self.side(side)),
                "value": self.value(field, &from.value),
                "at": from.at.to_string(),
            })
        };
        json!({
            "field": self.field(field),
            "base": self.optional(field, resolution.base.as_ref()),
            "incumbent": part(&resolution.incumbent),
            "incoming": part(&resolution.incoming),
            "result": self.optional(field, resolution.result.as_ref()),
            "held": resolution.result.is_none(),
            "rule": resolution.rule,
        })
    }

    fn what(&self, what: &What) -> Json {
        let ids = |ids: &[RecordId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
        match what {
            What::Absorbed { edited_at, changes } => json!({
                "edited_at": edited_at.to_string(), "changes": self.changes(changes) }),
            What::Conflict { resolutions } => json!({
                "resolutions": resolutions.iter().map(|r| self.resolution(r)).collect::<Json>() }),
            What::Appeared { key, changes } => json!({
                "key": key.to_string(), "changes": self.changes(changes) }),
            What::Linked { key } => json!({ "key": key.to_string() }),
            What::Copied { linked, added } => json!({ "linked": linked, "added": added }),
            What::Written { action, key, changes } => json!({
                "action": action,
                "key": key.as_ref().map(Key::to_string),
                "changes": changes.iter().map(|wrote| json!({
                    "field": self.field(wrote.field),
                    "before": self.optional(wrote.field, wrote.before.as_ref()),
                    "after": self.value(wrote.field, &wrote.after),
                })).collect::<Json>() }),
            What::Overwrote { by, changes } => json!({
                "by": by, "changes": self.changes(changes) }),
            What::Refused { action, rejection } => json!({
                "action": action,
                "code": rejection.code,
                "class": rejection.class,
                "message": self.message(rejection),
                "columns": rejection.columns }),
            What::Deleted { edited_at, last } => json!({
                "edited_at": edited_at.to_string(), "last": self.values(last) }),
            What::DeleteConflict { deleted_by, updated_by, kept, rule, displaced } => json!({
                "deleted_by": self.side(*deleted_by),
                "updated_by": updated_by.map(|side| self.side(side)),
                "kept": kept,
                "rule": rule,
                "displaced": self.values(displaced) }),
            What::Ambiguous { key, candidates } => json!({
                "key": key.to_string(), "candidates": ids(candidates) }),
            What::Clash { key, other } => json!({ "key": key.to_string(), "other": other.0 }),
            What::Uncastable { field, value, message } => json!({
                "field": self.field(*field),
                "value": self.value(*field, value),
                "message": message }),
            What::Held { field, reason } => json!({
                "field": field.map(|field| self.field(field)), "reason": reason }),
            What::Released { field, by } => json!({
                "field": field.map(|field| self.field(field)), "by": by }),
            What::Rekeyed { from, to } => json!({
                "from": from.to_string(), "to": to.to_string() }),
            What::Operator { by, action, note, changes } => json!({
                "by": by, "action": action, "note": note, "changes": self.changes(changes) }),
            What::Reverted { entry, by, changes } => json!({
                "entry": entry, "by": by, "changes": self.changes(changes) }),
        }
    }
}
