//! What reads of single rows brought: rows that were told of, rows that were
//! looked for and not found, and rows that tell what became of a write.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    change::{ChangeBatch, Found, Row},
    delta::{Notice, NoticeChange},
    key::Key,
    plan::{self, Maker, Planner, Sent, Workset},
    record::{Link, RecordId, SideId},
    spec::SyncSpec,
    value::Value,
    write::{Action, Outcome},
};
use tokio::time::Instant;

use super::{
    doubt::Doubt,
    follow::Follow,
    hint,
    reading::Reading,
    side::{SideRun, Wanted},
    told::shows_something_else,
    twins::is_twin,
};
use crate::{port::FetchRequest, writer::Asked};

pub(super) fn absorb_fetched(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    (request, asked, found): (&FetchRequest, &Vec<Asked>, &Vec<Found>),
    now: lockstep_core::value::Timestamp,
    follow: &mut Follow,
) {
    let mut rows: BTreeMap<usize, Vec<&Row>> = BTreeMap::new();
    for found in found {
        rows.entry(found.index as usize).or_default().push(&found.row);
    }
    for (index, (asked, key)) in asked.iter().zip(&request.keys).enumerate() {
        let rows = rows.remove(&index).unwrap_or_default();
        if !matches!(asked, Asked::News { .. } | Asked::Missing) {
            heed_known(planner.spec, set, run, &rows, follow);
        }
        match asked {
            Asked::News { tickets } => absorb_news(planner, set, run, (key, tickets, &rows), follow),
            Asked::Missing => absorb_second_look(planner, set, run, key, &rows, now, follow),
            Asked::Moved { key, .. } => absorb_third_look(planner, set, run, key, &rows, now, follow),
            Asked::Refetch { sent } => {
                if sent.intent.action == Action::Create {
                    if !take_as_made(planner, set, run, sent, &rows, follow) {
                        run.not_found(sent.record);
                    }
                } else if let Some(row) = rows.first() {
                    planner.absorb_row(set, run.id, row);
                }
                // A write whose row is missing is tried again: see `is_doubtful`.
                follow.settled.push((run.id, sent.record));
                run.settled(sent.record, &mut follow.freed);
            }
            Asked::Suspect { sent } => {
                run.cleared.insert(sent.record);
                if !take_as_made(planner, set, run, sent, &rows, follow) {
                    planner.absent(set, sent.record, run.id);
                    run.not_found(sent.record);
                }
                follow.settled.push((run.id, sent.record));
                run.settled(sent.record, &mut follow.freed);
            }
            Asked::Made { sent } => {
                planner.give_up_made(set, run.id, sent, &rows);
                follow.settled.push((run.id, sent.record));
                run.settled(sent.record, &mut follow.freed);
            }
            Asked::Twins { record, key: own, maker } => {
                planner.absorb_twins(set, run.id, *record, (own, maker), &rows);
                follow.settled.push((run.id, *record));
                run.settled(*record, &mut follow.freed);
            }
        }
    }
}

/// A look for something else showed rows that are known: what is new of them may be gone
/// before it is told. It is read for its own sake, and kept until then.
fn heed_known(spec: &SyncSpec, set: &Workset, run: &mut SideRun, rows: &[&Row], follow: &mut Follow) {
    for row in rows {
        let link = set.by_key(run.id, &row.key).and_then(|record| set.get(record)?.link(run.id));
        if link.is_some_and(|link| shows_something_else(spec, run.id, link, row)) {
            follow.glimpse(run, row);
            run.want(row.key.clone(), Vec::new());
        }
    }
}

/// A row that was read because something was told of it.
fn absorb_news(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    (key, tickets, rows): (&Key, &[u64], &[&Row]),
    follow: &mut Follow,
) {
    let reading = run.readings.end(key);
    if news_waits(planner, set, run, (key, tickets, rows, reading), follow) {
        // It may be gone before it is read again.
        rows.iter().for_each(|row| follow.glimpse(run, row));
        return;
    }
    if rows.is_empty() {
        if !absorb_gone(planner, set, run, (key, tickets)) {
            return;
        }
    } else {
        absorb_found(planner, set, run, rows);
        match run.is_wanted(key) {
            true => run.hints.read(key, reading.told),
            false => drop(run.hints.take(key)),
        }
    }
    follow.forget_notice(run, key);
    tickets.iter().for_each(|ticket| run.watermark.free(*ticket));
}

/// Whether what was read comes after something that is not known yet: it is read again
/// then.
fn news_waits(
    planner: &mut Planner<'_>,
    set: &Workset,
    run: &mut SideRun,
    (key, tickets, rows, reading): (&Key, &[u64], &[&Row], Reading),
    follow: &Follow,
) -> bool {
    let record = set.by_key(run.id, key);
    if let Some(record) = record.filter(|record| run.uncertain.has(*record)) {
        run.uncertain.hold(record, (key.clone(), tickets.to_vec()));
        return true;
    }
    let unordered = rows.is_empty() || rows.iter().any(|row| row.version.order.is_empty());
    let in_flight = record.is_some_and(|record| run.in_flight.contains(&record));
    // Which of the two is newer cannot be told.
    let overtaken = unordered && (reading.overtaken || in_flight);
    // What was told of it before comes first, or it would live on.
    let told_before = || run.has_stranger(key) || follow.taken_up.contains(&(run.id, key.clone()));
    if overtaken || rows.is_empty() && record.is_none() && told_before() {
        run.want(key.clone(), tickets.to_vec());
        return true;
    }
    if awaits_another(planner, set, run, (key, tickets, rows)) {
        return true;
    }
    let waits = record.is_none() && waits_for_create(planner, set, run, (key, rows));
    if waits {
        run.want(key.clone(), tickets.to_vec());
    }
    waits
}

fn absorb_found(planner: &mut Planner<'_>, set: &mut Workset, run: &mut SideRun, rows: &[&Row]) {
    for row in rows {
        let unknown = set.by_key(run.id, &row.key).is_none();
        let create = || planner.create_before_row(set, run.id, row, |record| run.may_have_sent(record));
        let sent_before = unknown.then(create).flatten();
        planner.absorb_row(set, run.id, row);
        run.look_for_made(planner.spec, set, &row.key, sent_before);
    }
}

/// A row of which something was told is not there. False: it is known to have been, and
/// in doubt now.
fn absorb_gone(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    (key, tickets): (&Key, &[u64]),
) -> bool {
    let known = set.by_key(run.id, key).is_some();
    let shown: Vec<Arc<ChangeBatch>> = run.hints.of(key).cloned().collect();
    if !known && let Some(batch) = shown.iter().find(|batch| was_made(planner, set, run, batch)) {
        planner.absorb_told_last(set, run.id, batch, 0);
    }
    let is_thin = !shown.iter().any(|batch| hint::shows_all(batch, &run.selection));
    let made = planner.presume_made(set, run.id, key, |record| run.may_have_made(record, is_thin));
    run.regained.note_gone(key, made || known);
    if let Some((record, link)) = live_link(set, run.id, key) {
        // Its hints stay until that is believed.
        run.doubts.add(key, tickets, record, link);
        tickets.iter().for_each(|ticket| run.watermark.doubt(*ticket));
        return false;
    }
    // Known to be gone: what was told of it may be an edit made before that, of a row
    // that lived again meanwhile.
    let told = run.hints.take(key);
    for batch in told.glimpsed.iter().chain(&hint::end_of(&told.ordered)) {
        planner.keep_glimpse(set, run.id, batch, 0);
    }
    true
}

/// Whether a row that nobody knows, as read or as it was shown before it went, may be one
/// that is being made, or was a moment ago.
fn waits_for_create(planner: &mut Planner<'_>, set: &Workset, run: &mut SideRun, (key, rows): (&Key, &[&Row])) -> bool {
    if !rows.is_empty() {
        return rows.iter().any(|row| is_twin(planner, set, run, row));
    }
    let is_created = |record: RecordId| run.creating.values().any(|group| group.contains(&record));
    !run.creating.is_empty()
        && run.hints.of(key).any(|batch| planner.told_match(set, run.id, (batch, 0), is_created).is_some())
}

/// Whether a row that is gone, and of which this was shown, was that of a record of which
/// a create was sent, whose answer was never heard.
fn was_made(planner: &mut Planner<'_>, set: &Workset, run: &SideRun, batch: &ChangeBatch) -> bool {
    let made = |record: RecordId| run.may_have_sent(record) && !run.in_flight.contains(&record);
    hint::shows_all(batch, &run.selection) && planner.told_match(set, run.id, (batch, 0), made).is_some()
}

/// A row that nobody knows matches a record that has another row here, as far as is
/// known: it waits until it was looked whether that one is still there. Else a row
/// that was made anew, and told of before the end of the one before it, would become
/// a second record.
fn awaits_another(
    planner: &mut Planner<'_>,
    set: &Workset,
    run: &mut SideRun,
    (key, tickets, rows): (&Key, &[u64], &[&Row]),
) -> bool {
    let looked = run.no_heirs.remove(key);
    let holder = rows.first().filter(|_| !looked).and_then(|row| planner.unsure_holder(set, run.id, row));
    let Some((record, other)) = holder else {
        return false;
    };
    let Some(link) = set.get(record).and_then(|record| record.link(run.id)) else {
        return false;
    };
    run.doubts.add(&other, &[], record, link);
    run.doubts.await_by(&other, key, tickets);
    tickets.iter().for_each(|ticket| run.watermark.doubt(*ticket));
    true
}

/// The record with a live row under this key, and what is known of the row.
pub(super) fn live_link<'w>(set: &'w Workset, side: SideId, key: &Key) -> Option<(RecordId, &'w Link)> {
    let record = set.by_key(side, key)?;
    let link = set.get(record)?.link(side).filter(|link| link.is_live())?;
    Some((record, link))
}

/// A row was not found at first. Believed if it is not there now either and the
/// stream, which has passed the first look, told nothing of it.
fn absorb_second_look(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    key: &Key,
    rows: &[&Row],
    now: lockstep_core::value::Timestamp,
    follow: &mut Follow,
) {
    let Some(doubt) = run.doubts.close(key) else {
        return;
    };
    if rows.is_empty()
        && let Some((record, link)) = live_link(set, run.id, key).filter(|(_, link)| **link != doubt.known)
    {
        // Something was learnt of it in between: it is looked for anew.
        look_anew(run, key, (record, link), &doubt);
        follow.settled.push((run.id, doubt.record));
        return;
    }
    if rows.is_empty()
        && let Some((by, matched)) = elsewhere(planner.spec, set, run, key)
    {
        let asked = Asked::Moved { record: doubt.record, key: key.clone() };
        run.fetches.push_back(Wanted { by, key: matched, asked });
        run.doubts.keep(key, doubt);
        return;
    }
    settle_doubt(planner, set, run, (key, rows, doubt), now, follow);
}

/// A row that is not under its key was looked for by what it matches: one there that
/// nobody knows is this one, under a key that it got meanwhile.
fn absorb_third_look(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    key: &Key,
    rows: &[&Row],
    now: lockstep_core::value::Timestamp,
    follow: &mut Follow,
) {
    let Some(doubt) = run.doubts.close(key) else {
        return;
    };
    let live = live_link(set, run.id, key);
    let found = live.and_then(|_| heir(set, run.id, rows.iter().copied()));
    let found = found.filter(|row| !planner.is_awaited(set, run.id, row));
    if let Some((record, link)) = live
        && (*link != doubt.known || found.is_some() && (run.blocks(record) || !run.creating.is_empty()))
    {
        // Or what was found may be what a write in flight has made.
        look_anew(run, key, (record, link), &doubt);
        follow.settled.push((run.id, doubt.record));
        return;
    }
    // As the stream would have told of it: the row of the former key shows the new one.
    let moved = found.map(|row| Row { key: key.clone(), ..row.clone() });
    let rows: Vec<&Row> = moved.iter().collect();
    settle_doubt(planner, set, run, (key, &rows, doubt), now, follow);
}

fn look_anew(run: &mut SideRun, key: &Key, (record, link): (RecordId, &Link), doubt: &Doubt) {
    run.doubts.add(key, &doubt.tickets, record, link);
    doubt.heirs.iter().for_each(|(heir, tickets)| run.doubts.await_by(key, heir, tickets));
}

/// Where a stream tells every end but did not tell of this one, what else the row could
/// be found by: what it last showed of the first match fields that say more than its key.
pub(super) fn elsewhere(spec: &SyncSpec, set: &Workset, run: &SideRun, key: &Key) -> Option<(Vec<String>, Key)> {
    let (_, link) = live_link(set, run.id, key).filter(|_| run.written.is_none())?;
    matched_by(spec, link)
}

/// The columns and values of the first match fields that say more than the row's key, as
/// it last showed them.
pub(super) fn matched_by(spec: &SyncSpec, link: &Link) -> Option<(Vec<String>, Key)> {
    let side = spec.side(link.side)?;
    spec.match_on.iter().find_map(|fields| {
        let places: Option<Vec<usize>> = fields.iter().map(|field| Some(side.field(*field)?.column)).collect();
        let places = places.filter(|places| places.iter().any(|place| !side.key.contains(place)))?;
        let shown = fields.iter().map(|field| link.observed(*field).filter(|value| !value.is_null()).cloned());
        let shown: Option<Vec<Value>> = shown.collect();
        let by: Option<Vec<String>> = places.iter().map(|place| side.columns.get(*place).cloned()).collect();
        Some((by?, Key::new(shown?)))
    })
}

/// The only one of these rows that nobody knows.
pub(super) fn heir<'r>(set: &Workset, side: SideId, rows: impl Iterator<Item = &'r Row>) -> Option<&'r Row> {
    let mut unknown = rows.filter(|row| set.by_key(side, &row.key).is_none());
    unknown.next().filter(|_| unknown.next().is_none())
}

/// Takes the row as it is, or as gone, and frees what waited for that.
fn settle_doubt(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    (key, rows, doubt): (&Key, &[&Row], Doubt),
    now: lockstep_core::value::Timestamp,
    follow: &mut Follow,
) {
    let known = live_link(set, run.id, key).map(|(record, _)| record);
    for row in rows {
        planner.absorb_row(set, run.id, row);
    }
    if let Some(record) = known {
        if rows.is_empty() {
            // Edits made before it went, which nothing else shows any more. What a later one
            // replaced decides nothing: it may be a write of ours that is known by more.
            let told = run.hints.take(key);
            let (replaced, last) = hint::replaced(&told.ordered);
            for batch in told.glimpsed.into_iter().chain(replaced) {
                planner.keep_glimpse(set, run.id, &batch, 0);
            }
            for batch in last {
                planner.absorb_told_last(set, run.id, &batch, 0);
            }
            planner.absorb_missing(set, run.id, key, now);
        }
        follow.settled.push((run.id, record));
    }
    if !rows.is_empty() && !run.is_wanted(key) {
        run.hints.take(key);
    }
    follow.forget_notice(run, key);
    // Its row may be under another key by now: a write that missed it is wanted still.
    follow.settled.push((run.id, doubt.record));
    for ticket in doubt.tickets {
        run.watermark.clear(ticket);
    }
    for (heir, tickets) in doubt.heirs {
        for ticket in &tickets {
            run.watermark.hold(*ticket);
            run.watermark.clear(*ticket);
        }
        run.no_heirs.insert(heir.clone());
        run.want(heir, tickets);
    }
}

/// Links a row that was found for a create that may have been sent: one that is nobody
/// else's. Of several, the one that holds what was sent is ours, and the others are rows
/// that somebody made in the same moment. False: there is none.
fn take_as_made(
    planner: &mut Planner<'_>,
    set: &mut Workset,
    run: &mut SideRun,
    sent: &Sent,
    rows: &[&Row],
    follow: &mut Follow,
) -> bool {
    if set.get(sent.record).and_then(|record| record.link(run.id)).is_some_and(Link::is_live) {
        // It has one meanwhile, which somebody may have made as well.
        planner.give_up_made(set, run.id, sent, rows);
        return true;
    }
    let unknown: Vec<&Row> = rows.iter().filter(|row| set.by_key(run.id, &row.key).is_none()).copied().collect();
    let mut ours = unknown.iter().filter(|row| plan::holds(row, sent));
    let ours = ours.next().filter(|_| ours.next().is_none());
    let Some(row) = ours.or(unknown.first()) else {
        return false;
    };
    if ours.is_none() && planner.lives_elsewhere(set, run.id, sent.record, row) {
        return false;
    }
    drop(planner.settle(set, run.id, sent, &Outcome::Duplicate((*row).clone())));
    let record = set.get(sent.record).filter(|_| ours.is_some());
    let maker = record.map_or(Maker::Unknown, |record| Maker::Runtime(plan::told_by(record, run.id)));
    if unknown.len() > 1 {
        planner.absorb_twins(set, run.id, sent.record, (&row.key, &maker), &unknown);
    }
    let refuses = planner.spec.side(run.id).is_none_or(|side| side.refuses_twins);
    if ours.is_some() && !refuses {
        run.just_made.add(Instant::now(), sent.record, &row.key, maker);
        follow.notices.push(NoticeChange::Put { side: run.id, key: row.key.clone(), told: Notice::Made });
    }
    true
}
