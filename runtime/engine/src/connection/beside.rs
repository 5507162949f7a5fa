//! A first copy read beside the stream, by a session of its own: where rows carry
//! no place in the stream, they need not be read in a snapshot of it, and what
//! people do meanwhile must not wait for a million rows. Knows nothing of what
//! the stream tells but the keys it names.

use std::{collections::HashSet, sync::Arc, time::Duration};

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Page, Row, Version},
    key::Key,
    record::SideId,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};

use super::{FromStream, Subscriber};
use crate::{
    Connector, Role, Session, SessionError,
    policy::{Backoff, Reaction, reaction},
    port::PageRequest,
};

/// Keys the stream may name while a page is read; with more the page is read again.
const NAMED_MAX: usize = 50_000;
/// How often it is looked whether a sync has room for another page.
const LOOK: Duration = Duration::from_millis(2);

/// A session's answer, with the session for the next page.
type Answered = (Option<Box<dyn Session>>, Result<Page, SessionError>);
type To = mpsc::Sender<(SideId, FromStream)>;

/// The reading of one side.
pub(super) struct Beside {
    pub(super) who: Subscriber,
    connector: Arc<dyn Connector>,
    session: Option<Box<dyn Session>>,
    step: Step,
    /// What the stream named since the page was asked for: what the page shows of
    /// it may be older.
    named: HashSet<Key>,
    too_many: bool,
    backoff: Backoff,
}

enum Step {
    /// Nothing is asked before this.
    Rests(Instant),
    Asked(oneshot::Receiver<Answered>),
    /// Read; it waits for room.
    Read(Page),
}

/// What came of it.
pub(super) enum Came {
    /// Another page is to be asked for.
    Due,
    /// A page may be handed over now.
    Page(Page),
    Failed(SessionError),
}

/// A page's rows as far as they can be believed, and the keys of the others.
pub(super) struct Sifted {
    pub(super) rows: Vec<Row>,
    pub(super) doubted: Vec<Key>,
}

impl Beside {
    pub(super) fn new(who: Subscriber, connector: Arc<dyn Connector>) -> Self {
        let backoff = Backoff::new(&format!("{}/copy", who.sync));
        let step = Step::Rests(Instant::now());
        Beside { who, connector, session: None, step, named: HashSet::new(), too_many: false, backoff }
    }

    /// Has a page read by a task of its own.
    pub(super) fn ask(&mut self, request: PageRequest) {
        self.named.clear();
        self.too_many = false;
        let (tell, answer) = oneshot::channel();
        let (connector, held) = (Arc::clone(&self.connector), self.session.take());
        tokio::spawn(async move {
            let opened = match held {
                Some(session) => Ok(session),
                None => connector.open(Role::Read).await,
            };
            let answered: Answered = match opened {
                Ok(mut session) => {
                    let page = session.read(&request).await;
                    (Some(session), page)
                }
                Err(error) => (None, Err(error)),
            };
            // Whoever asked may have lost interest.
            let _ = tell.send(answered);
        });
        self.step = Step::Asked(answer);
    }

    /// The stream tells something of these rows.
    pub(super) fn notice(&mut self, batches: &[Arc<ChangeBatch>]) {
        if matches!(self.step, Step::Rests(_)) {
            return;
        }
        for row in batches.iter().flat_map(|batch| &batch.rows) {
            if self.named.len() >= NAMED_MAX {
                self.too_many = true;
                return;
            }
            self.named.insert(row.key.clone());
        }
    }

    /// Waits for what comes next. May be broken off and called again.
    pub(super) async fn next(&mut self, to: &To) -> Came {
        loop {
            match &mut self.step {
                Step::Rests(until) => {
                    sleep_until(*until).await;
                    return Came::Due;
                }
                Step::Asked(answer) => {
                    let answered = answer.await;
                    if let Some(failed) = self.answered(answered.ok()) {
                        return Came::Failed(failed);
                    }
                }
                Step::Read(_) => {
                    // Rows of a copy wait until there is room enough: what the stream
                    // brings must not queue up behind them.
                    while !to.is_closed() && to.capacity() * 2 < to.max_capacity() {
                        sleep(LOOK).await;
                    }
                    let rests = Step::Rests(Instant::now());
                    if self.too_many {
                        // Too much happened while it waited: it is read again.
                        self.step = rests;
                        return Came::Due;
                    }
                    if let Step::Read(page) = std::mem::replace(&mut self.step, rests) {
                        return Came::Page(page);
                    }
                }
            }
        }
    }

    /// Takes an answer. The error, where it is one.
    fn answered(&mut self, answered: Option<Answered>) -> Option<SessionError> {
        match answered {
            Some((session, Ok(page))) => {
                self.session = session;
                self.backoff.succeeded();
                // Too much happened meanwhile: it is read again.
                self.step = if self.too_many { Step::Rests(Instant::now()) } else { Step::Read(page) };
                None
            }
            Some((session, Err(error))) => {
                self.session = session.filter(|_| reaction(error.kind) == Reaction::Again);
                self.step = Step::Rests(Instant::now() + self.backoff.failed(&error));
                Some(error)
            }
            // The task is gone with its session.
            None => {
                self.step = Step::Rests(Instant::now() + self.backoff.wait(None));
                None
            }
        }
    }

    /// Takes out the rows that the stream named since the page was asked for.
    pub(super) fn sift(&mut self, rows: Vec<Row>) -> Sifted {
        let named = std::mem::take(&mut self.named);
        let (doubted, rows): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| named.contains(&row.key));
        Sifted { rows, doubted: doubted.into_iter().map(|row| row.key).collect() }
    }
}

/// These are to be read again, one by one.
pub(super) fn invalidated(object: &str, keys: Vec<Key>) -> ChangeBatch {
    let row = |key| ChangeRow { key, cells: Vec::new(), version: Version::default(), at: None };
    ChangeBatch {
        object: object.into(),
        kind: ChangeKind::Invalidate,
        columns: Arc::from([]),
        rows: keys.into_iter().map(row).collect(),
        origin: "".into(),
    }
}

/// Whether rows of a full read have no place in the stream: nothing is won by
/// reading them in its snapshot. `None`: a page without rows does not tell.
pub(super) fn has_no_place(page: &Page) -> Option<bool> {
    page.rows.first().map(|row| row.version.order.is_empty())
}
