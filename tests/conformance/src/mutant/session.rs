//! One broken session: every call goes to whoever breaks that kind of call.

use std::sync::Arc;

use async_trait::async_trait;
use lockstep_conformance::Session;
use lockstep_core::{
    change::{ChangeBatch, Changes, Cursor, Found, Page, Selection},
    key::Key,
    schema::{CheckItem, Object},
    webhook::{Webhook, WebhookAnswer},
    write::{Outcome, WriteRequest},
};
use lockstep_host::{ChangesRequest, EnsureRequest, FetchRequest, HostError, PageRequest};
use parking_lot::Mutex;

use super::{Mutant, reading, stream, writing};

/// What a broken session remembers to be wrong by.
#[derive(Default)]
pub(super) struct Memory {
    pub calls: u32,
    pub started: bool,
    /// Rows held back, or told last.
    pub held: Vec<ChangeBatch>,
    pub first_page: Option<Arc<[u8]>>,
    pub last_row: Option<lockstep_core::change::Row>,
    /// Page tokens this session gave, by the number they are known under.
    pub pages: Vec<Arc<[u8]>>,
    /// The stream's true place, where another one was told.
    pub told: Vec<Cursor>,
    pub real: Option<Cursor>,
    pub seen: std::collections::HashSet<Key>,
}

pub(super) struct BrokenSession {
    pub inner: Arc<dyn Session>,
    pub mutant: Mutant,
    pub memory: Mutex<Memory>,
}

impl BrokenSession {
    pub fn new(inner: Arc<dyn Session>, mutant: Mutant) -> Self {
        BrokenSession { inner, mutant, memory: Mutex::default() }
    }

    /// How many calls of this kind there were before.
    pub fn count(&self) -> u32 {
        let mut memory = self.memory.lock();
        memory.calls += 1;
        memory.calls - 1
    }
}

#[async_trait]
impl Session for BrokenSession {
    async fn check(&self, objects: &[String]) -> Result<Vec<CheckItem>, HostError> {
        reading::check(self, objects).await
    }

    async fn discover(&self, objects: &[String]) -> Result<Vec<Object>, HostError> {
        reading::discover(self, objects).await
    }

    async fn start(&self, selections: &[Selection]) -> Result<Cursor, HostError> {
        self.memory.lock().started = true;
        self.inner.start(selections).await
    }

    async fn read(&self, request: &PageRequest) -> Result<Page, HostError> {
        reading::read(self, request).await
    }

    async fn changes(&self, request: &ChangesRequest) -> Result<Changes, HostError> {
        stream::changes(self, request).await
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Found>, HostError> {
        reading::fetch(self, request).await
    }

    async fn write(&self, request: &WriteRequest) -> Result<Vec<Outcome>, HostError> {
        writing::write(self, request).await
    }

    async fn ensure(&self, request: &EnsureRequest) -> Result<Vec<String>, HostError> {
        self.inner.ensure(request).await
    }

    async fn ingest(&self, webhook: &Webhook) -> Result<WebhookAnswer, HostError> {
        if self.mutant == Mutant::WebhookTaken {
            return Ok(WebhookAnswer { status: 200, headers: Vec::new(), body: Vec::new(), batches: Vec::new() });
        }
        self.inner.ingest(webhook).await
    }
}
