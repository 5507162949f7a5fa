//! What streams and full reads told of rows: absorbed, or waiting for what they come after.

use std::sync::Arc;

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Row},
    plan::{self, Absorbed, Planner, Workset},
    record::{Link, Presence, RecordId, SideId},
    spec::SyncSpec,
};

use super::{
    follow::Follow,
    side::{ParkedRow, SideRun},
    twins::{is_twin, matches_made},
};

/// Absorbs the rows of a batch, or has them wait for what they come after.
pub(super) fn absorb_batch(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    told: &ParkedRow,
    follow: &mut Follow,
) {
    for (index, row) in told.batch.rows.iter().enumerate() {
        let one = One { told, index, row, counted: follow.counted.has(run.id, told.batch.kind, &row.key) };
        run.readings.overtake(&row.key);
        let waits = waits_behind(planner, set, run, &one, follow)
            || match run.moves_with(&row.key).or_else(|| set.by_key(run.id, &row.key)) {
                Some(record) => waits_for_write(planner, set, run, (&one, record), follow),
                None => stranger_waits(planner, set, run, &one, follow),
            };
        if !waits {
            absorb_one(planner, set, run, &one, follow);
        }
    }
    run.watermark.free(told.ticket);
}

/// One row of what was told.
struct One<'t> {
    told: &'t ParkedRow,
    index: usize,
    row: &'t ChangeRow,
    /// The delete storm guard has admitted it in this turn.
    counted: bool,
}

impl One<'_> {
    fn place(&self) -> (&ChangeBatch, usize) {
        (&self.told.batch, self.index)
    }

    fn kind(&self) -> ChangeKind {
        self.told.batch.kind
    }

    /// As a batch of its own.
    fn alone(&self) -> ParkedRow {
        ParkedRow {
            batch: Arc::new(one_row(&self.told.batch, self.row)),
            ticket: self.told.ticket,
            counted: self.told.counted || self.counted,
            waited: self.told.waited,
        }
    }
}

/// What was told of the same row, or of its record's row before it, waits for the next
/// turn: so does this.
fn waits_behind(
    planner: &mut Planner<'_>,
    set: &Workset,
    run: &mut SideRun,
    one: &One<'_>,
    follow: &mut Follow,
) -> bool {
    let key = &one.row.key;
    if follow.behind.is_empty() {
        return false;
    }
    let behind = &follow.behind;
    let waits = behind.has(set, run.id, key)
        || unknown_match(planner, set, run.id, one, |record| behind.has_record(run.id, record)).is_some();
    if waits {
        follow.behind.add(run.id, key);
        follow.behind.add_moved(planner.spec, run.id, &one.told.batch, one.index);
        run.watermark.hold(one.told.ticket);
        follow.freed.push_back((run.id, one.alone()));
    }
    waits
}

/// A write of the record is in flight, or nobody knows what became of it.
fn waits_for_write(
    planner: &mut Planner<'_>,
    set: &Workset,
    run: &mut SideRun,
    (one, record): (&One<'_>, RecordId),
    follow: &mut Follow,
) -> bool {
    let waits = run.blocks(record);
    if waits {
        let moved = plan::moved_to(planner.spec, run.id, &one.told.batch, one.index);
        keep_while_parked(planner, set, run, &one.alone(), follow);
        run.park(record, one.alone(), moved);
    } else {
        follow.touched.push(record);
    }
    waits
}

/// A row that nobody knows may be one that is being made, or was a moment ago, or one
/// that was made anew where the end of the row before it waits.
fn stranger_waits(
    planner: &mut Planner<'_>,
    set: &Workset,
    run: &mut SideRun,
    one: &One<'_>,
    follow: &mut Follow,
) -> bool {
    let key = &one.row.key;
    if !run.parked.is_empty()
        && let Some(record) = unknown_match(planner, set, run.id, one, |record| run.parked.contains_key(&record))
    {
        keep_while_parked(planner, set, run, &one.alone(), follow);
        run.park(record, one.alone(), Some(key.clone()));
        return true;
    }
    // Its delete, too: it would find nothing, and the row would be believed to be there.
    let in_flight = |record: RecordId| run.in_flight.contains(&record);
    let may_be_one = !one.told.waited || planner.told_match(set, run.id, one.place(), in_flight).is_some();
    let twin = matches_made(planner, set, run, one.place());
    let twin = twin.filter(|twin| run.awaits_look(planner.spec, set, key, *twin));
    if let Some(group) = run.creating_group().filter(|_| may_be_one || twin.is_some()) {
        keep_while_parked(planner, set, run, &one.alone(), follow);
        run.park_stranger(group, one.alone());
        return true;
    }
    if let Some(record) = twin {
        keep_while_parked(planner, set, run, &one.alone(), follow);
        run.park(record, one.alone(), None);
    }
    twin.is_some()
}

fn absorb_one(planner: &mut Planner<'_>, set: &mut Workset, run: &mut SideRun, one: &One<'_>, follow: &mut Follow) {
    let key = &one.row.key;
    let mut sent_before = None;
    if set.by_key(run.id, key).is_none() {
        sent_before = planner.create_before(set, run.id, one.place(), |record| run.may_have_sent(record));
        if one.kind() == ChangeKind::Delete {
            let made = planner.presume_made(set, run.id, key, |record| run.may_have_made(record, false));
            run.regained.note_gone(key, made);
        }
    }
    let absorbed = if follows_news(planner, set, run, one) {
        let moved = plan::moved_to(planner.spec, run.id, &one.told.batch, one.index);
        Absorbed::Fetch(moved.unwrap_or_else(|| key.clone()))
    } else {
        planner.absorb(set, run.id, &one.told.batch, one.index)
    };
    match absorbed {
        Absorbed::Done => {
            run.look_for_made(planner.spec, set, key, sent_before);
            run.hints.follow(key, || one.alone().batch);
            follow.forget_parked(run, key);
        }
        Absorbed::Stale => {}
        Absorbed::Fetch(key) => {
            let batch = one.alone().batch;
            if run.hints.add(&key, batch.clone()) {
                follow.keep_glimpse(run, &key, &batch);
            }
            run.watermark.hold(one.told.ticket);
            run.want(key, vec![one.told.ticket]);
        }
    }
}

/// The record of this kind that a row matches which nobody knows.
fn unknown_match(
    planner: &mut Planner<'_>,
    set: &Workset,
    side: SideId,
    one: &One<'_>,
    is_such: impl Fn(RecordId) -> bool,
) -> Option<RecordId> {
    let unknown = one.kind() == ChangeKind::Upsert && set.by_key(side, &one.row.key).is_none();
    unknown.then(|| planner.told_match(set, side, one.place(), is_such)).flatten()
}

/// Whether a row that nobody knows matches a record with another row here of which
/// something was told that is not known yet, such as its end: it is read after that.
fn follows_news(planner: &mut Planner<'_>, set: &Workset, run: &SideRun, one: &One<'_>) -> bool {
    let has_news = |record: RecordId| {
        let link = set.get(record).and_then(|record| record.link(run.id)).filter(|link| link.is_live());
        let key = link.and_then(|link| link.key.as_ref());
        key.is_some_and(|key| run.is_wanted(key) || run.doubts.concern(key))
    };
    run.expects_news() && unknown_match(planner, set, run.id, one, has_news).is_some()
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
pub(super) fn shows_something_else(spec: &SyncSpec, side: SideId, link: &Link, row: &Row) -> bool {
    let Some(side) = spec.side(side).filter(|_| row.version.order.is_empty() && link.presence == Presence::Live) else {
        return false;
    };
    spec.fields().any(|field| {
        let shown = side.field(field.id).and_then(|here| row.cells.get(here.column)?.as_ref());
        shown.is_some() && shown != link.observed.get(usize::from(field.id.0)).and_then(Option::as_ref)
    })
}

pub(super) fn absorb_page(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    rows: &[Row],
    follow: &mut Follow,
) {
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
