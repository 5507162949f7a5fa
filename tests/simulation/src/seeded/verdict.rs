//! From a finished run to the checker's judgement.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_checker::{
    Explained, History, Kept, KeptState, SetAside, Shown, Unmet, Verdict, ViolationKind, check, kept_from_conflicts,
};
use lockstep_engine::{
    Operations,
    operations::{Filter, RecordName},
};

use super::{scenario::Scenario, table::COLUMNS, world::World};

/// Listings are asked for as a whole.
pub const LISTED_MAX: u64 = 100_000;
/// Kinds of journal entries that keep a value beside conflicts.
const KEEPING: [&str; 4] = ["reverted", "operator", "overwrote", "deleted"];

/// What the runtime says it displaced, holds or could not write.
pub async fn kept(operations: &Operations, identity: &str) -> Result<Vec<Kept>, String> {
    let told = |error: lockstep_engine::EngineError| error.to_string();
    let all = Filter { limit: LISTED_MAX, ..Filter::default() };
    let conflicts = operations.conflicts(None, &all, true).await.map_err(told)?;
    let failures = operations.failures(None, &all).await.map_err(told)?;
    let refused: Vec<u64> = failures.iter().flat_map(|group| group.records.iter().copied()).collect();
    let whole = conflicts.iter().filter(|one| one.field.is_none()).map(|one| one.record);
    let mut names = BTreeMap::new();
    for record in whole.chain(refused.iter().copied()) {
        let explained = operations.explain("people", &RecordName::Id(record), None).await.map_err(told)?;
        let field = explained.fields.iter().find(|field| field.field == identity);
        if let Some(name) = field.and_then(|field| field.value.clone()) {
            names.insert(record, name);
        }
    }
    let listing = serde_json::to_value(&conflicts).map_err(|error| error.to_string())?;
    let mut kept = kept_from_conflicts(&listing, &names).map_err(|error| format!("{error:#}"))?;
    kept.extend(refused.iter().map(|record| Kept {
        record: names.get(record).cloned(),
        field: None,
        state: KeptState::Quarantined,
        values: Vec::new(),
        result: None,
    }));
    let entries = operations.journal("people", &all).await.map_err(told)?;
    for entry in entries.iter().filter(|entry| KEEPING.contains(&entry.kind.as_str())) {
        kept.extend(entry.fields.iter().map(|field| Kept {
            record: None,
            field: Some(field.field.clone()),
            state: KeptState::Decided,
            values: vec![field.before.clone(), field.after.clone()],
            result: field.after.clone(),
        }));
    }
    for kept in &mut kept {
        let field = kept.field.clone().unwrap_or_default();
        let texts = kept.values.iter_mut().chain(std::iter::once(&mut kept.result)).flatten();
        texts.for_each(|text| *text = alike(&field, text));
    }
    Ok(kept)
}

/// Kinds of journal entries that tell of edits.
const TELLING: [&str; 2] = ["absorbed", "appeared"];

/// The edits that the journal of a state tells.
pub async fn absorbed(operations: &Operations) -> Result<BTreeSet<SetAside>, String> {
    let all = Filter { limit: LISTED_MAX, ..Filter::default() };
    let entries = operations.journal("people", &all).await.map_err(|error| error.to_string())?;
    let telling = entries.iter().filter(|entry| TELLING.contains(&entry.kind.as_str()));
    let edits = telling.flat_map(|entry| &entry.fields).filter_map(|field| {
        let value = alike(&field.field, field.after.as_deref()?);
        Some(SetAside { field: field.field.clone(), value })
    });
    Ok(edits.collect())
}

/// A value as all systems can show it: telephone numbers may have lost their blanks.
pub fn alike(field: &str, text: &str) -> String {
    if field == "phone" { text.replace(' ', "") } else { text.to_owned() }
}

/// What happened that makes some findings excusable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Excuses {
    /// An acknowledgement or the state itself was lost: edits may look concurrent
    /// that were not. Both values are kept then.
    pub forgotten: bool,
    /// A person had the runtime write.
    pub operated: bool,
    /// Conflicts wait: what is contributed to one meanwhile is listed with it.
    pub held: bool,
    /// A person took something back, deletes perhaps; or the state that knew of a
    /// delete is gone, and the source has forgotten it.
    pub reverted: bool,
    /// The state knew less than was done: whose edit a value was may be gone with it.
    pub set_back: bool,
}

fn shown_at(side: &str, column: usize, text: &str) -> Shown {
    let field = COLUMNS.get(column).copied().unwrap_or("?");
    Shown { side: side.to_owned(), field: field.to_owned(), value: alike(field, text) }
}

pub fn judge(
    world: &World,
    kept: Vec<Kept>,
    mut explained: Vec<Explained>,
    set_aside: BTreeSet<SetAside>,
    excuses: Excuses,
) -> Result<Verdict, String> {
    // An echo nobody knows for one is taken for an edit of the side that shows it.
    if excuses.set_back || excuses.forgotten {
        explained.iter_mut().for_each(|one| one.set_by = None);
    }
    let mut history = History { kept, explained: Some(explained), set_aside, ..History::default() };
    let mut shown = BTreeSet::new();
    history.fields = ["email", "name", "phone", "city", "note"].map(str::to_owned).into();
    let mut writes = 0;
    for (side, place) in world.places.iter().enumerate() {
        let table = place.table();
        let name = Scenario::name(side).to_owned();
        history.sides.insert(name.clone());
        history.tables.insert(name.clone(), table.final_rows());
        history.edits.extend(table.deeds.iter().cloned());
        // Of two rows made in one moment, ours is deleted again: nobody could know before.
        writes += table.runtime_writes.saturating_sub(2 * table.outrun);
        let lossy = place.feed().lossy;
        let met = place.shown();
        if !lossy {
            shown.extend(met.all().map(|(column, text)| shown_at(&name, column, text)));
        }
        history.unheard.extend(met.unheard().map(|(column, text)| shown_at(&name, column, text)));
        // Also where the log was forgotten: what no answer showed before that, none ever will.
        history.unmet.extend(table.removed.iter().filter_map(|(deed, key, lsn)| {
            let edit = table.deeds.get(*deed)?;
            let unmet = Unmet { side: name.clone(), record: edit.record.clone(), at_micros: edit.at_micros };
            (!met.has_met(key, (*lsn, edit.at_micros))).then_some(unmet)
        }));
        drop(met);
        if table.habits.is_blind() || lossy {
            history.blind.insert(name);
        }
    }
    history.shown = Some(shown);
    history.edits.sort_by_key(|edit| edit.at_micros);
    history.effective_writes = (!excuses.operated && !excuses.forgotten).then_some(writes);
    let mut verdict = check(&history).map_err(|error| format!("{error:#}"))?;
    if excuses.forgotten || excuses.operated || excuses.held {
        verdict.violations.retain(|violation| violation.kind != ViolationKind::FalseConflict);
    }
    if excuses.reverted {
        let undone = [ViolationKind::Resurrected, ViolationKind::LostDelete];
        verdict.violations.retain(|violation| !undone.contains(&violation.kind));
    }
    Ok(verdict)
}
