//! What became of writes, and of reads that failed.

use std::collections::VecDeque;

use lockstep_core::{
    key::Key,
    plan::{Planner, Sent, Settled, Workset},
    record::SideId,
    write::{Action, Outcome},
};

use super::{
    deliver,
    follow::Follow,
    side::{ParkedRow, SideRun, Wanted},
    twins::{look_after, made},
};
use crate::{
    SessionError,
    port::FetchRequest,
    writer::{Asked, BUSY_WAIT_MIN},
};

pub(super) fn settle(
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
                run.uncertain.add(sent.record, sent.fields.iter().map(|(field, ..)| *field));
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
    deliver::lookup(planner.spec, run.id, &run.key_columns, sent)
}

/// Nothing of this group was written: it waits, and so does the side.
pub(super) fn not_sent(
    run: &mut SideRun,
    sent: &[Sent],
    error: &SessionError,
    freed: &mut VecDeque<(SideId, ParkedRow)>,
) {
    tracing::warn!(side = %run.name, code = error.kind.code(), writes = sent.len(), "{error}");
    run.trouble.clone_from(&error.message);
    let wait = run.backoff.failed(error);
    run.busy_for(wait);
    for sent in sent {
        run.settled(sent.record, freed);
    }
    run.queue.put_back(sent.iter().map(|sent| sent.record));
}

pub(super) fn fetch_again(run: &mut SideRun, request: FetchRequest, asked: Vec<Asked>, error: &SessionError) {
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
