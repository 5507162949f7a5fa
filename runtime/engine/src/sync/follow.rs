//! What a plan asks to be done beside its delta, and what may not be overtaken in it.

use std::collections::{HashSet, VecDeque};

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, Row},
    delta::{Notice, NoticeChange},
    key::Key,
    plan::{self, Workset},
    record::{RecordId, SideId},
    spec::SyncSpec,
};

use super::{
    hint,
    side::{ParkedRow, SideRun},
};

/// What a plan asks to be done beside its delta.
#[derive(Default)]
pub(super) struct Follow {
    pub(super) freed: VecDeque<(SideId, ParkedRow)>,
    /// Records whose outcome was settled: they may want another write.
    pub(super) settled: Vec<(SideId, RecordId)>,
    pub(super) touched: Vec<RecordId>,
    pub(super) behind: Behind,
    /// Rows that waited and are absorbed in this turn, after what was read.
    pub(super) taken_up: HashSet<(SideId, Key)>,
    pub(super) counted: Counted,
    pub(super) notices: Vec<NoticeChange>,
}

impl Follow {
    /// A glimpse of a row is kept until the row was read.
    pub(super) fn keep_glimpse(&mut self, run: &mut SideRun, key: &Key, batch: &ChangeBatch) {
        run.noticed.insert(key.clone());
        let told = Notice::Glimpsed(hint::to_stored(batch));
        self.notices.push(NoticeChange::Put { side: run.id, key: key.clone(), told });
    }

    /// A read showed the row, and cannot be ordered against what is known.
    pub(super) fn glimpse(&mut self, run: &mut SideRun, row: &Row) {
        let batch = hint::glimpse_of(&run.selection, row);
        if run.hints.glimpse(&row.key, batch.clone()) {
            self.keep_glimpse(run, &row.key, &batch);
        }
    }

    /// What was kept of a row while it waited is absorbed, unless it is read again.
    pub(super) fn forget_parked(&mut self, run: &mut SideRun, key: &Key) {
        if run.noticed.contains(key) && !run.is_wanted(key) && !run.doubts.concern(key) {
            run.hints.read(key, run.hints.told());
            self.forget_notice(run, key);
        }
    }

    /// What was told of the row is dealt with, unless it is read once more.
    pub(super) fn forget_notice(&mut self, run: &mut SideRun, key: &Key) {
        if run.noticed.contains(key) && !run.is_wanted(key) {
            run.noticed.remove(key);
            self.notices.push(NoticeChange::Clear { side: run.id, key: key.clone() });
        }
    }
}

/// Deletes that the delete storm guard has admitted in this turn: those that
/// have to wait are not counted again when their wait ends.
#[derive(Default)]
pub(super) struct Counted(HashSet<(SideId, Key)>);

impl Counted {
    pub(super) fn add(&mut self, side: SideId, key: Key) {
        self.0.insert((side, key));
    }

    pub(super) fn has(&self, side: SideId, kind: ChangeKind, key: &Key) -> bool {
        kind == ChangeKind::Delete && self.0.contains(&(side, key.clone()))
    }
}

/// Rows whose wait ended in this turn are absorbed in the next one. What the
/// stream told of the same row later must not overtake them: after its delete
/// the edits before it would pass for old ones.
#[derive(Default)]
pub(super) struct Behind {
    keys: HashSet<(SideId, Key)>,
    records: HashSet<(SideId, RecordId)>,
}

impl Behind {
    pub(super) fn of(spec: &SyncSpec, freed: &VecDeque<(SideId, ParkedRow)>, set: &Workset) -> Self {
        let mut behind = Behind::default();
        for (side, parked) in freed {
            for (index, row) in parked.batch.rows.iter().enumerate() {
                behind.records.extend(set.by_key(*side, &row.key).map(|record| (*side, record)));
                behind.keys.insert((*side, row.key.clone()));
                behind.add_moved(spec, *side, &parked.batch, index);
            }
        }
        behind
    }

    /// A row that waits and moves to another key: what is told of it under that
    /// key comes after it.
    pub(super) fn add_moved(&mut self, spec: &SyncSpec, side: SideId, batch: &ChangeBatch, row: usize) {
        self.keys.extend(plan::moved_to(spec, side, batch, row).map(|key| (side, key)));
    }

    pub(super) fn add(&mut self, side: SideId, key: &Key) {
        self.keys.insert((side, key.clone()));
    }

    /// Mostly nothing was freed: then no key is copied to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn has_record(&self, side: SideId, record: RecordId) -> bool {
        self.records.contains(&(side, record))
    }

    pub(super) fn has(&self, set: &Workset, side: SideId, key: &Key) -> bool {
        self.keys.contains(&(side, key.clone()))
            || set.by_key(side, key).is_some_and(|record| self.has_record(side, record))
    }
}
