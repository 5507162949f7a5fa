//! One actor a connection: holds the tail session and the one change stream
//! that all syncs on the connection share. Knows nothing of records and merging.

mod actor;
mod beside;
mod copy;
mod ingress;
mod position;
mod subscription;

use std::sync::{Arc, Mutex};

use lockstep_core::webhook::{Webhook, WebhookAnswer};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{Connector, operations::ConnectionStatus};

pub use ingress::Refusal;
pub(crate) use position::{Durable, Position};
pub(crate) use subscription::{FromStream, Subscriber, Subscription};

/// Commands an actor has not looked at yet.
const COMMANDS_MAX: usize = 256;

pub(crate) enum Command {
    Attach(Box<Subscription>),
    /// Its place is kept: the source may not forget what it has not taken.
    Detach(Subscriber),
    /// Told back under this number once everything that the source has now has
    /// been handed over.
    CatchUp {
        who: Subscriber,
        number: u64,
    },
}

/// A way to a connection's actor.
#[derive(Clone)]
pub(crate) struct ConnectionHandle {
    pub(crate) name: Arc<str>,
    commands: mpsc::Sender<Command>,
    ingress: Arc<ingress::Ingress>,
    status: Arc<Mutex<ConnectionStatus>>,
}

impl ConnectionHandle {
    /// Starts the actor; it ends when `stop` turns true or every handle is gone.
    /// `expected`: so many sides attach at the start; the stream begins when they
    /// have, or after a short wait.
    pub(crate) fn spawn(
        name: Arc<str>,
        connector: Arc<dyn Connector>,
        expected: usize,
        stop: watch::Receiver<bool>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let (ingests_in, ingests) = mpsc::channel(ingress::INGESTS_MAX);
        let ingress = Arc::new(ingress::Ingress::new(connector.clone(), ingests_in));
        let status = Arc::new(Mutex::new(ConnectionStatus {
            name: name.to_string(),
            state: "starting".to_owned(),
            ..ConnectionStatus::default()
        }));
        let inbox = actor::Inbox { commands: received, ingests };
        let actor = actor::Actor::new(name.clone(), connector, inbox, stop, expected, status.clone());
        let handle = ConnectionHandle { name, commands, ingress, status };
        (handle, tokio::spawn(actor.run()))
    }

    /// False: the actor has stopped.
    pub(crate) async fn send(&self, command: Command) -> bool {
        self.commands.send(command).await.is_ok()
    }

    /// Verifies a webhook and waits until what it tells is safe on disk.
    pub(crate) async fn ingest(&self, webhook: &Webhook, until: Instant) -> Result<WebhookAnswer, Refusal> {
        self.ingress.ingest(webhook, until).await
    }

    pub(crate) fn status(&self) -> ConnectionStatus {
        self.status.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}
