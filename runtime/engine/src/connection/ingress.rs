//! Webhooks of one connection: verified by the connector in sessions of their
//! own, handed over as a part of the stream, and answered once every side has
//! them on disk. Whatever is not safe by then is refused, so that it comes again.

use std::sync::{Arc, Mutex};

use lockstep_core::{
    change::{ChangeBatch, ChangeKind},
    webhook::{Webhook, WebhookAnswer},
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::position::Durable;
use crate::{Connector, Role, Session, SessionError, SessionErrorKind};

/// Sessions that verify at the same time.
const SESSIONS_MAX: usize = 4;
/// Webhooks of a connection that are being verified or wait to be safe on disk.
const WAITING_MAX: usize = 512;
/// Webhooks the stream's actor has not looked at yet.
pub(super) const INGESTS_MAX: usize = 64;

/// Why a webhook was not taken. The sender is to try again, unless nobody takes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such connection, or its connector takes no webhooks.
    #[error("{0}")]
    Nobody(String),
    /// More wait already than are let in.
    #[error("{WAITING_MAX} webhooks of this connection wait already")]
    Busy,
    /// It is not on disk everywhere: it has to come again.
    #[error("{0}")]
    NotSafe(String),
}

/// Verified changes on their way to the stream's actor.
pub(crate) struct Ingest {
    pub(super) batches: Vec<ChangeBatch>,
    pub(super) until: Instant,
    pub(super) answer: oneshot::Sender<Result<HandedOver, Refusal>>,
}

/// Changes that every side they concern has got.
pub(super) struct HandedOver {
    /// Their place in the stream.
    pub(super) order: u64,
    /// Each side's progress on disk.
    pub(super) sides: Vec<Durable>,
}

/// A way in for webhooks.
pub(crate) struct Ingress {
    connector: Arc<dyn Connector>,
    ingests: mpsc::Sender<Ingest>,
    idle: Mutex<Vec<Box<dyn Session>>>,
    sessions: Semaphore,
    waiting: Semaphore,
}

impl Ingress {
    pub(super) fn new(connector: Arc<dyn Connector>, ingests: mpsc::Sender<Ingest>) -> Self {
        Ingress {
            connector,
            ingests,
            idle: Mutex::default(),
            sessions: Semaphore::new(SESSIONS_MAX),
            waiting: Semaphore::new(WAITING_MAX),
        }
    }

    /// Verifies a webhook and waits until what it tells is safe on disk. The
    /// answer is the connector's, without its batches.
    pub(crate) async fn ingest(&self, webhook: &Webhook, until: Instant) -> Result<WebhookAnswer, Refusal> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Refusal::Busy)?;
        let late = |what: &str| Refusal::NotSafe(format!("{what} took too long"));
        let mut answer = timeout_at(until, self.verify(webhook)).await.map_err(|_| late("verifying it"))??;
        let mut batches = std::mem::take(&mut answer.batches);
        batches.retain(tells_something);
        if !answer.is_taken() || batches.is_empty() {
            return Ok(answer);
        }
        let (told, handed) = oneshot::channel();
        let stopped = || Refusal::NotSafe("the connection has stopped".to_owned());
        let ingest = Ingest { batches, until, answer: told };
        timeout_at(until, self.ingests.send(ingest))
            .await
            .map_err(|_| late("handing it over"))?
            .map_err(|_| stopped())?;
        let handed = timeout_at(until, handed).await.map_err(|_| late("handing it over"))?.map_err(|_| stopped())??;
        for side in &handed.sides {
            timeout_at(until, side.reached(handed.order)).await.map_err(|_| late("writing it to disk"))?;
        }
        Ok(answer)
    }

    /// Asks the connector. A session whose call was broken off is dropped with it.
    async fn verify(&self, webhook: &Webhook) -> Result<WebhookAnswer, Refusal> {
        let _place = self.sessions.acquire().await.map_err(|_| Refusal::Busy)?;
        let idle = self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        let mut session = match idle {
            Some(session) => session,
            None => self.connector.open(Role::Ingest).await.map_err(|error| refused(&error))?,
        };
        let answer = session.ingest(webhook).await;
        let spent = matches!(&answer, Err(error) if error.kind == SessionErrorKind::Crashed);
        if !spent {
            self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(session);
        }
        answer.map_err(|error| refused(&error))
    }
}

/// Batches without rows tell something only where their kind does.
fn tells_something(batch: &ChangeBatch) -> bool {
    match batch.kind {
        ChangeKind::Upsert | ChangeKind::Delete | ChangeKind::Invalidate => !batch.rows.is_empty(),
        ChangeKind::Truncate | ChangeKind::Schema | ChangeKind::Gap => true,
    }
}

fn refused(error: &SessionError) -> Refusal {
    match error.kind {
        SessionErrorKind::Unsupported => Refusal::Nobody(error.message.clone()),
        SessionErrorKind::Retry
        | SessionErrorKind::Throttled
        | SessionErrorKind::Unavailable
        | SessionErrorKind::Auth
        | SessionErrorKind::Denied
        | SessionErrorKind::Config
        | SessionErrorKind::NotFound
        | SessionErrorKind::CursorInvalid
        | SessionErrorKind::CursorVersion
        | SessionErrorKind::Internal
        | SessionErrorKind::Crashed => {
            tracing::warn!(code = error.kind.code(), "a webhook could not be verified: {error}");
            Refusal::NotSafe("the connector could not verify it".to_owned())
        }
    }
}
