//! One turn: what was staged becomes one plan and one commit. Outcomes first,
//! then rows that waited for them, then what streams and full reads brought.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Found, Row},
    delta::{Delta, Mark, Notice, NoticeChange},
    key::Key,
    plan::{self, Needs, Refs, Sent, Workset},
    record::{RecordId, SideId},
    value::Value,
    write::Outcome,
};

use super::{
    actor::{Actor, Flight, Staged, TURN_ROWS_MAX},
    core::Besides,
    fetched::{absorb_fetched, elsewhere, heir, live_link},
    follow::{Behind, Counted, Follow},
    guard::Storm,
    outcome::{fetch_again, not_sent, settle},
    side::ParkedRow,
    told::{absorb_batch, absorb_page},
};
use crate::{
    EngineError, SessionErrorKind,
    failpoint::{self, Failpoint},
    port::FetchRequest,
    writer::{Answer, Asked},
};

/// Bytes of streamed rows taken into one plan, about: bounds its commit.
const TURN_BYTES_MAX: usize = 4 << 20;

/// What one turn takes.
#[derive(Default)]
struct Taken {
    written: Vec<(SideId, Vec<Sent>, Vec<Outcome>)>,
    fetched: Vec<(SideId, FetchRequest, Vec<Asked>, Vec<Found>)>,
    freed: VecDeque<(SideId, ParkedRow)>,
    batches: Vec<(SideId, u64, Arc<ChangeBatch>)>,
    pages: Vec<(SideId, Vec<Row>, Arc<[u8]>)>,
    reviews: Vec<RecordId>,
    notices: Vec<(SideId, u64, Key)>,
    settings: Vec<(String, Option<String>)>,
}

impl Taken {
    /// Outcomes of writes have to be settled whatever else happens; everything
    /// else will come again.
    fn keep_settlements_only(&mut self) {
        self.freed.clear();
        self.batches.clear();
        self.pages.clear();
        for (_, request, asked, found) in &mut self.fetched {
            let keep: Vec<bool> = asked.iter().map(Asked::settles).collect();
            let mut places = Vec::with_capacity(keep.len());
            let mut next = 0u32;
            for keep in &keep {
                places.push(keep.then_some(next));
                next += u32::from(*keep);
            }
            found.retain_mut(|found| match places.get(found.index as usize).copied().flatten() {
                Some(place) => {
                    found.index = place;
                    true
                }
                None => false,
            });
            let mut kept = keep.iter();
            request.keys.retain(|_| kept.next().copied().unwrap_or(false));
            let mut kept = keep.iter();
            asked.retain(|_| kept.next().copied().unwrap_or(false));
        }
    }
}

impl Actor {
    pub(super) async fn turn(&mut self) -> Result<(), EngineError> {
        failpoint::pass(Failpoint::AfterStage);
        let mut taken = self.take_turn();
        self.core.unread = self.unread();
        let (needs, ids) = self.needs(&taken);
        let (mut set, refs) = self.core.gather(&needs, &ids)?;
        let (storm, counted) = self.ask_guard(&taken, &set)?;
        if storm.is_some() {
            self.doubt_again(&taken);
            taken.keep_settlements_only();
        }
        let sides = &mut self.sides;
        let now = self.core.clock.now();
        let (mut follow, mut delta, tally) = self.core.plan(&mut set, &refs, |planner, set| {
            // Only what was read asks for them.
            let freed = taken.freed.iter().filter(|_| !taken.fetched.is_empty());
            let freed = freed.flat_map(|(side, told)| told.batch.rows.iter().map(|row| (*side, row.key.clone())));
            let mut follow = Follow { counted, taken_up: freed.collect(), ..Follow::default() };
            for (side, sent, outcomes) in &taken.written {
                if let Some(run) = sides.get_mut(side) {
                    settle(planner, set, run, sent, outcomes, &mut follow);
                }
            }
            for (side, request, asked, found) in &taken.fetched {
                if let Some(run) = sides.get_mut(side) {
                    absorb_fetched(planner, set, run, (request, asked, found), now, &mut follow);
                }
            }
            for (side, row) in &taken.freed {
                if let Some(run) = sides.get_mut(side) {
                    absorb_batch(planner, set, run, row, &mut follow);
                }
            }
            follow.behind = Behind::of(planner.spec, &follow.freed, set);
            for (side, ticket, batch) in &taken.batches {
                if let Some(run) = sides.get_mut(side) {
                    let row = ParkedRow { batch: batch.clone(), ticket: *ticket, counted: false, waited: false };
                    absorb_batch(planner, set, run, &row, &mut follow);
                }
            }
            for (side, rows, _) in &taken.pages {
                if let Some(run) = sides.get_mut(side) {
                    absorb_page(planner, set, run, rows, &mut follow);
                }
            }
            for record in &taken.reviews {
                planner.review(set, *record);
                follow.touched.push(*record);
            }
            follow
        });
        for (side, _, next) in &taken.pages {
            self.page_done(*side, next, &mut delta);
        }
        for run in self.sides.values_mut() {
            let (side, over) = (run.id, run.just_made.forgotten());
            follow.notices.extend(over.into_iter().map(|key| NoticeChange::Looked { side, key }));
        }
        self.keep_notices(&taken, &mut delta, follow.notices.drain(..));
        self.reach(&mut delta);
        let mut flight = Flight::default();
        self.remember_waits(&set, &refs, &delta, &follow);
        flight.marks = self.wanted_again(&set, &refs, &delta, &follow);
        flight.after = Some(if !taken.pages.is_empty() {
            Failpoint::AfterBackfillCommit
        } else if taken.written.is_empty() {
            Failpoint::AfterPlanCommit
        } else {
            Failpoint::AfterSettleCommit
        });
        self.status.count(&tally, &delta);
        self.staged.freed.extend(follow.freed);
        failpoint::pass(Failpoint::BeforePlanCommit);
        let besides = Besides { settings: taken.settings, ..Besides::default() };
        self.commit(delta, besides, flight);
        match storm {
            Some(storm) => self.pause_for_storm(storm).await,
            None => Ok(()),
        }
    }

    /// What was told first, then what became of it.
    fn keep_notices(&mut self, taken: &Taken, delta: &mut Delta, changes: impl Iterator<Item = NoticeChange>) {
        for (side, ticket, key) in &taken.notices {
            delta.notices.push(NoticeChange::Put { side: *side, key: key.clone(), told: Notice::Changed });
            if let Some(run) = self.sides.get_mut(side) {
                run.watermark.free(*ticket);
            }
        }
        delta.notices.extend(changes);
    }

    /// Whether so many live rows would be gone after this that a person is asked.
    fn ask_guard(&mut self, taken: &Taken, set: &Workset) -> Result<(Option<Storm>, Counted), EngineError> {
        let lives = |side: SideId, key: &Key| live_link(set, side, key).is_some();
        // What cannot be ordered is looked for first, and counted when it is not found.
        let believed = |side: SideId, row: &ChangeRow| {
            live_link(set, side, &row.key).is_some_and(|(_, link)| plan::can_order(&row.version, link))
        };
        let mut deletes: BTreeMap<SideId, u64> = BTreeMap::new();
        let mut counted = Counted::default();
        let batches = taken.batches.iter().map(|(side, _, batch)| (side, batch));
        let freed = taken.freed.iter().filter(|(_, row)| !row.counted).map(|(side, row)| (side, &row.batch));
        for (side, batch) in batches.chain(freed).filter(|(_, batch)| batch.kind == ChangeKind::Delete) {
            for row in batch.rows.iter().filter(|row| believed(*side, row)) {
                *deletes.entry(*side).or_default() += 1;
                counted.add(*side, row.key.clone());
            }
        }
        for (side, request, asked, found) in &taken.fetched {
            let Some(run) = self.sides.get(side) else { continue };
            let missing = (0u32..).zip(request.keys.iter().zip(asked)).filter(|(index, (key, asked))| {
                let rows = found.iter().filter(|found| found.index == *index).map(|found| &found.row);
                match asked {
                    Asked::Missing => {
                        rows.count() == 0 && lives(*side, key) && elsewhere(&self.core.spec, set, run, key).is_none()
                    }
                    Asked::Moved { key, .. } => heir(set, *side, rows).is_none() && lives(*side, key),
                    Asked::News { .. }
                    | Asked::Refetch { .. }
                    | Asked::Suspect { .. }
                    | Asked::Twins { .. }
                    | Asked::Made { .. } => false,
                }
            });
            *deletes.entry(*side).or_default() += missing.count() as u64;
        }
        deletes.retain(|_, gone| *gone > 0);
        if deletes.is_empty() {
            return Ok((None, counted));
        }
        let counts = self.core.store.counts(self.core.sync())?;
        let now = self.core.clock.now();
        for (side, gone) in deletes {
            let rows = counts.sides.get(&side).map_or(0, |side| side.links);
            if let Err(storm) = self.guard.admit(now, side, gone, rows) {
                return Ok((Some(storm), counted));
            }
        }
        Ok((None, counted))
    }

    /// Nothing is believed now: what was read is read again later, and what was
    /// found missing is looked for again.
    fn doubt_again(&mut self, taken: &Taken) {
        for (side, request, asked, _) in &taken.fetched {
            let Some(run) = self.sides.get_mut(side) else {
                continue;
            };
            for (key, asked) in request.keys.iter().zip(asked) {
                match asked {
                    Asked::Missing => run.doubts.again(key),
                    Asked::Moved { key, .. } => run.doubts.again(key),
                    Asked::News { tickets } => {
                        run.readings.end(key);
                        run.want(key.clone(), tickets.clone());
                    }
                    Asked::Refetch { .. } | Asked::Suspect { .. } | Asked::Twins { .. } | Asked::Made { .. } => {}
                }
            }
        }
    }

    fn take_turn(&mut self) -> Taken {
        let mut taken = Taken::default();
        let mut missing = false;
        let Staged { answers, freed, batches, batch_rows, pages, reviews, notices, settings } = &mut self.staged;
        let mut read_first: Vec<SideId> = Vec::new();
        while let Some((side, answer)) = answers.pop_front() {
            if matches!(answer, Answer::Fetched { .. }) {
                read_first.push(side);
            } else if read_first.contains(&side) {
                // A plan settles writes before it looks at reads: one that was read
                // before the write would pass for newer than what the write showed.
                answers.push_front((side, answer));
                break;
            }
            let Some(run) = self.sides.get_mut(&side) else {
                continue;
            };
            match answer {
                Answer::Written { sent, outcomes, .. } => {
                    run.backoff.succeeded();
                    run.trouble.clear();
                    taken.written.push((side, sent, outcomes));
                }
                Answer::NotSent { sent, error } => {
                    missing |= error.kind == SessionErrorKind::NotFound;
                    not_sent(run, &sent, &error, freed);
                }
                Answer::Fetched { request, asked, found: Ok(found) } => {
                    taken.fetched.push((side, request, asked, found))
                }
                Answer::Fetched { request, asked, found: Err(error) } => {
                    missing |= error.kind == SessionErrorKind::NotFound;
                    fetch_again(run, request, asked, &error);
                }
            }
        }
        taken.freed = std::mem::take(freed);
        let (mut rows, mut bytes) = (0, 0);
        while rows < TURN_ROWS_MAX
            && bytes < TURN_BYTES_MAX
            && let Some((side, ticket, batch)) = batches.pop_front()
        {
            rows += batch.rows.len();
            bytes += size_bytes(&batch);
            taken.batches.push((side, ticket, batch));
        }
        *batch_rows = batch_rows.saturating_sub(rows);
        if rows < TURN_ROWS_MAX {
            taken.pages.extend(pages.pop_front());
        }
        taken.reviews = std::mem::take(reviews);
        taken.notices = std::mem::take(notices);
        taken.settings = std::mem::take(settings);
        if missing && !self.draining {
            // The columns are not what they were thought to be.
            self.look_again();
        }
        taken
    }

    fn needs(&self, taken: &Taken) -> (Needs, Vec<RecordId>) {
        let spec = &self.core.spec;
        let mut all = Needs::default();
        let mut ids = taken.reviews.clone();
        for (side, sent, outcomes) in &taken.written {
            ids.extend(sent.iter().map(|sent| sent.record));
            all.add(plan::needs_outcomes(spec, *side, outcomes.iter().filter_map(row_of)));
        }
        for (side, request, asked, found) in &taken.fetched {
            ids.extend(asked.iter().filter_map(|asked| match asked {
                Asked::News { .. } | Asked::Missing => None,
                Asked::Moved { record, .. } | Asked::Twins { record, .. } => Some(*record),
                Asked::Refetch { sent } | Asked::Suspect { sent } | Asked::Made { sent } => Some(sent.record),
            }));
            all.add(plan::needs_rows(spec, *side, found.iter().map(|found| &found.row)));
            all.add(plan::needs_keys(spec, *side, &request.keys));
            let missing = request.keys.iter().zip(asked).filter_map(|(key, asked)| match asked {
                Asked::Missing | Asked::News { .. } => Some(key),
                Asked::Moved { key, .. } => Some(key),
                Asked::Refetch { .. } | Asked::Suspect { .. } | Asked::Twins { .. } | Asked::Made { .. } => None,
            });
            let doubts = self.sides.get(side).map(|run| &run.doubts);
            ids.extend(request.keys.iter().filter_map(|key| doubts?.record(key)));
            let hints = self.sides.get(side).map(|run| &run.hints);
            for batch in missing.flat_map(|key| hints.into_iter().flat_map(|hints| hints.of(key))) {
                all.add(plan::needs(spec, *side, batch));
            }
        }
        for (side, row) in &taken.freed {
            all.add(plan::needs(spec, *side, &row.batch));
        }
        for (side, _, batch) in &taken.batches {
            all.add(plan::needs(spec, *side, batch));
        }
        for (side, rows, _) in &taken.pages {
            all.add(plan::needs_rows(spec, *side, rows));
        }
        (all, ids)
    }

    /// Cursors that these effects reach.
    fn reach(&mut self, delta: &mut Delta) {
        for run in self.sides.values_mut() {
            if let Some(reached) = run.watermark.advance() {
                run.reached = Some(reached);
            }
        }
        if !delta.is_empty() {
            for run in self.sides.values_mut() {
                if let Some(reached) = run.reached.take() {
                    delta.cursors.push((run.id, reached.to_stored()));
                }
            }
        }
    }

    /// What was settled and wants another write, because it was edited meanwhile, or wants
    /// none any more.
    fn wanted_again(&self, set: &Workset, refs: &Refs, delta: &Delta, follow: &Follow) -> Vec<Mark> {
        // What the plan tells of marks is queued with them; they are in order.
        let told = |side: SideId, record: RecordId| {
            delta.marks.binary_search_by_key(&(record, side), |mark| (mark.record, mark.side)).is_ok()
        };
        follow
            .settled
            .iter()
            .filter(|(side, record)| !told(*side, *record))
            .filter_map(|(side, record)| {
                let action = plan::wants(&self.core.spec, refs, set.get(*record)?, *side);
                Some(Mark { record: *record, side: *side, action })
            })
            .collect()
    }

    fn remember_waits(&mut self, set: &Workset, refs: &Refs, delta: &Delta, follow: &Follow) {
        if !self.core.has_references() {
            return;
        }
        let changed = delta.records.iter().map(Arc::as_ref);
        for record in changed.chain(follow.touched.iter().filter_map(|id| set.get(*id))) {
            let waits = plan::waits(&self.core.spec, refs, record);
            self.waiting.add(record.id, &waits);
        }
    }
}

fn size_bytes(batch: &ChangeBatch) -> usize {
    let cells = batch.rows.iter().flat_map(|row| &row.cells).flatten();
    cells.map(Value::size_bytes).sum()
}

fn row_of(outcome: &Outcome) -> Option<&Row> {
    match outcome {
        Outcome::Applied(row) | Outcome::Conflict(row) | Outcome::Overwrote(row, _) | Outcome::Duplicate(row) => {
            Some(row)
        }
        Outcome::Gone
        | Outcome::Rejected(_)
        | Outcome::Throttled { .. }
        | Outcome::Unavailable { .. }
        | Outcome::Unknown { .. } => None,
    }
}
