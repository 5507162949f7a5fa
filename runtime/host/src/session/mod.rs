//! A session: one component instance, kept by one task, spoken to through a
//! handle. What the calls mean in a contract version is not known here.

mod backoff;
mod instance;
mod owner;
mod pages;
pub(crate) mod scratch;

pub(crate) use backoff::Backoff;
pub(crate) use instance::{Instance, NotMade};
pub(crate) use owner::stopped;
pub(crate) use scratch::bare;

use std::{sync::Arc, time::Duration};

use lockstep_core::{
    change::{Changes, Cursor, Found, Page, Selection},
    schema::{CheckItem, ConnectorSpec, Object},
    webhook::{Webhook, WebhookAnswer},
    write::{Outcome, WriteRequest},
};
use pages::Pages;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::{
    component::Component,
    credentials::Secrets,
    error::HostError,
    http::{Egress, Sent},
    incidents::Incident,
    ledger::Ledger,
    limits::Limits,
    metrics::{Counters, Meter, Metrics, add},
    network::{Denial, Denials, Policy, Roots},
    record::Track,
    request::{ChangesRequest, EnsureRequest, FetchRequest, PageRequest, Role},
    v0_1::{self, Answer, Ask},
};

/// Calls that may wait for their turn.
const WAITING_MAX: usize = 16;

/// Everything a session's instances are made from.
pub(crate) struct Setup {
    pub(crate) component: Component,
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) config: String,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) credentials_asked: Vec<String>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) denials: Arc<Denials>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) limits: Limits,
    /// Where what it does is recorded.
    pub(crate) track: Option<Arc<Track>>,
}

/// What the owning task is asked to do.
enum Job {
    Call {
        ask: Ask,
        limit: Duration,
        reply: oneshot::Sender<Result<Answer, HostError>>,
    },
    /// The answer to the last call broke the contract: throw the instance away.
    Fault(HostError),
    Unpark,
    /// The session is over; answered when its system has been told.
    Close(oneshot::Sender<()>),
}

/// A session with a connected system. Clones share it; calls are made one at a
/// time, in order. A call's future dropped before it is done stops the call and
/// throws the instance away.
#[derive(Clone)]
pub struct Session {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

/// What handles and the owning task both see.
pub(crate) struct Shared {
    pub(crate) counters: Arc<Counters>,
    pub(crate) denials: Arc<Denials>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) limits: Limits,
    pages: Mutex<Pages>,
    /// Its system is somewhere else: nothing is done there without a byte sent.
    is_networked: bool,
    egress: Arc<Egress>,
    spec: ConnectorSpecRef,
}

type ConnectorSpecRef = Component;

impl Shared {
    /// Bytes that left, and requests tried.
    fn sent(&self) -> (u64, u64) {
        let counted = self.counters.snapshot();
        (counted.bytes_sent, counted.requests)
    }
}

fn fault(call: &'static str, reason: &str) -> HostError {
    HostError::Fault { call, reason: reason.to_owned(), bound: "" }
}

impl Session {
    pub(crate) fn begin(setup: Setup) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let shared = Arc::new(Shared {
            counters: Arc::default(),
            denials: Arc::clone(&setup.denials),
            ledger: Arc::clone(&setup.ledger),
            pages: Mutex::default(),
            is_networked: setup.policy.asks_anything(),
            limits: setup.limits.clone(),
            egress: Arc::clone(&setup.egress),
            spec: setup.component.clone(),
        });
        tokio::spawn(owner::own(setup, Arc::clone(&shared), waiting));
        Session { jobs, shared }
    }

    /// What was counted so far.
    pub fn metrics(&self) -> Metrics {
        self.shared.counters.snapshot()
    }

    /// What the connector tried and may not, each with the line that would allow it.
    pub fn denials(&self) -> Vec<Denial> {
        self.shared.denials.list()
    }

    /// What the connection's sessions did wrong or were refused, oldest first.
    pub fn incidents(&self) -> Vec<Incident> {
        self.shared.ledger.incidents.list()
    }

    /// The connection's latest requests over HTTP, oldest first; those of its other sessions too.
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.egress.sent()
    }

    /// Let a parked session try again.
    pub async fn unpark(&self) {
        let _ = self.jobs.send(Job::Unpark).await;
    }

    /// End the session, for all its clones, and wait until its system was told or the time
    /// for that is over (two seconds). Calls that wait for their turn come first. A session whose last
    /// handle is dropped ends in the same way, with nobody waiting.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    pub async fn spec(&self) -> Result<ConnectorSpec, HostError> {
        self.shared.spec.spec().await.cloned()
    }

    pub async fn check(&self, objects: &[String]) -> Result<Vec<CheckItem>, HostError> {
        self.call(v0_1::ask::check(objects), 0, v0_1::answer::check).await
    }

    /// `objects` empty: every object there is.
    pub async fn discover(&self, objects: &[String]) -> Result<Vec<Object>, HostError> {
        self.call(v0_1::ask::discover(objects), 0, v0_1::answer::objects).await
    }

    /// Prepares the change stream for these objects and says where it starts.
    pub async fn start(&self, selections: &[Selection]) -> Result<Cursor, HostError> {
        self.call(v0_1::ask::start(selections), 0, v0_1::answer::position).await
    }

    /// Removes whatever `start` made at the source; says what it removed.
    pub async fn release(&self) -> Result<Vec<String>, HostError> {
        self.call(Ask::Release, 0, v0_1::answer::statements).await
    }

    pub async fn read(&self, request: &PageRequest) -> Result<Page, HostError> {
        let columns = request.selection.columns.len();
        let page = self
            .call(v0_1::ask::read(request), 0, |answer, limits| {
                let page = v0_1::answer::page(answer, columns, limits)?;
                match self.shared.pages.lock().repeat(&request.after, &page.next) {
                    true => Err(fault("read", "its pages go round in a circle")),
                    false => Ok(page),
                }
            })
            .await?;
        add(&self.shared.counters.rows_received, page.rows.len() as u64);
        Ok(page)
    }

    pub async fn changes(&self, request: &ChangesRequest) -> Result<Changes, HostError> {
        let ask = v0_1::ask::changes(request);
        let changes = self.call(ask, request.wait_ms, v0_1::answer::changes).await?;
        let rows: usize = changes.batches.iter().map(|batch| batch.rows.len()).sum();
        add(&self.shared.counters.rows_received, rows as u64);
        Ok(changes)
    }

    pub async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Found>, HostError> {
        let ask = v0_1::ask::fetch(request)?;
        let (keys, columns) = (request.keys.len(), request.selection.columns.len());
        let found = self.call(ask, 0, move |answer, limits| v0_1::answer::found(answer, keys, columns, limits)).await?;
        add(&self.shared.counters.rows_received, found.len() as u64);
        Ok(found)
    }

    /// One outcome per intent, in order. When this fails with
    /// [`HostError::lost_the_instance`], any of the intents may have been carried out.
    pub async fn write(&self, request: &WriteRequest) -> Result<Vec<Outcome>, HostError> {
        let ask = v0_1::ask::write(request)?;
        let (intents, returning) = (request.intents.len(), request.returning.len());
        add(&self.shared.counters.intents_sent, intents as u64);
        let before = self.shared.sent();
        self.call(ask, 0, |answer, limits| {
            let outcomes = v0_1::answer::outcomes(answer, intents, returning, limits)?;
            let claims = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Applied(_) | Outcome::Overwrote(..)));
            match claims && self.shared.is_networked && self.shared.sent() == before {
                true => Err(fault("write", "it tells of writes and sent nothing anywhere")),
                false => Ok(outcomes),
            }
        })
        .await
    }

    /// Creates or extends a destination object; returns the statements.
    pub async fn ensure(&self, request: &EnsureRequest) -> Result<Vec<String>, HostError> {
        self.call(v0_1::ask::ensure(request), 0, v0_1::answer::statements).await
    }

    /// Verifies a webhook and tells what it says.
    pub async fn ingest(&self, webhook: &Webhook) -> Result<WebhookAnswer, HostError> {
        let answer = self.call(v0_1::ask::ingest(webhook), 0, v0_1::answer::ingested).await?;
        let rows: usize = answer.batches.iter().map(|batch| batch.rows.len()).sum();
        add(&self.shared.counters.rows_received, rows as u64);
        Ok(answer)
    }

    /// What this session counts, readable also when it is gone.
    pub fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.shared.counters))
    }

    /// Ask, wait, and read the answer; a broken answer costs the instance.
    async fn call<T>(
        &self,
        ask: Ask,
        wait_ms: u32,
        read: impl FnOnce(Answer, &Limits) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let (reply, answer) = oneshot::channel();
        let limit = Duration::from_millis(self.shared.limits.call_ms_max + u64::from(wait_ms));
        self.jobs.send(Job::Call { ask, limit, reply }).await.map_err(|_| HostError::Closed)?;
        let answer = answer.await.map_err(|_| HostError::Closed)??;
        match read(answer, &self.shared.limits) {
            Ok(value) => Ok(value),
            Err(fault) => {
                let _ = self.jobs.send(Job::Fault(fault.clone())).await;
                Err(fault)
            }
        }
    }
}
