//! Running the groups of a plan, and settling what became of every intent.

use std::collections::VecDeque;

use lockstep_sdk::model::{Cell, Outcome, Row, WriteRequest};

use crate::failure::{Failure, Result};
use crate::wire::Param;

use super::super::Session;
use super::super::database::{Database, Known};
use super::super::fetch::{numbered_row, rows_by};
use super::super::shape::Shape;
use super::BUSY_TRIES;
use super::group::{Action, Group, Plan};
use super::locked::set_aside;
use super::refuse::{is_about_rows, is_locked, is_passing, is_undefined, rejection};

/// Statements are sent ahead of their predecessors' answers only up to this
/// many bytes, so that neither end waits for the other to read.
const AHEAD_BYTES: usize = 32 * 1024;

/// A group with the rows that its statement returned.
type Returned = (Group, Vec<(u32, Row)>);

/// How an attempt to run groups as one transaction ended.
enum Ended {
    Committed(Vec<Returned>),
    /// Nothing was written, and this is why.
    Refused(Failure),
    /// Which row answers which create cannot be told; nothing was written.
    Unclear,
    /// The connection broke: it may or may not have been written.
    Lost(String),
}

pub fn run(session: &mut Session, known: &Known, request: &WriteRequest, mut plan: Plan) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; request.intents.len()];
    for (at, outcome) in std::mem::take(&mut plan.refused) {
        put(&mut outcomes, at, outcome);
    }
    let first = std::mem::take(&mut plan.groups);
    let mut work: VecDeque<(Vec<Group>, u32)> = VecDeque::new();
    if !first.is_empty() {
        work.push_back((first, 0));
    }
    let mut unmatched = Vec::new();
    while let Some((groups, tries)) = work.pop_front() {
        let ended = match session.database() {
            Ok(database) => attempt(database, known, request, &plan, &groups),
            Err(failure) => Ended::Refused(failure),
        };
        match ended {
            Ended::Committed(returned) => {
                for (group, rows) in returned {
                    settle(known, request, &plan, group, rows, &mut outcomes, &mut unmatched);
                }
            }
            Ended::Lost(why) => all(&groups, &mut outcomes, |_| Outcome::Unknown(why.clone())),
            Ended::Unclear => take_apart(groups, &mut work),
            Ended::Refused(failure) if is_passing(&failure) && tries < BUSY_TRIES => {
                work.push_front((groups, tries + 1));
            }
            Ended::Refused(failure) if is_locked(&failure) && tries < BUSY_TRIES => {
                let free = session.database().and_then(|database| set_aside(database, known, request, &groups));
                let Ok((free, locked)) = free else {
                    all(&groups, &mut outcomes, |_| Outcome::Unavailable(failure.to_string()));
                    continue;
                };
                let why = "another transaction holds the row";
                locked.into_iter().for_each(|at| put(&mut outcomes, at, Outcome::Unavailable(why.into())));
                if !free.is_empty() {
                    work.push_front((free, tries + 1));
                }
            }
            // Not the rows' fault: the next call says which column is missing.
            Ended::Refused(failure) if is_undefined(&failure) && was_altered(session, request) => {
                all(&groups, &mut outcomes, |_| Outcome::Unavailable(failure.to_string()));
            }
            Ended::Refused(failure) if is_about_rows(&failure) => match groups.as_slice() {
                [only] if only.intents.len() == 1 => {
                    all(&groups, &mut outcomes, |_| rejection(known, &failure));
                }
                _ => take_apart(groups, &mut work),
            },
            Ended::Refused(failure) => {
                all(&groups, &mut outcomes, |_| Outcome::Unavailable(failure.to_string()));
            }
        }
    }
    look_up(session, known, request, &plan, unmatched, &mut outcomes);
    let missing = || Outcome::Unavailable("not tried".into());
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
}

/// Whether the table lacks something now that is written or returned.
fn was_altered(session: &mut Session, request: &WriteRequest) -> bool {
    let Ok(database) = session.database() else {
        return false;
    };
    database.forget();
    let lacks = |known: &Known| {
        let mut columns = request.columns.iter().chain(&request.returning);
        columns.any(|column| known.table.position(column).is_none())
    };
    database.find_table(&request.object).is_ok_and(|known| known.is_none_or(|known| lacks(&known)))
}

fn put(outcomes: &mut [Option<Outcome>], at: usize, outcome: Outcome) {
    if let Some(place) = outcomes.get_mut(at) {
        *place = Some(outcome);
    }
}

fn all(groups: &[Group], outcomes: &mut [Option<Outcome>], outcome: impl Fn(usize) -> Outcome) {
    for at in groups.iter().flat_map(|group| &group.intents) {
        put(outcomes, *at, outcome(*at));
    }
}

/// Smaller transactions instead of one, in the same order.
fn take_apart(groups: Vec<Group>, work: &mut VecDeque<(Vec<Group>, u32)>) {
    let parts: Vec<Group> = match groups.as_slice() {
        [only] => only.halves().into(),
        _ => groups,
    };
    for part in parts.into_iter().rev() {
        if !part.intents.is_empty() {
            work.push_front((vec![part], 0));
        }
    }
}

/// Run groups as one transaction.
fn attempt(database: &mut Database, known: &Known, request: &WriteRequest, plan: &Plan, groups: &[Group]) -> Ended {
    // Only a create of several rows can leave open which row is whose; then the
    // transaction must wait for that to be seen before it commits.
    let explicit = groups.iter().any(|group| group.action == Action::Create && group.intents.len() > 1);
    let mut sent_all = false;
    let result = exchange(database, known, request, plan, groups, explicit, &mut sent_all);
    match result {
        Ok(returned) if !explicit => Ended::Committed(returned),
        Ok(returned) => {
            let clear = returned.iter().all(|(group, rows)| is_clear(known, request, plan, group, rows));
            let end = if clear { "COMMIT" } else { "ROLLBACK" };
            match database.connection.simple(end) {
                Ok(_) if clear => match database.flush() {
                    Ok(()) => Ended::Committed(returned),
                    Err(failure) => Ended::Lost(failure.to_string()),
                },
                Ok(_) => Ended::Unclear,
                Err(failure) if failure.ends_connection() => Ended::Lost(failure.to_string()),
                Err(failure) => Ended::Refused(failure),
            }
        }
        Err(failure) if database.connection.is_broken() => {
            // An explicit transaction was not committed, whatever was sent.
            if sent_all && !explicit { Ended::Lost(failure.to_string()) } else { Ended::Refused(failure) }
        }
        Err(failure) => Ended::Refused(failure),
    }
}

fn exchange(
    database: &mut Database,
    known: &Known,
    request: &WriteRequest,
    plan: &Plan,
    groups: &[Group],
    explicit: bool,
    sent_all: &mut bool,
) -> Result<Vec<Returned>> {
    let timeline = database.timeline;
    let writes = groups.iter().any(|group| group.action != Action::Look);
    let mut flushing = false;
    let mut returned: Vec<Returned> = Vec::with_capacity(groups.len());
    let mut failed = None;
    if explicit {
        database.connection.queue("BEGIN", &[]);
    }
    let mut waiting = usize::from(explicit);
    for (at, group) in groups.iter().enumerate() {
        let (statement, params) = group.statement(known, request, plan);
        let params: Vec<Param<'_>> = params.iter().map(|bytes| Param::Binary(bytes)).collect();
        database.connection.queue(&statement, &params);
        waiting += 1;
        let last = at + 1 == groups.len();
        if !last && database.connection.queued_bytes() < AHEAD_BYTES {
            continue;
        }
        *sent_all |= last;
        flushing = last && writes && !explicit && database.queue_flush();
        let connection = &mut database.connection;
        if last {
            connection.sync()?
        } else {
            connection.flush()?
        }
        // Answers of what was sent: BEGIN's, then the groups' in order.
        while waiting > 0 && failed.is_none() {
            let is_begin = explicit && returned.is_empty() && waiting == at + 2;
            waiting -= 1;
            let mut rows = Vec::new();
            let shape = &plan.shape;
            let done = connection.result(&mut |mut row| {
                rows.push(numbered_row(&mut row, shape, timeline)?);
                Ok(())
            });
            match (done, is_begin) {
                (Ok(_), true) => {}
                (Ok(_), false) => {
                    if let Some(group) = groups.get(returned.len()) {
                        returned.push((group.clone(), rows));
                    }
                }
                (Err(failure), _) => failed = Some(failure),
            }
        }
        if failed.is_some() {
            if !last {
                connection.sync()?;
            }
            break;
        }
    }
    let ready = database.connection.ready();
    let mut outcome = match failed {
        Some(failure) => Err(failure),
        None => ready.map(|()| returned),
    };
    if flushing && !database.connection.is_broken() {
        // What was refused is not on the disk and need not be.
        let flushed = database.flushed();
        outcome = outcome.and_then(|returned| flushed.map(|()| returned));
    }
    if outcome.is_err() && explicit && !database.connection.is_broken() {
        database.connection.simple("ROLLBACK")?;
    }
    outcome
}

/// Whether it is certain which of a group's intents its rows answer.
fn is_clear(known: &Known, request: &WriteRequest, plan: &Plan, group: &Group, rows: &[(u32, Row)]) -> bool {
    group.action != Action::Create
        || rows.len() == group.intents.len()
        || rows.is_empty()
        || group.by_key(known, request, plan, &keys(rows)).is_some()
}

fn keys(rows: &[(u32, Row)]) -> Vec<Vec<Cell>> {
    rows.iter().map(|(_, row)| row.key.clone()).collect()
}

/// Outcomes of what a committed statement returned; the rest is to be looked up.
fn settle(
    known: &Known,
    request: &WriteRequest,
    plan: &Plan,
    group: Group,
    rows: Vec<(u32, Row)>,
    outcomes: &mut [Option<Outcome>],
    unmatched: &mut Vec<(Action, usize)>,
) {
    let places: Vec<usize> = match group.action {
        Action::Create if rows.len() == group.intents.len() => group.intents.clone(),
        Action::Create => group.by_key(known, request, plan, &keys(&rows)).unwrap_or_default(),
        Action::Update | Action::Delete | Action::Look => {
            rows.iter().map(|(at, _)| group.intents.get(*at as usize).copied().unwrap_or(usize::MAX)).collect()
        }
    };
    for (place, (_, row)) in places.into_iter().zip(rows) {
        put(outcomes, place, Outcome::Applied(row));
    }
    for at in &group.intents {
        if outcomes.get(*at).is_some_and(Option::is_none) {
            unmatched.push((group.action, *at));
        }
    }
}

/// What is there instead of what was expected.
fn look_up(
    session: &mut Session,
    known: &Known,
    request: &WriteRequest,
    plan: &Plan,
    unmatched: Vec<(Action, usize)>,
    outcomes: &mut [Option<Outcome>],
) {
    if unmatched.is_empty() {
        return;
    }
    let unavailable = |why: &Failure| Outcome::Unavailable(format!("nothing was written; looking at the row: {why}"));
    let (creates, others): (Vec<_>, Vec<_>) = unmatched.into_iter().partition(|(action, _)| *action == Action::Create);
    let intents = |list: &[(Action, usize)]| -> Vec<usize> { list.iter().map(|(_, at)| *at).collect() };
    let others = intents(&others);
    let keys: Vec<&[Cell]> =
        others.iter().filter_map(|at| request.intents.get(*at)).map(|intent| intent.key.as_slice()).collect();
    let found = session.database().and_then(|database| rows_by(database, known, &plan.shape, &known.table.key, &keys));
    match found {
        Err(failure) => others.iter().for_each(|at| put(outcomes, *at, unavailable(&failure))),
        Ok(found) => {
            others.iter().for_each(|at| put(outcomes, *at, Outcome::Gone));
            for found in found {
                if let Some(at) = others.get(found.index as usize) {
                    put(outcomes, *at, Outcome::Conflict(found.row));
                }
            }
        }
    }
    let creates = intents(&creates);
    if !creates.is_empty()
        && let Err(failure) = duplicates(session, known, request, plan, &creates, outcomes)
    {
        creates.iter().for_each(|at| put(outcomes, *at, unavailable(&failure)));
    }
}

/// The rows that creates clashed with, by the key or any unique columns.
fn duplicates(
    session: &mut Session,
    known: &Known,
    request: &WriteRequest,
    plan: &Plan,
    creates: &[usize],
    outcomes: &mut [Option<Outcome>],
) -> Result<()> {
    let shape: &Shape = &plan.shape;
    let sets = std::iter::once(&known.table.key).chain(known.table.uniques.iter().map(|unique| &unique.columns));
    for columns in sets {
        let open: Vec<usize> =
            creates.iter().copied().filter(|at| outcomes.get(*at).is_some_and(Option::is_none)).collect();
        let told: Option<Vec<usize>> =
            columns.iter().map(|column| plan.columns.iter().position(|asked| asked == column)).collect();
        let Some(told) = told else { continue };
        let key = |at: &usize| -> Option<Vec<Cell>> {
            let intent = request.intents.get(*at)?;
            told.iter().map(|column| intent.cells.get(*column).cloned()).collect()
        };
        let keys: Vec<Vec<Cell>> = open.iter().map(|at| key(at).unwrap_or_default()).collect();
        let slices: Vec<&[Cell]> = keys.iter().map(Vec::as_slice).collect();
        for found in rows_by(session.database()?, known, shape, columns, &slices)? {
            if let Some(at) = open.get(found.index as usize) {
                put(outcomes, *at, Outcome::Duplicate(found.row));
            }
        }
    }
    for at in creates {
        if outcomes.get(*at).is_some_and(Option::is_none) {
            // Left out, and yet nothing it clashes with can be seen: an exclusion
            // constraint, a trigger that dropped it, or a row deleted since.
            let why = "the database left the row out without an error and shows no row it clashes with";
            put(outcomes, *at, Outcome::reject("LS-PG-LEFT-OUT", "validation", why, Vec::new()));
        }
    }
    Ok(())
}
