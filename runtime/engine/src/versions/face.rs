//! A session that outlives the version behind it: before each call it looks
//! whether another version serves by now, and goes on with a session of that one.
//! Nothing is in flight between two calls, so that nothing is cut off.

use std::sync::Arc;

use async_trait::async_trait;
use lockstep_core::{
    change::{Changes, Cursor, Found, Page, Selection},
    schema::{CheckItem, ConnectorSpec, Object},
    webhook::{Webhook, WebhookAnswer},
    write::{Outcome, WriteRequest},
};

use super::{
    switch::Switch,
    trial::{self, Trial},
};
use crate::{
    Role, Session, SessionError, SessionErrorKind,
    port::{ChangesRequest, EnsureRequest, FetchRequest, PageRequest},
};

pub(super) struct Face {
    switch: Arc<Switch>,
    role: Role,
    /// The turn that `session` belongs to.
    epoch: u64,
    session: Option<Box<dyn Session>>,
    /// The last durable cursor that the source was told.
    told_durable: Cursor,
}

/// Asks the version that serves now. When that one is given up over the answer,
/// the version before is asked instead: only for what may be asked twice.
macro_rules! ask {
    ($face:ident, $call:literal, |$session:ident| $ask:expr) => {
        loop {
            let $session = $face.ready().await?;
            let answer = $ask.await;
            match answer {
                Ok(answer) => {
                    $face.switch.went_well($face.epoch, $call);
                    break Ok(answer);
                }
                Err(error) if $face.switch.failed($face.epoch, $call, &error) => {}
                Err(error) => break Err(error),
            }
        }
    };
}

impl Face {
    pub(super) fn new(switch: Arc<Switch>, role: Role) -> Self {
        Face { switch, role, epoch: 0, session: None, told_durable: Cursor::default() }
    }

    /// A session of the version that serves now.
    pub(super) async fn ready(&mut self) -> Result<&mut Box<dyn Session>, SessionError> {
        loop {
            let (epoch, connector) = match self.switch.serving() {
                Ok(serving) => serving,
                Err(disabled) => {
                    self.let_go().await;
                    return Err(disabled);
                }
            };
            if self.epoch != epoch {
                self.let_go().await;
            }
            self.epoch = epoch;
            if self.session.is_some() {
                break;
            }
            match connector.open(self.role).await {
                Ok(session) => self.session = Some(session),
                Err(error) if self.switch.failed(epoch, "open", &error) => {}
                Err(error) => return Err(error),
            }
        }
        let gone = || SessionError::new(SessionErrorKind::Internal, "the session is gone");
        self.session.as_mut().ok_or_else(gone)
    }

    /// The source is free for another session when this is done.
    async fn let_go(&mut self) {
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    /// The request as the source is to see it: while a version is about to be
    /// tried, it is told of no newer durable cursor.
    fn held_back(&mut self, request: &ChangesRequest) -> Option<ChangesRequest> {
        if self.switch.is_frozen() {
            return Some(ChangesRequest { durable: self.told_durable.clone(), ..request.clone() });
        }
        self.told_durable = request.durable.clone();
        None
    }

    /// Lets a new version tell the last part of the stream again and go on from
    /// there. `None`: it was turned down, and the old one is to be asked.
    async fn try_out(&mut self, trial: Trial, request: &ChangesRequest) -> Option<Changes> {
        // A source serves one reader at a time.
        self.let_go().await;
        let last = self.switch.last();
        match trial::rehearse(&trial, last.as_ref(), request).await {
            Ok(done) => {
                self.epoch = self.switch.accept(&trial, done.differences)?;
                self.session = Some(done.session);
                Some(done.changes)
            }
            Err(objection) => {
                self.switch.object(&trial, objection);
                None
            }
        }
    }
}

#[async_trait]
impl Session for Face {
    async fn spec(&mut self) -> Result<ConnectorSpec, SessionError> {
        ask!(self, "spec", |session| session.spec())
    }

    async fn check(&mut self, objects: &[String]) -> Result<Vec<CheckItem>, SessionError> {
        ask!(self, "check", |session| session.check(objects))
    }

    async fn discover(&mut self, objects: &[String]) -> Result<Vec<Object>, SessionError> {
        ask!(self, "discover", |session| session.discover(objects))
    }

    async fn start(&mut self, selections: &[Selection]) -> Result<Cursor, SessionError> {
        ask!(self, "start", |session| session.start(selections))
    }

    async fn release(&mut self) -> Result<Vec<String>, SessionError> {
        ask!(self, "release", |session| session.release())
    }

    async fn read(&mut self, request: &PageRequest) -> Result<Page, SessionError> {
        if !request.after.is_empty() || self.role == Role::Tail {
            self.switch.copies(true);
        }
        let answer: Result<Page, SessionError> = ask!(self, "read", |session| session.read(request));
        if answer.as_ref().is_ok_and(|page| page.next.is_empty()) {
            self.switch.copies(false);
        }
        answer
    }

    async fn changes(&mut self, request: &ChangesRequest) -> Result<Changes, SessionError> {
        let held_back = self.held_back(request);
        let request = held_back.as_ref().unwrap_or(request);
        if request.records_max == 0 {
            return ask!(self, "changes", |session| session.changes(request));
        }
        if self.switch.takes_doubt() {
            let message =
                "a version of the connector that told the stream was given up: what it left out is looked for";
            return Err(SessionError::new(SessionErrorKind::CursorInvalid, message));
        }
        if let Some(trial) = self.switch.trial()
            && let Some(changes) = self.try_out(trial, request).await
        {
            return Ok(changes);
        }
        let answer: Result<Changes, SessionError> = ask!(self, "changes", |session| session.changes(request));
        if let Ok(changes) = &answer {
            self.switch.streamed(request, changes);
        }
        answer
    }

    async fn fetch(&mut self, request: &FetchRequest) -> Result<Vec<Found>, SessionError> {
        ask!(self, "fetch", |session| session.fetch(request))
    }

    async fn write(&mut self, request: &WriteRequest) -> Result<Vec<Outcome>, SessionError> {
        let answer = self.ready().await?.write(request).await;
        match &answer {
            Ok(outcomes) => {
                self.switch.went_well(self.epoch, "write");
                self.switch.written(self.epoch, outcomes);
            }
            // Not asked again: it may have been done.
            Err(error) => {
                self.switch.failed(self.epoch, "write", error);
            }
        }
        answer
    }

    async fn ensure(&mut self, request: &EnsureRequest) -> Result<Vec<String>, SessionError> {
        ask!(self, "ensure", |session| session.ensure(request))
    }

    async fn ingest(&mut self, webhook: &Webhook) -> Result<WebhookAnswer, SessionError> {
        ask!(self, "ingest", |session| session.ingest(webhook))
    }

    async fn close(mut self: Box<Self>) {
        self.let_go().await;
    }
}
