//! Everything known of one record: who set each value, when, from where, and
//! what it displaced.

use lockstep_core::{
    delta::Delta,
    key::Key,
    plan::Needs,
    record::{RecordId, SideId},
    value::Value,
};

use super::{
    Explanation, RecordName,
    access::{field_id, side_id},
};
use crate::{
    EngineError,
    engine::Shared,
    sync::Core,
    views::{self, Names},
};

/// Entries shown of one record.
const HISTORY_MAX: usize = 1_000;

pub(super) async fn explain(
    shared: &Shared,
    sync: &str,
    record: &RecordName,
    field: Option<&str>,
) -> Result<Explanation, EngineError> {
    let (record, field) = (record.clone(), field.map(str::to_owned));
    let name = sync.to_owned();
    shared
        .with_core(sync, move |core| {
            let id = find(core, &name, &record)?;
            let mut explanation = look(core, &name, id)?;
            if let Some(field) = field {
                let field_id = field_id(&core.spec, &field)?;
                let name = Names { spec: &core.spec }.field(field_id);
                explanation.fields.retain(|shown| shown.field == name);
                explanation
                    .history
                    .retain(|entry| entry.fields.is_empty() || entry.fields.iter().any(|shown| shown.field == name));
            }
            Ok((explanation, Delta::default()))
        })
        .await
}

fn look(core: &mut Core, sync: &str, id: RecordId) -> Result<Explanation, EngineError> {
    let (set, refs) = core.gather(&Needs::default(), &[id])?;
    let Some(record) = set.get(id) else {
        return Err(unknown(sync, &id.0.to_string()));
    };
    let names = Names { spec: &core.spec };
    let mut entries = core.store.entries_of(core.sync(), id, HISTORY_MAX)?;
    entries.reverse();
    let history = entries.iter().map(|entry| views::entry(&names, entry)).collect();
    Ok(views::explanation(&names, &refs, record, history))
}

fn find(core: &mut Core, sync: &str, name: &RecordName) -> Result<RecordId, EngineError> {
    match name {
        RecordName::Id(id) => Ok(RecordId(*id)),
        RecordName::Key { side, key } => {
            let side = side_id(&core.spec, side)?;
            for key in readings(key) {
                if let Some(id) = by_key(core, side, &key)? {
                    return Ok(id);
                }
            }
            Err(unknown(sync, key))
        }
    }
}

fn by_key(core: &mut Core, side: SideId, key: &Key) -> Result<Option<RecordId>, EngineError> {
    let needs = Needs { keys: vec![(side, key.clone())], ..Needs::default() };
    let (set, _) = core.gather(&needs, &[])?;
    Ok(set.by_key(side, key))
}

/// A key as typed could be of several kinds: each reading is tried.
fn readings(text: &str) -> Vec<Key> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let mut keys = Vec::new();
    let read: [fn(&str) -> Option<Value>; 4] = [
        |part| part.parse().ok().map(Value::Int),
        |part| uuid(part).map(Value::Uuid),
        |part| Some(Value::text(part)),
        |part| {
            part.parse::<f64>().ok()?;
            Some(Value::Decimal(part.into()))
        },
    ];
    for read in read {
        let values: Option<Vec<Value>> = parts.iter().map(|part| read(part)).collect();
        keys.extend(values.map(Key::new));
    }
    // Keys of several columns may mix kinds.
    if parts.len() > 1 {
        let mixed = parts.iter().map(|part| {
            let number = part.parse().ok().map(Value::Int);
            let id = uuid(part).map(Value::Uuid);
            number.or(id).unwrap_or_else(|| Value::text(part))
        });
        keys.push(Key::new(mixed.collect()));
    }
    keys
}

fn uuid(text: &str) -> Option<u128> {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok()).flatten()
}

fn unknown(sync: &str, record: &str) -> EngineError {
    EngineError::UnknownRecord { sync: sync.to_owned(), record: record.to_owned() }
}
