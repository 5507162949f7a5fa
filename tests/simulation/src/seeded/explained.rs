//! What the runtime explains of every row that is there at the end, in the
//! checker's terms.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_checker::Explained;
use lockstep_engine::{
    Operations,
    operations::{EntryView, Explanation, FieldView, RecordName},
};

use super::{
    scenario::Scenario,
    table::{COLUMNS, ID, text_of},
    verdict::alike,
    world::World,
};

/// Kinds of journal entries that say what a field became.
const CHANGING: [&str; 5] = ["absorbed", "appeared", "conflict", "operator", "reverted"];

/// Asks about every row of every side; one answer a record and field.
pub async fn explained(operations: &Operations, world: &World) -> Vec<Explained> {
    let mut told = Vec::new();
    let mut known = BTreeSet::new();
    for (side, place) in world.places.iter().enumerate() {
        let (rows, identity) = {
            let table = place.table();
            let rows: Vec<_> = table.rows.values().cloned().collect();
            (rows, table.identity)
        };
        for row in rows {
            let key = row.get(ID).and_then(text_of).unwrap_or_default();
            let name = RecordName::Key { side: Scenario::name(side).to_owned(), key };
            // Whatever the runtime does not know, the checker misses.
            let Ok(explanation) = operations.explain("people", &name, None).await else { continue };
            if known.insert(explanation.record) {
                let record = row.get(identity).and_then(text_of).unwrap_or_default();
                told.extend(fields(&explanation, &record));
            }
        }
    }
    told
}

fn fields(explanation: &Explanation, record: &str) -> Vec<Explained> {
    let live: BTreeSet<&str> =
        explanation.links.iter().filter(|link| link.presence == "live").map(|link| link.side.as_str()).collect();
    let waits = explanation.life != "live" || explanation.links.iter().any(|link| link.quarantined);
    let mapped = explanation.fields.iter().filter(|field| field.field != "id" && COLUMNS.contains(&&*field.field));
    mapped
        .map(|field| Explained {
            record: record.to_owned(),
            field: field.field.clone(),
            value: value(&field.field, field.value.as_deref()),
            set_by: field.set_by.clone(),
            waits: waits || field.hold.is_some(),
            sides: sides(field, &live),
            last_journaled: last_journaled(&explanation.history, &field.field),
        })
        .collect()
}

fn sides(field: &FieldView, live: &BTreeSet<&str>) -> BTreeMap<String, Option<String>> {
    let shown = field.sides.iter().filter(|one| live.contains(one.side.as_str()));
    shown.map(|one| (one.side.clone(), value(&field.field, one.value.as_deref()))).collect()
}

fn last_journaled(history: &[EntryView], field: &str) -> Option<Option<String>> {
    let changing = history.iter().filter(|entry| CHANGING.contains(&entry.kind.as_str()));
    let became = changing.flat_map(|entry| entry.fields.iter().map(move |shown| (entry.seq, shown)));
    let became = became.filter(|(_, shown)| shown.field == field && shown.after.is_some());
    let (_, last) = became.max_by_key(|(seq, _)| *seq)?;
    Some(value(field, last.after.as_deref()))
}

/// As the checker has it: null is none, and telephone numbers as all can show them.
fn value(field: &str, text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| *text != "null")?;
    Some(alike(field, text))
}
