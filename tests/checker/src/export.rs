//! Reads what the runtime prints: `lockstep conflicts --all --json`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::history::{Kept, KeptState};

/// Turns the listing into what the checker judges. `names`: by the runtime's
/// record number, the record in the history's terms, where known.
pub fn kept_from_conflicts(listing: &Value, names: &BTreeMap<u64, String>) -> Result<Vec<Kept>> {
    let rows = listing
        .as_array()
        .or_else(|| listing.get("conflicts").and_then(Value::as_array))
        .context("the conflict listing is neither a list nor holds one under `conflicts`")?;
    let mut kept = Vec::new();
    for row in rows {
        let one = read_conflict(row, names).with_context(|| format!("in conflict {row}"))?;
        kept.extend(displaced_fields(&one));
        kept.push(one);
    }
    Ok(kept)
}

/// A delete conflict lists what it displaced as `field=value, …`: one export a
/// field. Values must hold neither `, ` nor `=`.
fn displaced_fields(whole: &Kept) -> Vec<Kept> {
    if whole.field.is_some() {
        return Vec::new();
    }
    let lists = whole.values.iter().flatten();
    lists
        .flat_map(|list| list.split(", "))
        .filter_map(|pair| pair.split_once('='))
        .map(|(field, value)| Kept {
            record: whole.record.clone(),
            field: Some(field.to_owned()),
            state: whole.state,
            values: vec![Some(value.to_owned())],
            result: None,
        })
        .collect()
}

fn read_conflict(row: &Value, names: &BTreeMap<u64, String>) -> Result<Kept> {
    let record = row.get("record").and_then(Value::as_u64).context("no record number")?;
    let state = match row.get("state").and_then(Value::as_str) {
        Some("held") => KeptState::Held,
        Some("decided") => KeptState::Decided,
        other => bail!("state {other:?} is unknown"),
    };
    let contenders = row.get("contenders").and_then(Value::as_array).context("no contenders")?;
    let values = contenders.iter().map(|contender| text_of(contender.get("value"))).collect::<Result<_>>()?;
    Ok(Kept {
        record: names.get(&record).cloned(),
        field: text_of(row.get("field"))?,
        state,
        values,
        result: text_of(row.get("result"))?,
    })
}

fn text_of(value: Option<&Value>) -> Result<Option<String>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => bail!("expected text, found {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_listing_is_read_with_both_values_and_the_records_name() {
        let listing = json!([{
            "sync": "contacts", "record": 7, "field": "phone", "state": "decided", "reason": "",
            "base": "p0", "contenders": [{"side": "a", "value": "p1"}, {"side": "b", "value": "p2"}],
            "result": "p1", "rule": "prefer a", "at_micros": 5, "entry": 3
        }]);
        let names = BTreeMap::from([(7, "r7".to_owned())]);
        let kept = kept_from_conflicts(&listing, &names).unwrap();
        assert_eq!(
            kept,
            [Kept {
                record: Some("r7".into()),
                field: Some("phone".into()),
                state: KeptState::Decided,
                values: vec![Some("p1".into()), Some("p2".into())],
                result: Some("p1".into()),
            }]
        );
    }

    #[test]
    fn what_a_delete_conflict_displaced_is_read_field_by_field() {
        let listing = json!([{
            "record": 7, "field": null, "state": "decided",
            "contenders": [{"side": "b", "value": null}, {"side": "a", "value": "name=n1, phone=p1"}],
            "result": "deleted"
        }]);
        let names = BTreeMap::from([(7, "r7".to_owned())]);
        let kept = kept_from_conflicts(&listing, &names).unwrap();
        let fields: Vec<_> = kept.iter().map(|one| (one.field.as_deref(), one.values.last().cloned())).collect();
        assert_eq!(fields[0], (Some("name"), Some(Some("n1".to_owned()))));
        assert_eq!(fields[1], (Some("phone"), Some(Some("p1".to_owned()))));
        assert_eq!(fields[2].0, None);
        assert!(kept.iter().all(|one| one.record.as_deref() == Some("r7")));
    }

    #[test]
    fn a_listing_of_another_shape_is_refused() {
        assert!(kept_from_conflicts(&json!({"other": []}), &BTreeMap::new()).is_err());
        assert!(kept_from_conflicts(&json!([{"record": 1, "state": "lost"}]), &BTreeMap::new()).is_err());
    }
}
