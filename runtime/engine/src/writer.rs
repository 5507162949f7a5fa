//! One task a side: owns the write session and does one thing at a time, writes
//! and the fetches that confirm them. Knows nothing of records; the sync that
//! owns the side decides what an answer means.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use lockstep_core::{
    change::{Found, Row},
    key::Key,
    plan::{Maker, Sent},
    record::{RecordId, SideId},
    write::{Outcome, WriteRequest},
};
use tokio::sync::mpsc;

use crate::{
    Connector, Role, Session, SessionError, SessionErrorKind,
    failpoint::{self, Failpoint},
    policy::{Reaction, reaction},
    port::FetchRequest,
};

/// Jobs a writer holds: one under way, one ready.
pub(crate) const JOBS_MAX: usize = 2;

pub(crate) enum Job {
    Write { request: WriteRequest, sent: Vec<Sent> },
    Fetch { request: FetchRequest, asked: Vec<Asked> },
}

/// Why a key is fetched: decides what its answer, or its absence, means.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// The stream told too little; absorbing the answer frees these places.
    News { tickets: Vec<u64> },
    /// It was looked for before and not found; the stream has passed that moment.
    Missing,
    /// Nothing was there under this key of the record either: whether its row is under
    /// another one, looked for by what it matches.
    Moved { record: RecordId, key: Key },
    /// The outcome of a write to this record is unknown.
    Refetch { sent: Box<Sent> },
    /// A create that may have been sent by an earlier process.
    Suspect { sent: Box<Sent> },
    /// The row under this key was made at a side that does not refuse the same record
    /// twice: whether somebody made it as well, after it was looked for.
    Twins { record: RecordId, key: Key, maker: Maker },
    /// A row that somebody made is the record's, of which a create may have been sent
    /// before: whether that made another one.
    Made { sent: Box<Sent> },
}

impl Asked {
    /// Whether the answer tells what became of a write: it is to be taken whatever happens.
    pub(crate) fn settles(&self) -> bool {
        matches!(self, Asked::Refetch { .. } | Asked::Suspect { .. } | Asked::Twins { .. } | Asked::Made { .. })
    }
}

pub(crate) enum Answer {
    /// One outcome per intent.
    Written {
        sent: Vec<Sent>,
        outcomes: Vec<Outcome>,
    },
    /// Nothing was written.
    NotSent {
        sent: Vec<Sent>,
        error: SessionError,
    },
    Fetched {
        request: FetchRequest,
        asked: Vec<Asked>,
        found: Result<Vec<Found>, SessionError>,
    },
}

/// A way to a side's writer.
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    /// Jobs not answered yet, in order: the stream generation that each was given in.
    outstanding: VecDeque<u32>,
}

impl Writer {
    /// `answers` must take as many answers as writers hold jobs without blocking.
    pub(crate) fn spawn(side: SideId, connector: Arc<dyn Connector>, answers: mpsc::Sender<(SideId, Answer)>) -> Self {
        let (jobs, mut received) = mpsc::channel(JOBS_MAX);
        tokio::spawn(async move {
            let mut session: Option<Box<dyn Session>> = None;
            while let Some(job) = received.recv().await {
                let answer = perform(connector.as_ref(), &mut session, job).await;
                if answers.send((side, answer)).await.is_err() {
                    break;
                }
            }
            if let Some(session) = session {
                session.close().await;
            }
        });
        Writer { jobs, outstanding: VecDeque::new() }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.outstanding.len() < JOBS_MAX
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.outstanding.is_empty()
    }

    /// Gives a job to a writer that has room; false if it has stopped.
    pub(crate) fn give(&mut self, job: Job, generation: u32) -> bool {
        let given = self.jobs.try_send(job).is_ok();
        self.outstanding.extend(given.then_some(generation));
        given
    }

    /// An answer has come: the stream generation its job was given in.
    pub(crate) fn answered(&mut self) -> Option<u32> {
        self.outstanding.pop_front()
    }
}

async fn perform(connector: &dyn Connector, held: &mut Option<Box<dyn Session>>, job: Job) -> Answer {
    let session = match held {
        Some(session) => session,
        None => match connector.open(Role::Write).await {
            Ok(session) => held.insert(session),
            Err(error) => return not_done(job, error),
        },
    };
    match job {
        Job::Write { request, sent } => {
            failpoint::pass(Failpoint::BeforeWrite);
            let written = session.write(&request).await;
            failpoint::pass(Failpoint::AfterWriteBeforeSettle);
            if let Err(error) = &written {
                drop_if_spent(held, error.kind);
            }
            written_answer(sent, written)
        }
        Job::Fetch { request, asked } => {
            let found = session.fetch(&request).await;
            if let Err(error) = &found {
                drop_if_spent(held, error.kind);
            }
            Answer::Fetched { request, asked, found }
        }
    }
}

fn not_done(job: Job, error: SessionError) -> Answer {
    match job {
        Job::Write { sent, .. } => Answer::NotSent { sent, error },
        Job::Fetch { request, asked } => Answer::Fetched { request, asked, found: Err(error) },
    }
}

fn drop_if_spent(held: &mut Option<Box<dyn Session>>, kind: SessionErrorKind) {
    match reaction(kind) {
        Reaction::Again => {}
        Reaction::Reopen | Reaction::StartAnew | Reaction::Park => *held = None,
    }
}

fn written_answer(sent: Vec<Sent>, written: Result<Vec<Outcome>, SessionError>) -> Answer {
    let unknown = |reason: &str, sent: Vec<Sent>| Answer::Written {
        outcomes: sent.iter().map(|_| Outcome::Unknown { reason: reason.to_owned() }).collect(),
        sent,
    };
    match written {
        Ok(outcomes) if outcomes.len() == sent.len() => Answer::Written { sent, outcomes },
        Ok(_) => unknown("the connector did not answer every write", sent),
        Err(error) => match error.kind {
            // The contract: nothing was written.
            SessionErrorKind::Retry
            | SessionErrorKind::Throttled
            | SessionErrorKind::Auth
            | SessionErrorKind::Denied
            | SessionErrorKind::Config
            | SessionErrorKind::NotFound
            | SessionErrorKind::Unsupported => Answer::NotSent { sent, error },
            SessionErrorKind::Unavailable
            | SessionErrorKind::CursorInvalid
            | SessionErrorKind::CursorVersion
            | SessionErrorKind::Internal
            | SessionErrorKind::Crashed => unknown(&error.message, sent),
        },
    }
}

/// Rows in an answer belong to the stream generation in force when they were asked for.
pub(crate) fn stamp(answer: &mut Answer, generation: u32) {
    let set = |row: &mut Row| row.version.generation = generation;
    match answer {
        Answer::Written { outcomes, .. } => {
            for outcome in outcomes {
                match outcome {
                    Outcome::Applied(row)
                    | Outcome::Conflict(row)
                    | Outcome::Overwrote(row, _)
                    | Outcome::Duplicate(row) => set(row),
                    Outcome::Gone
                    | Outcome::Rejected(_)
                    | Outcome::Throttled { .. }
                    | Outcome::Unavailable { .. }
                    | Outcome::Unknown { .. } => {}
                }
            }
        }
        Answer::NotSent { .. } => {}
        Answer::Fetched { found, .. } => {
            if let Ok(found) = found {
                found.iter_mut().for_each(|found| set(&mut found.row));
            }
        }
    }
}

/// How long writes to a side wait at the least after it said it is busy.
pub(crate) const BUSY_WAIT_MIN: Duration = Duration::from_millis(20);
