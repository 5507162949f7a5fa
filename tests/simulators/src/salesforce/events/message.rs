//! The body of a change event: which fields, in which shape.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{Change, ChangeKind, Header};
use crate::salesforce::{
    moment,
    schema::{Field, Kind, Object},
    state::State,
};

/// Derived or internal: in no change event (vendor: change event fields).
const NEVER_TOLD: &[&str] = &[
    "Id",
    "IsDeleted",
    "SystemModstamp",
    "MasterRecordId",
    "LastActivityDate",
    "LastViewedDate",
    "LastReferencedDate",
    "PhotoUrl",
];

pub struct Told {
    pub changed: Vec<String>,
    pub body: Map<String, Value>,
}

/// The changes of one row within a transaction, as one.
pub fn coalesced(changes: &[Change]) -> Vec<Change> {
    let mut whole: Vec<Change> = Vec::with_capacity(changes.len());
    let mut places: std::collections::HashMap<(&str, &str), usize> = std::collections::HashMap::new();
    for change in changes {
        let key = (change.object.as_str(), change.row.id.as_str());
        let earlier = places.get(&key).and_then(|place| whole.get_mut(*place));
        match earlier {
            Some(earlier) if change.kind == ChangeKind::Update && earlier.kind != ChangeKind::Delete => {
                earlier.changed.extend(change.changed.iter().cloned());
                earlier.row = change.row.clone();
            }
            _ => {
                places.insert(key, whole.len());
                whole.push(change.clone());
            }
        }
    }
    whole
}

/// Neighbours that say the same are told together, with many record ids.
pub fn grouped(state: &State, changes: &[Change]) -> Vec<(Told, Vec<Change>)> {
    let mut groups: Vec<(Told, Vec<Change>)> = Vec::new();
    for change in changes {
        let Some(object) = state.schema.object(&change.object) else { continue };
        let told = told(state, object, change);
        let same = groups.last_mut().filter(|(last, group)| {
            group.first().is_some_and(|first| first.object == change.object && first.kind == change.kind)
                && last.body == told.body
                && last.changed == told.changed
        });
        match same {
            Some((_, group)) => group.push(change.clone()),
            None => groups.push((told, vec![change.clone()])),
        }
    }
    groups
}

fn told(state: &State, object: &Object, change: &Change) -> Told {
    let mut told = Told { changed: Vec::new(), body: Map::new() };
    if change.kind == ChangeKind::Delete {
        return told;
    }
    let updating = change.kind == ChangeKind::Update;
    for field in &object.fields {
        if !is_told(object, field) {
            continue;
        }
        if updating && field.name != "LastModifiedDate" && !change.changed.contains(&field.name) {
            continue;
        }
        let place = place(object, field);
        if updating {
            told.changed.push(place.join("."));
        }
        let value = shown(field, state.read(object, &change.row, field));
        if value.is_null() && !(updating && state.settings.nulls_in_events) {
            continue;
        }
        match &place[..] {
            [whole, part] => {
                let nested = told.body.entry(whole.clone()).or_insert_with(|| json!({}));
                nested[part.as_str()] = value;
            }
            _ => {
                told.body.insert(field.name.clone(), value);
            }
        }
    }
    told.changed.sort_unstable();
    told
}

fn is_told(object: &Object, field: &Field) -> bool {
    let compound = field.kind == Kind::Address
        || (field.compound.is_none() && object.parts(&field.name).any(|part| part.name != field.name));
    !(NEVER_TOLD.contains(&field.name.as_str()) || field.formula.is_some() || field.hidden || compound)
}

/// `["Phone"]`, or `["MailingAddress", "Street"]` for a part of a compound field.
fn place(object: &Object, field: &Field) -> Vec<String> {
    let Some(whole) = field.compound.as_ref().filter(|whole| **whole != field.name) else {
        return vec![field.name.clone()];
    };
    let is_address = object.field(whole).is_some_and(|whole| whole.kind == Kind::Address);
    let prefix = whole.strip_suffix("Address").filter(|_| is_address).unwrap_or_default();
    vec![whole.clone(), field.name.strip_prefix(prefix).unwrap_or(&field.name).to_owned()]
}

/// Events write times with a `Z`.
fn shown(field: &Field, value: Value) -> Value {
    match (field.kind, value.as_str()) {
        (Kind::Datetime, Some(text)) => moment::parse(text).map_or(value, |at| moment::zulu(at).into()),
        _ => value,
    }
}

/// Whether the vendor would send a gap instead of this (vendor: gap events).
pub fn is_too_big(body: &Map<String, Value>) -> bool {
    const EVENT_BYTES_MAX: usize = 1024 * 1024;
    let lengths = body.values().map(|value| value.as_str().map_or(0, str::len));
    // Only text can be that long.
    lengths.sum::<usize>() > EVENT_BYTES_MAX
}

/// The header as CometD clients get it.
pub fn header(header: &Header<'_>) -> Value {
    json!({
        "commitNumber": header.commit,
        "commitUser": header.user,
        "sequenceNumber": header.sequence,
        "entityName": header.entity,
        "changeType": header.kind,
        "changedFields": header.changed,
        "changeOrigin": header.origin,
        "transactionKey": header.transaction,
        "commitTimestamp": header.at.as_millisecond(),
        "recordIds": header.record_ids,
    })
}

/// Changes when the object's fields do.
pub fn schema_id(object: &Object) -> String {
    let mut bytes = Vec::new();
    for half in 0..2u8 {
        let mut hasher = DefaultHasher::new();
        half.hash(&mut hasher);
        object.name.hash(&mut hasher);
        object.fields.iter().for_each(|field| field.name.hash(&mut hasher));
        bytes.extend(hasher.finish().to_be_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}
