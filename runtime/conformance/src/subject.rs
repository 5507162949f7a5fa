//! What is put to the test: a connector with a configuration, from which
//! sessions are opened. The real one is a component in the host's sandbox; tests of
//! the kit put a layer before it that breaks one rule at a time.

use std::sync::Arc;

use async_trait::async_trait;
use lockstep_core::{
    change::{Changes, Cursor, Found, Page, Selection},
    schema::{CheckItem, ConnectorSpec, Object},
    webhook::{Webhook, WebhookAnswer},
    write::{Outcome, WriteRequest},
};
use lockstep_host::{
    ChangesRequest, Component, ConnectionConfig, EnsureRequest, FetchRequest, HostError, PageRequest, Recorder, Role,
    Secrets,
};
use serde_json::Value;
use zeroize::Zeroizing;

/// How a session's configuration differs from the one given.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    AsConfigured,
    /// Another value in the place of the connector's configuration.
    Config(Value),
    /// As somebody else, where the connection for it is known: some systems tell
    /// writers apart by their application only.
    Rival,
    /// Every secret is a wrong one.
    WrongSecrets,
}

/// A connector under test.
#[async_trait]
pub trait Subject: Send + Sync {
    async fn spec(&self) -> Result<ConnectorSpec, HostError>;

    /// The connector's configuration as given.
    fn config(&self) -> &Value;

    /// Whether the connection has any secret.
    fn has_secrets(&self) -> bool;

    /// A session of its own instance.
    async fn open(&self, role: Role, opening: Opening) -> Result<Arc<dyn Session>, HostError>;
}

/// A session under test; the calls are those of the contract.
#[async_trait]
pub trait Session: Send + Sync {
    async fn check(&self, objects: &[String]) -> Result<Vec<CheckItem>, HostError>;
    async fn discover(&self, objects: &[String]) -> Result<Vec<Object>, HostError>;
    async fn start(&self, selections: &[Selection]) -> Result<Cursor, HostError>;
    async fn read(&self, request: &PageRequest) -> Result<Page, HostError>;
    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, HostError>;
    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Found>, HostError>;
    async fn write(&self, request: &WriteRequest) -> Result<Vec<Outcome>, HostError>;
    async fn ensure(&self, request: &EnsureRequest) -> Result<Vec<String>, HostError>;
    async fn ingest(&self, webhook: &Webhook) -> Result<WebhookAnswer, HostError>;
}

/// A component in the host's sandbox.
pub struct Sandboxed {
    component: Component,
    connection: ConnectionConfig,
    rival: Option<ConnectionConfig>,
    recorder: Option<Recorder>,
}

impl Sandboxed {
    pub fn new(component: Component, connection: ConnectionConfig) -> Self {
        Sandboxed { component, connection, rival: None, recorder: None }
    }

    /// With a connection of its own for the competing writer.
    #[must_use]
    pub fn with_rival(mut self, rival: ConnectionConfig) -> Self {
        self.rival = Some(rival);
        self
    }

    /// Everything that its sessions do is recorded.
    #[must_use]
    pub fn recorded(mut self, recorder: Recorder) -> Self {
        self.recorder = Some(recorder);
        self
    }
}

#[async_trait]
impl Subject for Sandboxed {
    async fn spec(&self) -> Result<ConnectorSpec, HostError> {
        self.component.spec().await.cloned()
    }

    fn config(&self) -> &Value {
        &self.connection.config
    }

    fn has_secrets(&self) -> bool {
        self.connection.secrets.names().next().is_some()
    }

    async fn open(&self, role: Role, opening: Opening) -> Result<Arc<dyn Session>, HostError> {
        let mut connection = self.connection.clone();
        match opening {
            Opening::AsConfigured => {}
            Opening::Rival => connection = self.rival.clone().unwrap_or(connection),
            Opening::Config(config) => connection.config = config,
            Opening::WrongSecrets => {
                let mut wrong = Secrets::new();
                for name in self.connection.secrets.names() {
                    wrong.insert(name, Zeroizing::new("not-the-secret".to_owned()));
                }
                connection.secrets = Arc::new(wrong);
            }
        }
        Ok(Arc::new(match &self.recorder {
            Some(recorder) => self.component.open_recorded(role, connection, recorder).await?,
            None => self.component.open(role, connection).await?,
        }))
    }
}

#[async_trait]
impl Session for lockstep_host::Session {
    async fn check(&self, objects: &[String]) -> Result<Vec<CheckItem>, HostError> {
        self.check(objects).await
    }

    async fn discover(&self, objects: &[String]) -> Result<Vec<Object>, HostError> {
        self.discover(objects).await
    }

    async fn start(&self, selections: &[Selection]) -> Result<Cursor, HostError> {
        self.start(selections).await
    }

    async fn read(&self, request: &PageRequest) -> Result<Page, HostError> {
        self.read(request).await
    }

    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, HostError> {
        self.changes(request).await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Found>, HostError> {
        self.fetch(request).await
    }

    async fn write(&self, request: &WriteRequest) -> Result<Vec<Outcome>, HostError> {
        self.write(request).await
    }

    async fn ensure(&self, request: &EnsureRequest) -> Result<Vec<String>, HostError> {
        self.ensure(request).await
    }

    async fn ingest(&self, webhook: &Webhook) -> Result<WebhookAnswer, HostError> {
        self.ingest(webhook).await
    }
}
