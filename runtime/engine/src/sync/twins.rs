//! Rows that somebody makes in the moment in which the runtime makes one of the same record,
//! where the side does not refuse the second.

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, Row},
    delta::{Notice, NoticeChange},
    key::Key,
    plan::{self, Maker, Planner, Sent, Workset},
    record::RecordId,
    spec::SyncSpec,
};
use tokio::time::Instant;

use super::{
    deliver::lookup,
    fetched::matched_by,
    side::{SideRun, Wanted},
};
use crate::writer::Asked;

/// A row was made: whether somebody else made it as well is looked at where the side does
/// not refuse that.
pub(super) fn look_after(spec: &SyncSpec, set: &Workset, run: &mut SideRun, record: RecordId, key: &Key) -> bool {
    let told = set.get(record).map(|record| plan::told_by(record, run.id)).unwrap_or_default();
    let looks = run.look_for_twins(spec, set, record, (key, Maker::Runtime(told.clone())));
    if looks {
        run.just_made.add(Instant::now(), record, key, Maker::Runtime(told));
    }
    looks
}

/// So that it is looked whether somebody made the row as well, whatever happens until then.
pub(super) fn made(run: &SideRun, key: &Key) -> NoticeChange {
    NoticeChange::Put { side: run.id, key: key.clone(), told: Notice::Made }
}

/// The record that a row nobody knows matches, and of which one was made a moment ago.
pub(super) fn matches_made(
    planner: &mut Planner<'_>,
    set: &Workset,
    run: &SideRun,
    told: (&ChangeBatch, usize),
) -> Option<RecordId> {
    if run.just_made.is_empty() || told.0.kind != ChangeKind::Upsert {
        return None;
    }
    planner.told_match(set, run.id, told, |record| run.just_made.has(record))
}

/// Whether a row that nobody knows waits for what is being made, or was a moment ago.
pub(super) fn is_twin(planner: &mut Planner<'_>, set: &Workset, run: &mut SideRun, row: &Row) -> bool {
    if run.is_made_meanwhile(planner, set, row) {
        return true;
    }
    if run.just_made.is_empty() {
        return false;
    }
    let matched = planner.row_match(set, run.id, row, |record| run.just_made.has(record));
    matched.is_some_and(|matched| run.awaits_look(planner.spec, set, &row.key, matched))
}

impl SideRun {
    /// A row of the record was made here, where somebody may have made one as well after it
    /// was looked for: it is looked for once more, and the record waits for that. False:
    /// the side refuses such a row itself, or there is nothing it could be found by.
    pub(super) fn look_for_twins(
        &mut self,
        spec: &SyncSpec,
        set: &Workset,
        record: RecordId,
        (key, maker): (&Key, Maker),
    ) -> bool {
        let link = set.get(record).and_then(|record| record.link(self.id));
        let link = link.filter(|link| link.is_live() && link.key.as_ref() == Some(key));
        let refuses = spec.side(self.id).is_none_or(|side| side.refuses_twins);
        let matched = link.filter(|_| !refuses).and_then(|link| matched_by(spec, link));
        let Some((by, matched)) = matched else {
            return false;
        };
        self.in_flight.insert(record);
        if !self.creating.values().any(|group| group.contains(&record)) {
            self.creating.entry(0).or_default().insert(record);
        }
        self.fetches.push_back(Wanted { by, key: matched, asked: Asked::Twins { record, key: key.clone(), maker } });
        true
    }

    /// A row that nobody knows matches a record of which one was made here a moment ago:
    /// somebody made it as well, and it waits for another look. `matched`: that record.
    pub(super) fn awaits_look(&mut self, spec: &SyncSpec, set: &Workset, key: &Key, matched: RecordId) -> bool {
        if self.in_flight.contains(&matched) {
            // That look, or a write after which there is one.
            return true;
        }
        let made = self.just_made.look_at(matched, key);
        made.is_some_and(|(own, maker)| self.look_for_twins(spec, set, matched, (&own, maker)))
    }

    /// A row that nobody knew has become that of a record of which a create may have been
    /// sent before: what that made, if anything, is looked for, and the record waits.
    pub(super) fn look_for_made(&mut self, spec: &SyncSpec, set: &Workset, key: &Key, sent: Option<Sent>) {
        let Some(sent) = sent.filter(|sent| set.by_key(self.id, key) == Some(sent.record)) else {
            return;
        };
        if self.in_flight.contains(&sent.record) {
            return;
        }
        let Some((by, key)) = lookup(spec, self.id, &self.key_columns, &sent) else {
            return;
        };
        self.in_flight.insert(sent.record);
        self.creating.entry(0).or_default().insert(sent.record);
        self.fetches.push_back(Wanted { by, key, asked: Asked::Made { sent: Box::new(sent) } });
    }

    /// Whether a row that nobody knows may be one that is being made, or one that somebody
    /// makes in the same moment.
    pub(super) fn is_made_meanwhile(&self, planner: &mut Planner<'_>, set: &Workset, row: &Row) -> bool {
        let is_created = |record: RecordId| self.creating.values().any(|group| group.contains(&record));
        !self.creating.is_empty() && planner.row_match(set, self.id, row, is_created).is_some()
    }
}
