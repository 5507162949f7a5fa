//! What a person can ask of the engine, one file an operation. The same
//! operations work inside a running process and, on the state file alone, in a
//! process of their own.

mod access;
mod apply;
mod audit;
mod check;
mod conflicts;
mod drift;
mod explain;
mod failures;
mod filter;
mod journal;
mod pause;
mod plan;
mod prepare;
mod proof;
mod remove;
mod report;
mod sample;
mod status;

use crate::{
    EngineError,
    engine::Engine,
    versions::{self, ConnectorView, Order, RecordOrder, UpgradeReport},
};

pub use filter::{Decision, Filter, RecordName};
pub use report::*;

/// Every operation, on one engine.
#[derive(Clone)]
pub struct Operations {
    engine: Engine,
}

impl Operations {
    pub(crate) fn new(engine: Engine) -> Self {
        Operations { engine }
    }

    pub async fn status(&self) -> Result<Status, EngineError> {
        status::status(&self.engine.shared)
    }

    /// What every connection (or the one named) says about itself.
    pub async fn check(&self, connection: Option<&str>) -> Result<Vec<CheckReport>, EngineError> {
        check::check(&self.engine.shared, connection).await
    }

    /// The objects of a connection; `objects` empty: all.
    pub async fn discover(
        &self,
        connection: &str,
        objects: &[String],
    ) -> Result<Vec<lockstep_core::schema::Object>, EngineError> {
        check::discover(&self.engine.shared, connection, objects).await
    }

    /// The latest requests that a connection made over HTTP since the process started, oldest first.
    pub fn requests(&self, connection: &str) -> Result<Vec<crate::port::Request>, EngineError> {
        let connector = self.engine.shared.connectors.get(connection);
        let connector = connector.ok_or_else(|| EngineError::UnknownConnection(connection.to_owned()))?;
        Ok(connector.requests())
    }

    /// What a connection's connector did wrong or was refused since the process started, oldest first.
    pub fn incidents(&self, connection: &str) -> Result<Vec<crate::port::Incident>, EngineError> {
        let connector = self.engine.shared.connectors.get(connection);
        let connector = connector.ok_or_else(|| EngineError::UnknownConnection(connection.to_owned()))?;
        Ok(connector.incidents())
    }

    /// What a connection's connector says from now on; `None`: it says nothing.
    pub fn log(&self, connection: &str) -> Result<Option<Box<dyn crate::port::Log>>, EngineError> {
        let connector = self.engine.shared.connectors.get(connection);
        let connector = connector.ok_or_else(|| EngineError::UnknownConnection(connection.to_owned()))?;
        Ok(connector.log())
    }

    /// Values of these columns, by column, from a few of an object's rows, null where
    /// a row has none: what stands at one place in all columns is one row's.
    pub async fn sample(
        &self,
        connection: &str,
        object: &str,
        columns: &[String],
    ) -> Result<Vec<Vec<lockstep_core::value::Value>>, EngineError> {
        sample::sample(&self.engine.shared, connection, object, columns).await
    }

    /// Dry run: reads all sides, writes nothing. `sync` `None`: all.
    pub async fn plan(&self, sync: Option<&str>) -> Result<Plan, EngineError> {
        plan::plan(&self.engine.shared, sync).await
    }

    /// Prepares the destinations, does the first copies and delivers until quiet.
    pub async fn apply(&self, sync: Option<&str>) -> Result<Status, EngineError> {
        apply::apply(&self.engine, sync).await
    }

    pub async fn pause(&self, sync: &str, side: Option<&str>, by: &str) -> Result<(), EngineError> {
        pause::pause(&self.engine.shared, sync, side, by).await
    }

    /// Also the answer to a delete storm: the deletes are let through.
    pub async fn resume(&self, sync: &str, side: Option<&str>, by: &str) -> Result<(), EngineError> {
        pause::resume(&self.engine.shared, sync, side, by).await
    }

    pub async fn explain(
        &self,
        sync: &str,
        record: &RecordName,
        field: Option<&str>,
    ) -> Result<Explanation, EngineError> {
        explain::explain(&self.engine.shared, sync, record, field).await
    }

    /// Held conflicts, or with `all` the decided ones too, newest first.
    pub async fn conflicts(
        &self,
        sync: Option<&str>,
        filter: &Filter,
        all: bool,
    ) -> Result<Vec<ConflictView>, EngineError> {
        conflicts::list(&self.engine.shared, sync, filter, all).await
    }

    pub async fn resolve(
        &self,
        sync: &str,
        filter: &Filter,
        decision: &Decision,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        conflicts::resolve(&self.engine.shared, sync, filter, decision, by, preview).await
    }

    pub async fn failures(&self, sync: Option<&str>, filter: &Filter) -> Result<Vec<FailureGroup>, EngineError> {
        failures::list(&self.engine.shared, sync, filter).await
    }

    /// Tries refused writes again.
    pub async fn retry(
        &self,
        sync: &str,
        filter: &Filter,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        let verb = failures::Verb::Retry;
        failures::act(&self.engine.shared, sync, filter, by, preview, verb).await
    }

    /// Takes refused writes off the list; the sides stay as they are.
    pub async fn ignore(
        &self,
        sync: &str,
        filter: &Filter,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        let verb = failures::Verb::Ignore;
        failures::act(&self.engine.shared, sync, filter, by, preview, verb).await
    }

    /// Decides journaled conflicts anew, under the rules as they are now.
    pub async fn replay(
        &self,
        sync: &str,
        filter: &Filter,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        let verb = journal::Verb::Replay;
        journal::again(&self.engine.shared, sync, filter, by, preview, verb).await
    }

    /// Restores the values before the selected journal entries.
    pub async fn revert(
        &self,
        sync: &str,
        filter: &Filter,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        let verb = journal::Verb::Revert;
        journal::again(&self.engine.shared, sync, filter, by, preview, verb).await
    }

    /// Journal entries the filter selects, newest first.
    pub async fn journal(&self, sync: &str, filter: &Filter) -> Result<Vec<EntryView>, EngineError> {
        journal::list(&self.engine.shared, sync, filter).await
    }

    /// Compares all sides with what is known; with `repair`, absorbs what was found.
    pub async fn audit(&self, sync: &str, repair: bool) -> Result<Audit, EngineError> {
        audit::audit(&self.engine, sync, repair).await
    }

    /// Reads a side in full again.
    pub async fn backfill(&self, sync: &str, side: &str) -> Result<(), EngineError> {
        pause::backfill(&self.engine.shared, sync, side).await
    }

    /// What changed about the sides' columns, newest first; `all`: what was decided too.
    pub async fn drift(&self, sync: Option<&str>, all: bool) -> Result<Vec<DriftView>, EngineError> {
        drift::list(&self.engine.shared, sync, all)
    }

    /// A person's word on one change. What it did to the mapping stays as it is.
    pub async fn decide_drift(
        &self,
        sync: &str,
        item: u64,
        decision: DriftDecision,
        by: &str,
    ) -> Result<DriftView, EngineError> {
        drift::decide(&self.engine.shared, sync, item, decision, by)
    }

    /// Journal entries as they commit; a reader that is too slow misses some and is told how many.
    pub fn follow(&self) -> tokio::sync::broadcast::Receiver<EntryView> {
        self.engine.follow()
    }

    /// Which connector serves each connection, and which did before.
    pub fn connectors(&self) -> Result<Vec<ConnectorView>, EngineError> {
        versions::list(&self.engine.shared)
    }

    /// Has another version of a connection's connector take over; while the
    /// connection works, without losing or repeating anything.
    pub async fn upgrade(&self, order: &Order) -> Result<UpgradeReport, EngineError> {
        versions::upgrade(&self.engine.shared, order).await
    }

    /// The operator's word for a version that asks for more than the one before it.
    pub async fn approve(
        &self,
        connection: &str,
        digest: Option<&str>,
        by: &str,
    ) -> Result<UpgradeReport, EngineError> {
        versions::approve(&self.engine.shared, connection, digest, by).await
    }

    /// Back to a version that served before: the last one, or the one whose digest begins so.
    pub async fn rollback(
        &self,
        connection: &str,
        digest: Option<&str>,
        by: &str,
    ) -> Result<UpgradeReport, EngineError> {
        versions::rollback(&self.engine.shared, connection, digest, by).await
    }

    /// Records what a connection's sessions do for a while; the content of a file, if they did anything.
    pub async fn record(&self, order: &RecordOrder) -> Result<Option<Vec<u8>>, EngineError> {
        versions::record(&self.engine.shared, order).await
    }

    /// No session of the connection works until it is enabled again.
    pub fn disable(&self, connection: &str, by: &str) -> Result<(), EngineError> {
        versions::disable(&self.engine.shared, connection, by)
    }

    pub fn enable(&self, connection: &str, by: &str) -> Result<(), EngineError> {
        versions::enable(&self.engine.shared, connection, by)
    }

    /// Forgets a sync that is no longer configured and removes what it made at the sources.
    pub async fn remove(&self, sync: &str) -> Result<Vec<String>, EngineError> {
        remove::remove(&self.engine.shared, sync).await
    }
}
