//! The journal: listing it, and replaying or reverting what it tells.

use lockstep_core::{
    delta::Delta,
    journal::Entry,
    plan::{self, Reverted},
    record::RecordId,
    spec::SyncSpec,
    value::Timestamp,
};
use lockstep_state::{EntryKind, JournalFilter, Order};

use super::{
    BulkOutcome, EntryView, Filter, Skipped,
    access::side_id,
    conflicts::{EXAMPLES_MAX, add, bound},
    pause::note,
};
use crate::{
    EngineError,
    engine::Shared,
    views::{self, Names},
};

const LISTED_MAX: usize = 1_000;
/// Entries one operation works on where the filter says no other.
const WORKED_ON_MAX: usize = 100_000;
/// Entries in one commit.
const AT_ONCE_MAX: usize = 500;

pub(super) async fn list(shared: &Shared, sync: &str, filter: &Filter) -> Result<Vec<EntryView>, EngineError> {
    let (id, spec) = shared.known(sync).await?;
    let names = Names { spec: &spec };
    let max = bound(filter, LISTED_MAX);
    let wanted = journal_filter(&spec, filter)?;
    let mut listed = Vec::new();
    let mut after = None;
    while listed.len() < max {
        let page = shared.store.journal(id, &wanted, Order::NewestFirst, after, max)?;
        let entries = page.entries.iter().map(|entry| views::entry(&names, entry));
        listed.extend(entries.filter(|entry| touches(filter, entry)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    listed.truncate(max);
    Ok(listed)
}

fn touches(filter: &Filter, entry: &EntryView) -> bool {
    let field = filter.field.as_ref();
    field.is_none_or(|field| entry.fields.iter().any(|shown| shown.field == *field))
}

/// What a filter says, in the state's words.
pub(super) fn journal_filter(spec: &SyncSpec, filter: &Filter) -> Result<JournalFilter, EngineError> {
    let side = filter.side.as_deref().map(|side| side_id(spec, side)).transpose()?;
    let seqs = (filter.entry_from.is_some() || filter.entry_to.is_some())
        .then(|| (filter.entry_from.unwrap_or(0), filter.entry_to.unwrap_or(u64::MAX >> 24)));
    Ok(JournalFilter {
        record: filter.record.map(RecordId),
        side,
        from: filter.since_micros.map(Timestamp),
        until: filter.until_micros.map(Timestamp),
        kinds: Vec::new(),
        rules: filter.rules,
        seqs,
    })
}

/// What a plan would write into the journal, for people; bounded.
pub(super) fn views_of(spec: &SyncSpec, delta: &Delta) -> Vec<EntryView> {
    let names = Names { spec };
    let entries = delta.journal.iter().take(EXAMPLES_MAX);
    entries.map(|entry| views::entry(&names, entry)).collect()
}

/// What is done with each selected entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Decide anew, under the rules as they are now.
    Replay,
    /// Restore the values before.
    Revert,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Verb::Replay => "replay",
            Verb::Revert => "revert",
        }
    }

    fn kinds(self) -> Vec<EntryKind> {
        match self {
            Verb::Replay => vec![EntryKind::Conflict, EntryKind::DeleteConflict, EntryKind::Refused],
            // All that say something was done to a record.
            Verb::Revert => Vec::new(),
        }
    }
}

pub(super) async fn again(
    shared: &Shared,
    sync: &str,
    filter: &Filter,
    by: &str,
    preview: bool,
    verb: Verb,
) -> Result<BulkOutcome, EngineError> {
    if verb == Verb::Revert && *filter == Filter::default() {
        return Err(EngineError::Refused {
            message: "a revert of everything was asked for".to_owned(),
            remedy: "say which entries: by record, side, time, rules or entry numbers".to_owned(),
        });
    }
    let (id, spec) = shared.known(sync).await?;
    let wanted = JournalFilter { kinds: verb.kinds(), ..journal_filter(&spec, filter)? };
    if !preview {
        note(shared, by, verb.name(), sync, None)?;
    }
    // The selection is fixed before anything is done: what is done is journaled, too.
    let entries = select(shared, id, &spec, filter, &wanted)?;
    let mut outcome = BulkOutcome { preview, ..BulkOutcome::default() };
    for chunk in entries.chunks(AT_ONCE_MAX) {
        let (chunk, by) = (chunk.to_vec(), by.to_owned());
        let part = shared
            .with_core(sync, move |core| {
                let ids: Vec<RecordId> = chunk.iter().filter_map(|entry| entry.record).collect();
                let spec = core.spec.clone();
                let (mut set, refs) = core.gather(&plan::needs_entries(&spec, &chunk), &ids)?;
                let (part, delta, _) = core.plan(&mut set, &refs, |planner, set| {
                    let mut part = BulkOutcome::default();
                    for entry in &chunk {
                        let done = match verb {
                            Verb::Replay => planner.replay(set, entry, &by),
                            Verb::Revert => planner.revert(set, entry, &by),
                        };
                        tell(&mut part, &spec, entry, &done);
                    }
                    part
                });
                let part = BulkOutcome { preview, examples: views_of(&spec, &delta), ..part };
                Ok((part, if preview { Delta::default() } else { delta }))
            })
            .await?;
        add(&mut outcome, part);
    }
    Ok(outcome)
}

fn select(
    shared: &Shared,
    sync: lockstep_state::SyncId,
    spec: &SyncSpec,
    filter: &Filter,
    wanted: &JournalFilter,
) -> Result<Vec<Entry>, EngineError> {
    let names = Names { spec };
    let max = bound(filter, WORKED_ON_MAX);
    let mut entries: Vec<Entry> = Vec::new();
    let mut after = None;
    while entries.len() < max {
        let page = shared.store.journal(sync, wanted, Order::NewestFirst, after, 5_000)?;
        entries.extend(
            page.entries
                .into_iter()
                .filter(|entry| filter.field.is_none() || touches(filter, &views::entry(&names, entry))),
        );
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    entries.truncate(max);
    Ok(entries)
}

fn tell(part: &mut BulkOutcome, spec: &SyncSpec, entry: &Entry, done: &Reverted) {
    let reason = match done {
        Reverted::Done => {
            part.done += 1;
            return;
        }
        // Most entries only tell; they are no news to whoever asked.
        Reverted::Nothing => return,
        Reverted::EditedSince(fields) => {
            let names = Names { spec };
            let fields: Vec<String> = fields.iter().map(|field| names.field(*field)).collect();
            format!("edited since: {}", fields.join(", "))
        }
        Reverted::LivesAs(other) => {
            format!("it would be there twice: record {} has the values that records are matched by", other.0)
        }
    };
    part.skipped.push(Skipped { record: entry.record.map(|record| record.0), entry: Some(entry.seq), reason });
}
