//! From the first copy to live: taking part in streams, what they say of
//! themselves, and the sweep that marks what every side still lacks.

use std::sync::Arc;

use lockstep_core::{
    change::{ChangeBatch, ChangeKind},
    delta::{Delta, Notice, NoticeChange},
    key::Key,
    plan::{Maker, Unread, Workset},
    record::{Record, RecordId, SideId},
    write::Action,
};
use lockstep_state::{Backfill, StreamChange, SyncPhase};
use tokio::time::Instant;

use super::{
    actor::{Actor, Ended, Flight},
    core::{Besides, Core},
    hint,
    regained::MACHINE,
    side::{Backlog, SideRun},
    watermark::NOWHERE,
};
use crate::{
    EngineError,
    connection::{self, FromStream, Position, Subscriber, Subscription},
    drift,
};

/// Records reviewed in one commit of the sweep.
const SWEEP_MAX: usize = 2_000;
/// Record numbers looked through for them at a time.
const SWEEP_NUMBERS_MAX: u64 = 50_000;
/// Setting that says that a side is to be compared in full.
pub(crate) const COMPARE: &str = "compare.";

impl Actor {
    /// Takes up where the state stands.
    pub(super) async fn begin(&mut self) -> Result<(), EngineError> {
        let state = self.core.store.sync_state(self.core.sync())?;
        self.paused = state.paused;
        for stored in &state.sides {
            let Some(run) = self.sides.get_mut(&stored.id) else {
                continue;
            };
            run.paused = stored.paused;
            run.generation = stored.generation;
            run.committed = stored.cursor.as_ref().and_then(Position::from_stored);
            run.queue.look_at_all();
            let below = RecordId(run.suspect_below);
            run.suspects_open = self.core.spec.match_on.is_empty()
                && self.core.store.has_create_below(self.core.sync(), stored.id, below)?;
        }
        for stored in &state.sides {
            self.doubt_writes(stored.id)?;
        }
        self.doubt_the_end(state.settings.get(MACHINE).map(String::as_str))?;
        self.resume_notices()?;
        self.rebuild_waiting()?;
        self.refill_columns()?;
        if !self.paused {
            let ids: Vec<SideId> = self.sides.keys().copied().collect();
            for id in ids {
                self.attach(id).await?;
            }
            self.resume_compares()?;
        }
        Ok(())
    }

    /// A machine that was started anew may have lost what was committed last: what is
    /// told until the streams have caught up may have been known. `known`: the start
    /// that the state names.
    fn doubt_the_end(&mut self, known: Option<&str>) -> Result<(), EngineError> {
        let Some(start) = self.core.clock.machine_start() else {
            return Ok(());
        };
        if known.is_none() {
            self.core.store.set_setting(self.core.sync(), MACHINE, Some(&start))?;
        } else if known != Some(&start) {
            tracing::info!(sync = %self.name, "the machine was started anew: what was known last may be lost");
            let from = self.core.next_record();
            self.sides.values_mut().for_each(|run| run.regained.begin(from));
            self.regaining = Some(start);
        }
        Ok(())
    }

    /// The streams have caught up with what may have been lost.
    pub(super) fn look_at_regained(&mut self) -> Result<(), EngineError> {
        if self.regaining.is_none() || self.sides.values().any(|run| run.backlog != Backlog::Absorbed) {
            return Ok(());
        }
        let below = self.core.next_record();
        self.sides.values_mut().for_each(|run| run.regained.end(below));
        let start = self.regaining.take();
        self.core.store.set_setting(self.core.sync(), MACHINE, start.as_deref())?;
        Ok(())
    }

    /// Rows nobody knows wait no longer where no create is left that an earlier process may have sent.
    pub(super) fn look_at_suspects(&mut self) -> Result<(), EngineError> {
        let (sync, store) = (self.core.sync(), &self.core.store);
        for run in self.sides.values_mut().filter(|run| run.suspects_open) {
            run.suspects_open = store.has_create_below(sync, run.id, RecordId(run.suspect_below))?;
            run.free_strangers(&mut self.staged.freed);
        }
        Ok(())
    }

    /// Columns that came back empty are to be filled with what is agreed: noted
    /// before anything of them is read, or the emptiness would pass for an edit.
    fn refill_columns(&mut self) -> Result<(), EngineError> {
        let sync = self.core.sync();
        let refills = drift::refills(&self.core.store.sync_state(sync)?.settings)?;
        if refills.is_empty() {
            return Ok(());
        }
        let mut after = RecordId(0);
        loop {
            let page = self.core.store.scan(sync, after, SWEEP_MAX)?;
            let Some(last) = page.last().map(|record| record.id) else {
                break;
            };
            let ids: Vec<RecordId> = page.iter().map(|record| record.id).collect();
            let (mut set, refs) = self.core.pass_by(page)?;
            let ((), delta, _) = self.core.plan(&mut set, &refs, |planner, set| {
                for id in &ids {
                    for refill in &refills {
                        planner.refill(set, *id, refill.side, refill.field);
                    }
                }
            });
            self.core.commit_now(delta)?;
            after = last;
        }
        self.core.store.set_setting(sync, drift::REFILL, None)?;
        Ok(())
    }

    /// Finds again who waits for whom: only where there are references.
    fn rebuild_waiting(&mut self) -> Result<(), EngineError> {
        if !self.core.has_references() {
            return Ok(());
        }
        let mut after = RecordId(0);
        loop {
            let page = self.core.store.scan(self.core.sync(), after, SWEEP_MAX)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id;
            let (set, refs) = self.core.pass_by(page)?;
            for record in set.records() {
                let waits = lockstep_core::plan::waits(&self.core.spec, &refs, record);
                self.waiting.add(record.id, &waits);
            }
        }
    }

    /// Takes part in a side's stream, from where the state stands.
    pub(super) async fn attach(&mut self, id: SideId) -> Result<(), EngineError> {
        let state = self.core.store.sync_state(self.core.sync())?;
        let stored = state.sides.iter().find(|side| side.id == id);
        let Some(run) = self.sides.get_mut(&id) else {
            return Ok(());
        };
        if run.paused {
            return Ok(());
        }
        let resume = stored.and_then(|side| side.cursor.as_ref()).and_then(Position::from_stored);
        let copy: Option<Arc<[u8]>> = match stored.map(|side| &side.backfill) {
            None | Some(Backfill::NotBegun) => Some(Arc::from([])),
            Some(Backfill::At(bytes)) => Some(Arc::from(bytes.as_slice())),
            Some(Backfill::Finished) => None,
        };
        run.reading = copy.is_some().then_some(0);
        run.attached = false;
        run.forget_stream();
        let subscription = Subscription {
            who: Subscriber { sync: self.name.clone(), side: id },
            selection: run.selection.clone(),
            resume,
            cursor_version: stored.map_or(0, |side| side.cursor_version),
            generation: run.generation,
            copy,
            to: Some(self.channels.streams_in.clone()),
        };
        run.connection.send(connection::Command::Attach(Box::new(subscription))).await;
        Ok(())
    }

    /// Leaves a side's stream; what was taken and not absorbed will come again.
    pub(super) async fn detach(&mut self, id: SideId) {
        let Some(run) = self.sides.get_mut(&id) else {
            return;
        };
        run.attached = false;
        run.reading = None;
        run.forget_stream();
        self.staged.freed.retain(|(side, _)| *side != id);
        self.staged.batches.retain(|(side, _, _)| *side != id);
        self.staged.pages.retain(|(side, _, _)| *side != id);
        self.staged.batch_rows = self.staged.batches.iter().map(|(_, _, batch)| batch.rows.len()).sum();
        let who = Subscriber { sync: self.name.clone(), side: id };
        run.connection.send(connection::Command::Detach(who)).await;
    }

    /// Stages what a stream brought.
    pub(super) fn take(&mut self, id: SideId, message: FromStream) -> Result<(), EngineError> {
        let Some(run) = self.sides.get_mut(&id).filter(|run| !self.paused && !run.paused) else {
            return Ok(());
        };
        match message {
            FromStream::Begin { at, generation, cursor_version, gap, durable, taken } => {
                run.attached = true;
                run.generation = generation;
                run.durable = durable;
                run.undurable.clear();
                run.watermark.reset();
                run.doubts.restart();
                run.hints.restart();
                run.backlog = Backlog::Unread;
                run.reached = None;
                run.forgot |= gap;
                let mut delta = Delta::default();
                delta.cursors.push((id, at.to_stored()));
                let mut besides = Besides::default();
                besides.streams.push((
                    id,
                    StreamChange {
                        cursor_version: Some(cursor_version),
                        generation: Some(generation),
                        ..StreamChange::default()
                    },
                ));
                if gap {
                    besides.settings.push((format!("{COMPARE}{}", run.name), Some("gap".to_owned())));
                }
                let flight = Flight { taken: Some(taken), ..Flight::default() };
                self.commit(delta, besides, flight);
                if gap {
                    self.compare(id);
                }
            }
            // Left over from before it was told to leave: the stream brings it again, but
            // for what showed in no order.
            FromStream::Changes { batches, .. } if !run.attached => self.stage_fleeting(id, &batches),
            FromStream::Page { .. } | FromStream::CaughtUp { .. } if !run.attached => {}
            FromStream::Page { rows, next } => self.staged.pages.push_back((id, rows, next)),
            FromStream::CaughtUp { asked: 0 } => run.backlog = Backlog::Until(run.watermark.here()),
            FromStream::CaughtUp { asked } => run.doubts.answered(asked, run.watermark.here()),
            FromStream::Changes { batches, at, kept } => {
                let ticket = run.watermark.enter(at);
                for _ in &batches {
                    run.watermark.hold(ticket);
                }
                for batch in batches {
                    if kept && batch.kind == ChangeKind::Invalidate {
                        self.stage_notices(id, ticket, &batch);
                        continue;
                    }
                    self.stage_batch(id, ticket, batch);
                }
                if let Some(run) = self.sides.get_mut(&id) {
                    run.watermark.free(ticket);
                }
            }
        }
        Ok(())
    }

    /// Rows to be read, each to be kept in the state first: whoever told of them
    /// is answered then.
    fn stage_notices(&mut self, id: SideId, ticket: u64, batch: &ChangeBatch) {
        let Some(run) = self.sides.get_mut(&id) else {
            return;
        };
        for row in &batch.rows {
            run.want_told(&row.key, Vec::new(), &batch.origin);
            if run.noticed.insert(row.key.clone()) {
                run.watermark.hold(ticket);
                self.staged.notices.push((id, ticket, row.key.clone()));
            }
        }
        run.watermark.free(ticket);
    }

    /// Takes up what the state kept of rows that were still to be read.
    fn resume_notices(&mut self) -> Result<(), EngineError> {
        let mut delta = Delta::default();
        for run in self.sides.values_mut() {
            for (key, told) in self.core.store.notices(self.core.sync(), run.id)? {
                match told {
                    Notice::Changed => {}
                    Notice::Glimpsed(glimpse) => {
                        run.hints.glimpse(&key, hint::from_stored(&run.selection.object, &key, glimpse));
                    }
                    Notice::Made => {
                        if !resume_look(&self.core, run, &key)? {
                            delta.notices.push(NoticeChange::Looked { side: run.id, key });
                        }
                        continue;
                    }
                }
                run.noticed.insert(key.clone());
                run.want(key, Vec::new());
            }
        }
        if !delta.is_empty() {
            self.core.commit_now(delta)?;
        }
        Ok(())
    }

    /// Writes that an earlier process may have sent, at sides where that matters.
    fn doubt_writes(&mut self, id: SideId) -> Result<(), EngineError> {
        let mut after = RecordId(0);
        let Some(run) = self.sides.get_mut(&id).filter(|run| run.uncertain.audits) else {
            return Ok(());
        };
        loop {
            let marks = self.core.store.marks(self.core.sync(), id, after, SWEEP_MAX)?;
            let Some(last) = marks.last() else {
                return Ok(());
            };
            after = last.record;
            marks
                .iter()
                .filter(|mark| mark.action != Some(Action::Create))
                .for_each(|mark| run.uncertain.add(mark.record, []));
        }
    }

    /// What rows showed in no order may have been replaced, and never show again.
    fn stage_fleeting(&mut self, id: SideId, batches: &[Arc<ChangeBatch>]) {
        for batch in batches.iter().filter_map(|batch| hint::fleeting(batch)) {
            self.stage_batch(id, NOWHERE, batch);
        }
    }

    fn stage_batch(&mut self, id: SideId, ticket: u64, batch: Arc<ChangeBatch>) {
        let Some(run) = self.sides.get_mut(&id) else {
            return;
        };
        match batch.kind {
            ChangeKind::Upsert | ChangeKind::Delete => {
                self.staged.batch_rows += batch.rows.len();
                self.staged.batches.push_back((id, ticket, batch));
            }
            ChangeKind::Invalidate => {
                for row in &batch.rows {
                    run.watermark.hold(ticket);
                    if run.written.is_none() {
                        run.hints.unname(&row.key);
                    }
                    run.want_told(&row.key, vec![ticket], &batch.origin);
                }
                run.watermark.free(ticket);
            }
            // Every row gone, or nobody knows which: what is not there any more is
            // found by a full compare, and passes the delete storm guard there.
            ChangeKind::Truncate | ChangeKind::Gap => {
                run.watermark.free(ticket);
                let why = match batch.kind {
                    ChangeKind::Truncate => "truncate",
                    _ => "gap",
                };
                self.staged.settings.push((format!("{COMPARE}{}", run.name), Some(why.to_owned())));
                self.compare(id);
            }
            ChangeKind::Schema => {
                run.watermark.free(ticket);
                tracing::info!(sync = %self.name, side = %run.name, "the columns changed");
                self.look_again();
            }
        }
    }

    /// Ends, so that the sync is assembled anew on what the sides have now.
    pub(super) fn look_again(&mut self) {
        self.ended = Some(Ended::SchemaChanged);
        self.drain();
    }

    /// Notes in the plan's delta how far a full read has come.
    pub(super) fn page_done(&mut self, id: SideId, next: &Arc<[u8]>, delta: &mut Delta) {
        let Some(run) = self.sides.get_mut(&id) else {
            return;
        };
        if next.is_empty() {
            run.reading = None;
            delta.backfill.push((id, None));
        } else {
            delta.backfill.push((id, Some(next.to_vec())));
        }
    }

    /// Sides whose rows this first copy has not all seen.
    pub(super) fn unread(&self) -> Unread {
        let unread = self.sides.values().filter(|run| !run.attached || run.reading.is_some());
        unread.map(|run| run.id).collect()
    }

    /// One step from the first copy to live.
    pub(super) fn sweep(&mut self) -> Result<(), EngineError> {
        match self.core.phase {
            SyncPhase::Live => Ok(()),
            SyncPhase::FirstCopy => {
                let read = self.staged.pages.is_empty()
                    && !self.paused
                    && self.sides.values().all(|run| run.attached && run.reading.is_none());
                if read {
                    self.step(SyncPhase::Sweep { after: RecordId(0) }, Delta::default());
                    self.sweep_behind = self.core.seq;
                }
                Ok(())
            }
            SyncPhase::Sweep { after } => {
                // What the first copy added has to be in the state to be found there.
                if self.flights.front().is_some_and(|flight| flight.seq <= self.sweep_behind) {
                    return Ok(());
                }
                let (page, last) = self.unsettled(after)?;
                let Some(last) = last else {
                    self.step(SyncPhase::Live, Delta::default());
                    return Ok(());
                };
                let ids: Vec<RecordId> = page.iter().map(|record| record.id).collect();
                let (mut set, refs) = self.core.pass_by(page)?;
                let ((), delta, _) = self.core.plan(&mut set, &refs, |planner, set| {
                    for id in &ids {
                        planner.review(set, *id);
                    }
                });
                if self.core.has_references() {
                    for record in set.records() {
                        let waits = lockstep_core::plan::waits(&self.core.spec, &refs, record);
                        self.waiting.add(record.id, &waits);
                    }
                }
                self.step(SyncPhase::Sweep { after: last }, delta);
                Ok(())
            }
        }
    }

    /// Records that some side may lack, and the number up to which there are no
    /// others. `None`: that was all.
    fn unsettled(&self, after: RecordId) -> Result<(Vec<Record>, Option<RecordId>), EngineError> {
        if after.0 + 1 >= self.core.next_record() {
            return Ok((Vec::new(), None));
        }
        let (store, sync) = (&self.core.store, self.core.sync());
        // What waits for a parent can only be told from the record itself, and so
        // can what an expression says of it.
        if self.core.has_references() || self.core.thorough {
            let page = store.scan(sync, after, SWEEP_MAX)?;
            let last = page.last().map(|record| record.id);
            return Ok((page, last));
        }
        let until = RecordId(after.0.saturating_add(SWEEP_NUMBERS_MAX).min(self.core.next_record() - 1));
        let sides: Vec<SideId> = self.core.spec.sides().map(|side| side.id).collect();
        let page = store.scan_unsettled(sync, &sides, (after, until), SWEEP_MAX)?;
        let full = page.len() == SWEEP_MAX;
        let last = page.last().map(|record| record.id).filter(|_| full);
        Ok((page, Some(last.unwrap_or(until))))
    }

    fn step(&mut self, phase: SyncPhase, delta: Delta) {
        let besides = Besides { phase: Some(phase), ..Besides::default() };
        self.commit(delta, besides, Flight::default());
    }
}

/// A row that was made before this start: whether somebody else made it as well is still
/// to be seen. False: it is nobody's any more.
fn resume_look(core: &Core, run: &mut SideRun, key: &Key) -> Result<bool, EngineError> {
    let Some(record) = core.store.record_by_key(core.sync(), run.id, key)? else {
        return Ok(false);
    };
    let id = record.id;
    let mut set = Workset::default();
    set.put(record);
    // What the side had told by then is not known any more: whatever it tells is an edit.
    let maker = Maker::Runtime(Vec::new());
    let looks = run.look_for_twins(&core.spec, &set, id, (key, maker.clone()));
    if looks {
        run.just_made.add(Instant::now(), id, key, maker);
    }
    Ok(looks)
}
