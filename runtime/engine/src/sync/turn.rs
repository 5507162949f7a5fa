//! One turn: what was staged becomes one plan and one commit. Outcomes first,
//! then rows that waited for them, then what streams and full reads brought.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
};

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Found, Row},
    delta::{Delta, Mark, Notice, NoticeChange},
    key::Key,
    plan::{self, Absorbed, Maker, Needs, Planner, Refs, Sent, Settled, Workset},
    record::{Link, Presence, RecordId, SideId},
    spec::SyncSpec,
    value::Value,
    write::{Action, Outcome},
};
use tokio::time::Instant;

use super::{
    actor::{Actor, Flight, Staged, TURN_ROWS_MAX},
    core::Besides,
    fetched::{absorb_fetched, elsewhere, heir, is_twin, live_link},
    guard::Storm,
    hint,
    side::{ParkedRow, SideRun, Wanted},
};
use crate::{
    EngineError, SessionError, SessionErrorKind,
    failpoint::{self, Failpoint},
    port::FetchRequest,
    writer::{Answer, Asked, BUSY_WAIT_MIN},
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

/// What a plan asks to be done beside its delta.
#[derive(Default)]
pub(super) struct Follow {
    pub(super) freed: VecDeque<(SideId, ParkedRow)>,
    /// Records whose outcome was settled: they may want another write.
    pub(super) settled: Vec<(SideId, RecordId)>,
    touched: Vec<RecordId>,
    behind: Behind,
    counted: Counted,
    pub(super) notices: Vec<NoticeChange>,
}

impl Follow {
    /// A glimpse of a row is kept until the row was read.
    fn keep_glimpse(&mut self, run: &mut SideRun, key: &Key, batch: &ChangeBatch) {
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
    fn forget_parked(&mut self, run: &mut SideRun, key: &Key) {
        if run.noticed.contains(key) && !run.is_wanted(key) && run.doubts.record(key).is_none() {
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
struct Counted(HashSet<(SideId, Key)>);

impl Counted {
    fn has(&self, side: SideId, kind: ChangeKind, key: &Key) -> bool {
        kind == ChangeKind::Delete && self.0.contains(&(side, key.clone()))
    }
}

/// Rows whose wait ended in this turn are absorbed in the next one. What the
/// stream told of the same row later must not overtake them: after its delete
/// the edits before it would pass for old ones.
#[derive(Default)]
struct Behind {
    keys: HashSet<(SideId, Key)>,
    records: HashSet<(SideId, RecordId)>,
}

impl Behind {
    fn of(spec: &SyncSpec, freed: &VecDeque<(SideId, ParkedRow)>, set: &Workset) -> Self {
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
    fn add_moved(&mut self, spec: &SyncSpec, side: SideId, batch: &ChangeBatch, row: usize) {
        self.keys.extend(plan::moved_to(spec, side, batch, row).map(|key| (side, key)));
    }

    fn has(&self, set: &Workset, side: SideId, key: &Key) -> bool {
        // Mostly nothing was freed: then no key is copied.
        !self.keys.is_empty()
            && (self.keys.contains(&(side, key.clone()))
                || set.by_key(side, key).is_some_and(|record| self.records.contains(&(side, record))))
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
            let mut follow = Follow { counted, ..Follow::default() };
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
            let (side, over) = (run.id, run.just_made.expire(Instant::now()));
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
                counted.0.insert((*side, row.key.clone()));
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
                Asked::Missing => Some(key),
                Asked::Moved { key, .. } => Some(key),
                Asked::News { .. }
                | Asked::Refetch { .. }
                | Asked::Suspect { .. }
                | Asked::Twins { .. }
                | Asked::Made { .. } => None,
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

    /// What was settled and wants another write, because it was edited meanwhile.
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
                let action = plan::wants(&self.core.spec, refs, set.get(*record)?, *side)?;
                Some(Mark { record: *record, side: *side, action: Some(action) })
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

/// Nothing of this group was written: it waits, and so does the side.
fn not_sent(run: &mut SideRun, sent: &[Sent], error: &SessionError, freed: &mut VecDeque<(SideId, ParkedRow)>) {
    tracing::warn!(side = %run.name, code = error.kind.code(), writes = sent.len(), "{error}");
    run.trouble.clone_from(&error.message);
    let wait = run.backoff.failed(error);
    run.busy_for(wait);
    for sent in sent {
        run.settled(sent.record, freed);
    }
    run.queue.put_back(sent.iter().map(|sent| sent.record));
}

fn fetch_again(run: &mut SideRun, request: FetchRequest, asked: Vec<Asked>, error: &SessionError) {
    run.trouble.clone_from(&error.message);
    let wait = run.backoff.failed(error);
    run.busy_for(wait);
    for (key, asked) in request.keys.into_iter().zip(asked) {
        match asked {
            Asked::News { tickets } => {
                run.readings.end(&key);
                run.want(key, tickets);
            }
            asked => run.fetches.push_back(Wanted { by: request.by.clone(), key, asked }),
        }
    }
}

fn settle(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    sent: &[Sent],
    outcomes: &[Outcome],
    follow: &mut Follow,
) {
    for (sent, outcome) in sent.iter().zip(outcomes) {
        if let (Some(written), Outcome::Applied(row) | Outcome::Overwrote(row, _)) = (&mut run.written, outcome) {
            written.note(&row.key);
        }
        if *outcome == Outcome::Gone && is_doubtful(set, run, sent) {
            run.certain(sent.record);
            run.settled(sent.record, &mut follow.freed);
            continue;
        }
        match planner.settle(set, run.id, sent, outcome) {
            Settled::Done => {
                run.certain(sent.record);
                run.queue.succeeded(sent.record);
                run.cleared.remove(&sent.record);
                run.unheard.remove(&sent.record);
                if let Outcome::Applied(row) = outcome
                    && sent.intent.action == Action::Create
                    && look_after(planner.spec, set, run, sent.record, &row.key)
                {
                    follow.notices.push(made(run, &row.key));
                    continue;
                }
                follow.settled.push((run.id, sent.record));
                run.settled(sent.record, &mut follow.freed);
            }
            Settled::Refetch(_) if run.uncertain.audits && sent.intent.action != Action::Create => {
                // Sent once more it looks first, and tells what it had overwritten.
                run.uncertain.add(sent.record);
                run.settled(sent.record, &mut follow.freed);
                run.queue.delay(sent.record, BUSY_WAIT_MIN);
            }
            Settled::Refetch(key) => {
                if sent.intent.action == Action::Create {
                    run.unheard.insert(sent.record);
                }
                refetch(planner, run, sent, key, follow);
            }
            Settled::Retry { after_ms } => {
                let wait = std::time::Duration::from_millis(u64::from(after_ms)).max(BUSY_WAIT_MIN);
                match outcome {
                    Outcome::Throttled { .. } | Outcome::Unavailable { .. } => run.busy_for(wait),
                    _ => {}
                }
                run.settled(sent.record, &mut follow.freed);
                run.queue.delay(sent.record, wait);
            }
        }
    }
}

/// A row was made: whether somebody else made it as well is looked at where the side does
/// not refuse that.
fn look_after(spec: &SyncSpec, set: &Workset, run: &mut SideRun, record: RecordId, key: &Key) -> bool {
    let told = set.get(record).map(|record| plan::told_by(record, run.id)).unwrap_or_default();
    let looks = run.look_for_twins(spec, set, record, (key, Maker::Runtime(told.clone())));
    if looks {
        run.just_made.add(Instant::now(), record, key, Maker::Runtime(told));
    }
    looks
}

/// So that it is looked whether somebody made the row as well, whatever happens until then.
fn made(run: &SideRun, key: &Key) -> NoticeChange {
    NoticeChange::Put { side: run.id, key: key.clone(), told: Notice::Made }
}

/// A write found no row where one is known: see [`super::doubt`]. What the record
/// wants there is looked at again when that is cleared.
fn is_doubtful(set: &Workset, run: &mut SideRun, sent: &Sent) -> bool {
    let link = set.get(sent.record).and_then(|record| record.link(run.id)).filter(|link| link.is_live());
    match (link, &sent.intent.key) {
        (Some(link), Some(key)) if link.key.as_ref() == Some(key) => {
            run.doubts.add(key, &[], sent.record, link);
            true
        }
        _ => false,
    }
}

/// The link stays blocked until the row was read again.
fn refetch(planner: &Planner<'_>, run: &mut SideRun, sent: &Sent, key: Option<Key>, follow: &mut Follow) {
    let lookup = match key.or_else(|| sent.intent.key.clone()) {
        Some(key) => Some((run.key_columns.clone(), key)),
        None => lookup(planner, run, sent),
    };
    match lookup {
        Some((by, key)) => {
            run.fetches.push_back(Wanted { by, key, asked: Asked::Refetch { sent: Box::new(sent.clone()) } })
        }
        // Nothing it could be found by: the stream will tell, if it was made.
        None => {
            run.settled(sent.record, &mut follow.freed);
            run.queue.delay(sent.record, std::time::Duration::from_secs(2));
        }
    }
}

fn lookup(planner: &Planner<'_>, run: &SideRun, sent: &Sent) -> Option<(Vec<String>, Key)> {
    super::deliver::lookup(planner.spec, run.id, &run.key_columns, sent)
}

/// Absorbs the rows of a batch, or has them wait for what they come after.
fn absorb_batch(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    told: &ParkedRow,
    follow: &mut Follow,
) {
    let (batch, ticket) = (&told.batch, told.ticket);
    for (index, row) in batch.rows.iter().enumerate() {
        let counted = told.counted || follow.counted.has(run.id, batch.kind, &row.key);
        let waited = told.waited;
        let alone = || ParkedRow { batch: Arc::new(one_row(batch, row)), ticket, counted, waited };
        run.readings.overtake(&row.key);
        if follow.behind.has(set, run.id, &row.key) {
            follow.behind.add_moved(planner.spec, run.id, batch, index);
            run.watermark.hold(ticket);
            follow.freed.push_back((run.id, alone()));
            continue;
        }
        let moved = |planner: &Planner<'_>| plan::moved_to(planner.spec, run.id, batch, index);
        let mut sent_before = None;
        match run.moves_with(&row.key).or_else(|| set.by_key(run.id, &row.key)) {
            Some(record) if run.blocks(record) => {
                let moved = moved(planner);
                keep_while_parked(planner, set, run, &alone(), follow);
                run.park(record, alone(), moved);
                continue;
            }
            Some(record) => follow.touched.push(record),
            None => {
                sent_before = planner.create_before(set, run.id, (batch, index), |record| run.may_have_sent(record));
                // Its delete, too: it would find nothing, and the row would be believed to be there.
                let in_flight = |record: RecordId| run.in_flight.contains(&record);
                let may_be_one = !waited || planner.told_match(set, run.id, (batch, index), in_flight).is_some();
                let twin = matches_made(planner, set, run, (batch, index));
                let twin = twin.filter(|twin| run.awaits_look(planner.spec, set, &row.key, *twin));
                if let Some(group) = run.creating_group().filter(|_| may_be_one || twin.is_some()) {
                    keep_while_parked(planner, set, run, &alone(), follow);
                    run.park_stranger(group, alone());
                    continue;
                }
                if let Some(record) = twin {
                    keep_while_parked(planner, set, run, &alone(), follow);
                    run.park(record, alone(), None);
                    continue;
                }
                if batch.kind == ChangeKind::Delete {
                    let made = planner.presume_made(set, run.id, &row.key, |record| run.may_have_made(record, false));
                    run.regained.note_gone(&row.key, made);
                }
            }
        }
        match planner.absorb(set, run.id, batch, index) {
            Absorbed::Done => {
                run.look_for_made(planner.spec, set, &row.key, sent_before);
                run.hints.follow(&row.key, || alone().batch);
                follow.forget_parked(run, &row.key);
            }
            Absorbed::Stale => {}
            Absorbed::Fetch(key) => {
                let batch = alone().batch;
                if run.hints.add(&key, batch.clone()) {
                    follow.keep_glimpse(run, &key, &batch);
                }
                run.watermark.hold(ticket);
                run.want(key, vec![ticket]);
            }
        }
    }
    run.watermark.free(ticket);
}

/// The record that a row nobody knows matches, and of which one was made a moment ago.
fn matches_made(
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

/// What a row shows that has to wait is kept in the state meanwhile where the stream
/// may not tell it again.
fn keep_while_parked(
    planner: &mut Planner<'_>,
    set: &Workset,
    run: &mut SideRun,
    told: &ParkedRow,
    follow: &mut Follow,
) {
    let Some(row) = told.batch.rows.first().filter(|_| planner.is_fleeting(set, run.id, &told.batch)) else {
        return;
    };
    if run.hints.glimpse(&row.key, told.batch.clone()) {
        follow.keep_glimpse(run, &row.key, &told.batch);
    }
}

fn one_row(batch: &ChangeBatch, row: &ChangeRow) -> ChangeBatch {
    ChangeBatch {
        object: batch.object.clone(),
        kind: batch.kind,
        columns: batch.columns.clone(),
        rows: vec![row.clone()],
        origin: batch.origin.clone(),
    }
}

/// Whether a row that cannot be ordered differs from what is known of it. It may
/// have been read before a write or a change that is known already: taken for
/// news it would undo that at every side. It is read again, under its lock.
fn shows_something_else(spec: &SyncSpec, side: SideId, link: &Link, row: &Row) -> bool {
    let Some(side) = spec.side(side).filter(|_| row.version.order.is_empty() && link.presence == Presence::Live) else {
        return false;
    };
    spec.fields().any(|field| {
        let shown = side.field(field.id).and_then(|here| row.cells.get(here.column)?.as_ref());
        shown.is_some() && shown != link.observed.get(usize::from(field.id.0)).and_then(Option::as_ref)
    })
}

fn absorb_page(planner: &mut Planner<'_>, set: &mut Workset, run: &mut SideRun, rows: &[Row], follow: &mut Follow) {
    for row in rows {
        if let Some(record) = set.by_key(run.id, &row.key) {
            follow.touched.push(record);
            let known = set.get(record).and_then(|record| record.link(run.id));
            let unsure = known.is_some_and(|link| shows_something_else(planner.spec, run.id, link, row));
            // The write in flight tells what the row holds; the compare after it, if it fails.
            if run.blocks(record) || unsure {
                follow.glimpse(run, row);
                run.want(row.key.clone(), Vec::new());
                continue;
            }
        } else if is_twin(planner, set, run, row) {
            run.want(row.key.clone(), Vec::new());
            continue;
        }
        planner.absorb_row(set, run.id, row);
    }
    if let Some(read) = &mut run.reading {
        *read += rows.len() as u64;
    }
}
