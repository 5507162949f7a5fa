//! Refused writes: listing them by cause, trying them again, letting them be.

use lockstep_core::{
    delta::{Delta, QuarantineChange, Quarantined},
    journal::{Entry, What},
    plan::Needs,
    record::{RecordId, SideId},
    spec::SyncSpec,
};
use lockstep_state::{QuarantineFilter, SyncId};

use super::{
    BulkOutcome, FailureGroup, Filter,
    access::side_id,
    conflicts::{add, bound},
    journal::views_of,
    pause::note,
};
use crate::{
    EngineError,
    engine::Shared,
    views::{self, Names},
};

/// Refusals looked at in one operation where the filter says no other.
const LOOKED_AT_MAX: usize = 100_000;
const PAGE_MAX: usize = 5_000;
const AT_ONCE_MAX: usize = 500;

pub(super) async fn list(
    shared: &Shared,
    sync: Option<&str>,
    filter: &Filter,
) -> Result<Vec<FailureGroup>, EngineError> {
    let mut groups = Vec::new();
    for name in shared.asked(sync)? {
        if shared.store.sync_id(&name)?.is_none() {
            continue;
        }
        let (id, spec) = shared.known(&name).await?;
        let refused = select(shared, id, &spec, filter)?;
        groups.extend(views::failure_groups(&Names { spec: &spec }, &refused));
    }
    Ok(groups)
}

fn select(shared: &Shared, sync: SyncId, spec: &SyncSpec, filter: &Filter) -> Result<Vec<Quarantined>, EngineError> {
    let wanted = QuarantineFilter {
        side: filter.side.as_deref().map(|side| side_id(spec, side)).transpose()?,
        signature: filter.signature.clone(),
        record: filter.record.map(RecordId),
    };
    let field = filter.field.as_deref().map(|field| super::access::field_id(spec, field)).transpose()?;
    let max = bound(filter, LOOKED_AT_MAX);
    let mut refused: Vec<Quarantined> = Vec::new();
    let mut after: Option<(SideId, RecordId)> = None;
    while refused.len() < max {
        let page = shared.store.quarantine(sync, &wanted, after, PAGE_MAX)?;
        let Some(last) = page.last() else { break };
        after = Some((last.side, last.record));
        refused.extend(page.into_iter().filter(|one| {
            filter.class.as_ref().is_none_or(|class| one.rejection.class == *class)
                && filter.since_micros.is_none_or(|since| one.at.0 >= since)
                && filter.until_micros.is_none_or(|until| one.at.0 < until)
                && field.is_none_or(|field| one.values.iter().any(|(of, _)| *of == field))
        }));
    }
    refused.truncate(max);
    Ok(refused)
}

/// What becomes of the selected refusals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Retry,
    /// Off the list; the sides stay as they are.
    Ignore,
}

pub(super) async fn act(
    shared: &Shared,
    sync: &str,
    filter: &Filter,
    by: &str,
    preview: bool,
    verb: Verb,
) -> Result<BulkOutcome, EngineError> {
    let (id, spec) = shared.known(sync).await?;
    let refused = select(shared, id, &spec, filter)?;
    let name = match verb {
        Verb::Retry => "retry",
        Verb::Ignore => "ignore",
    };
    if !preview {
        note(shared, by, name, sync, None)?;
    }
    let mut outcome = BulkOutcome { preview, ..BulkOutcome::default() };
    for chunk in refused.chunks(AT_ONCE_MAX) {
        let (chunk, by) = (chunk.to_vec(), by.to_owned());
        let part = shared
            .with_core(sync, move |core| {
                let ids: Vec<RecordId> = chunk.iter().map(|one| one.record).collect();
                let (mut set, refs) = core.gather(&Needs::default(), &ids)?;
                let ((), delta, _) = core.plan(&mut set, &refs, |planner, set| {
                    for one in &chunk {
                        match verb {
                            Verb::Retry => planner.retry(set, one.record, one.side),
                            Verb::Ignore => {
                                let seq = planner.next_entry;
                                planner.next_entry += 1;
                                planner.delta.journal.push(Entry {
                                    seq,
                                    at: planner.now,
                                    record: Some(one.record),
                                    side: Some(one.side),
                                    rules: planner.spec.rules,
                                    what: What::Operator {
                                        by: by.clone(),
                                        action: "ignored a refused write".to_owned(),
                                        note: one.rejection.message.clone(),
                                        changes: Vec::new(),
                                    },
                                });
                                planner
                                    .delta
                                    .quarantine
                                    .push(QuarantineChange::Clear { record: one.record, side: one.side });
                            }
                        }
                    }
                });
                let part = BulkOutcome {
                    preview,
                    done: chunk.len() as u64,
                    skipped: Vec::new(),
                    examples: views_of(&core.spec, &delta),
                };
                Ok((part, if preview { Delta::default() } else { delta }))
            })
            .await?;
        add(&mut outcome, part);
    }
    Ok(outcome)
}
