//! Conflicts: those that wait for a person, those decided, and deciding them.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::{
    cast,
    delta::Delta,
    plan::{Choice, Needs},
    record::{FieldId, RecordId},
    schema::ColumnType,
    spec::SyncSpec,
    value::Value,
};
use lockstep_state::{AttentionKind, EntryKind, JournalFilter, Order, SyncId};

use super::{
    BulkOutcome, ConflictView, Decision, Filter, Skipped,
    access::{field_id, side_id},
    journal::{journal_filter, views_of},
    pause::note,
};
use crate::{
    EngineError,
    engine::Shared,
    views::{self, Names},
};

/// Conflicts listed, and decided in one operation, where the filter says no other.
const LISTED_MAX: usize = 1_000;
const DECIDED_MAX: usize = 100_000;
/// Decided in one commit.
const AT_ONCE_MAX: usize = 500;
/// Outcomes shown.
pub(super) const EXAMPLES_MAX: usize = 50;

pub(super) async fn list(
    shared: &Shared,
    sync: Option<&str>,
    filter: &Filter,
    all: bool,
) -> Result<Vec<ConflictView>, EngineError> {
    let max = bound(filter, LISTED_MAX);
    let mut listed = Vec::new();
    for name in shared.asked(sync)? {
        if shared.store.sync_id(&name)?.is_none() {
            continue;
        }
        let (id, spec) = shared.known(&name).await?;
        let waiting = held(shared, id, &spec, filter, max)?;
        if all {
            let mut journaled = decided(shared, id, &spec, filter, max)?;
            // Only the journal knows what a held delete would displace.
            journaled.retain(|view| view.field.is_none() || !waiting.iter().any(|now| still_tells(now, view)));
            let told: BTreeSet<u64> =
                journaled.iter().filter(|view| view.field.is_none()).map(|view| view.entry).collect();
            listed.extend(waiting.into_iter().filter(|view| view.field.is_some() || !told.contains(&view.entry)));
            listed.extend(journaled);
        } else {
            listed.extend(waiting);
        }
    }
    listed.sort_by_key(|view| std::cmp::Reverse((view.at_micros, view.entry)));
    listed.truncate(max);
    Ok(listed)
}

/// What waits is in the journal too: it is told once, as it stands now, unless a
/// value of then has been replaced since. The side may not have seen what it
/// replaced: its row was deleted meanwhile and made again without the field.
fn still_tells(now: &ConflictView, then: &ConflictView) -> bool {
    (now.entry, &now.field) == (then.entry, &then.field)
        && then.contenders.iter().all(|one| now.contenders.contains(one))
}

fn held(
    shared: &Shared,
    sync: SyncId,
    spec: &SyncSpec,
    filter: &Filter,
    max: usize,
) -> Result<Vec<ConflictView>, EngineError> {
    let names = Names { spec };
    let mut views = Vec::new();
    let mut after = RecordId(0);
    while views.len() < max {
        let waiting = shared.store.attention(sync, None, after, AT_ONCE_MAX)?;
        let Some(last) = waiting.last() else { break };
        after = last.record;
        let mut ids: Vec<RecordId> =
            waiting.iter().filter(|one| one.kind != AttentionKind::AwaitingParent).map(|one| one.record).collect();
        ids.dedup();
        for record in shared.store.records(sync, &ids)? {
            let held = views::held(&names, &record);
            views.extend(held.into_iter().filter(|view| selects(filter, view)));
        }
    }
    Ok(views)
}

fn decided(
    shared: &Shared,
    sync: SyncId,
    spec: &SyncSpec,
    filter: &Filter,
    max: usize,
) -> Result<Vec<ConflictView>, EngineError> {
    let names = Names { spec };
    let wanted =
        JournalFilter { kinds: vec![EntryKind::Conflict, EntryKind::DeleteConflict], ..journal_filter(spec, filter)? };
    let mut views = Vec::new();
    let mut after = None;
    while views.len() < max {
        let page = shared.store.journal(sync, &wanted, Order::NewestFirst, after, AT_ONCE_MAX)?;
        for entry in &page.entries {
            let decided = views::decided(&names, entry);
            views.extend(decided.into_iter().filter(|view| selects(filter, view)));
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(views)
}

fn selects(filter: &Filter, view: &ConflictView) -> bool {
    let Filter {
        record,
        side,
        field,
        signature: _,
        class: _,
        entry_from,
        entry_to,
        since_micros,
        until_micros,
        rules: _,
        limit: _,
    } = filter;
    record.is_none_or(|record| record == view.record)
        && field.as_ref().is_none_or(|field| view.field.as_ref() == Some(field))
        && side.as_ref().is_none_or(|side| view.contenders.iter().any(|one| one.side == *side))
        && entry_from.is_none_or(|from| view.entry >= from)
        && entry_to.is_none_or(|to| view.entry <= to)
        && since_micros.is_none_or(|since| view.at_micros >= since)
        && until_micros.is_none_or(|until| view.at_micros < until)
}

/// How many at most: what the filter says, or `otherwise`.
pub(super) fn bound(filter: &Filter, otherwise: usize) -> usize {
    match usize::try_from(filter.limit) {
        Ok(0) | Err(_) => otherwise,
        Ok(limit) => limit,
    }
}

pub(super) async fn resolve(
    shared: &Shared,
    sync: &str,
    filter: &Filter,
    decision: &Decision,
    by: &str,
    preview: bool,
) -> Result<BulkOutcome, EngineError> {
    let (id, spec) = shared.known(sync).await?;
    let choices = Choices::new(shared, sync, &spec, decision).await?;
    let found = held(shared, id, &spec, filter, bound(filter, DECIDED_MAX))?;
    let mut outcome = BulkOutcome { preview, ..BulkOutcome::default() };
    if !preview {
        note(shared, by, "resolve", sync, None)?;
    }
    let mut wanted: Vec<(RecordId, Option<FieldId>, Choice)> = Vec::with_capacity(found.len());
    for view in found {
        let field = view.field.as_ref().map(|name| field_id(&spec, name)).transpose()?;
        match choices.of(view.field.as_deref()) {
            Ok(choice) => wanted.push((RecordId(view.record), field, choice)),
            Err(reason) => outcome.skipped.push(Skipped { record: Some(view.record), entry: None, reason }),
        }
    }
    for chunk in wanted.chunks(AT_ONCE_MAX) {
        let (chunk, by) = (chunk.to_vec(), by.to_owned());
        let part = shared
            .with_core(sync, move |core| {
                let ids: Vec<RecordId> = chunk.iter().map(|(record, _, _)| *record).collect();
                let (mut set, refs) = core.gather(&Needs::default(), &ids)?;
                let (skipped, delta, _) = core.plan(&mut set, &refs, |planner, set| {
                    let mut skipped = Vec::new();
                    for (record, field, choice) in &chunk {
                        let done = planner.decide(set, *record, *field, choice, &by, "");
                        if let Err(reason) = done {
                            skipped.push(Skipped { record: Some(record.0), entry: None, reason });
                        }
                    }
                    skipped
                });
                let part = BulkOutcome {
                    preview,
                    done: (chunk.len() - skipped.len()) as u64,
                    skipped,
                    examples: views_of(&core.spec, &delta),
                };
                Ok((part, if preview { Delta::default() } else { delta }))
            })
            .await?;
        add(&mut outcome, part);
    }
    Ok(outcome)
}

/// Adds a part of an operation to the whole.
pub(super) fn add(outcome: &mut BulkOutcome, part: BulkOutcome) {
    outcome.done += part.done;
    outcome.skipped.extend(part.skipped);
    let room = EXAMPLES_MAX.saturating_sub(outcome.examples.len());
    outcome.examples.extend(part.examples.into_iter().take(room));
}

/// What was decided, as each field takes it.
enum Choices<'a> {
    Same(Choice),
    /// A value as a person wrote it, and the fields' types.
    Written(&'a serde_json::Value, BTreeMap<String, ColumnType>),
}

impl<'a> Choices<'a> {
    async fn new(shared: &Shared, sync: &str, spec: &SyncSpec, decision: &'a Decision) -> Result<Self, EngineError> {
        Ok(match decision {
            Decision::Side(side) => Choices::Same(Choice::Side(side_id(spec, side)?)),
            Decision::Rule => Choices::Same(Choice::Rule),
            Decision::Value(value) => Choices::Written(value, shared.assembly(&shared.equipped(sync).await?).types()?),
        })
    }

    /// For a field, or (`None`) for a record as a whole.
    fn of(&self, field: Option<&str>) -> Result<Choice, String> {
        let (value, types) = match self {
            Choices::Same(choice) => return Ok(choice.clone()),
            Choices::Written(value, types) => (*value, types),
        };
        let Some(field) = field else {
            return another_record(value).map(Choice::Value);
        };
        match types.get(field) {
            Some(wanted) => cast::read(value, wanted).map(Choice::Value).map_err(|error| format!("{field}: {error}")),
            None if value.is_null() => Ok(Choice::Value(Value::Null)),
            None => Err(format!("{field} refers to another record: take a side's value")),
        }
    }
}

/// The record that an ambiguous one is, by number; null: one of its own.
fn another_record(value: &serde_json::Value) -> Result<Value, String> {
    let number = match value {
        serde_json::Value::Null => return Ok(Value::Null),
        serde_json::Value::Number(number) => number.as_u64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let record = number.ok_or("name the record it is by its number, or null for one of its own")?;
    Ok(Value::Ref(RecordId(record)))
}
