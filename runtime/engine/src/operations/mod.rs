//! What a person can ask of the engine, one file an operation. The same
//! operations work inside a running process and, on the state file alone, in a
//! process of their own.

mod filter;
mod report;
mod status;

use crate::{EngineError, engine::Engine};

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
        let _ = connection;
        unfinished()
    }

    /// The objects of a connection; `objects` empty: all.
    pub async fn discover(
        &self,
        connection: &str,
        objects: &[String],
    ) -> Result<Vec<lockstep_core::schema::Object>, EngineError> {
        let _ = (connection, objects);
        unfinished()
    }

    /// Dry run: reads all sides, writes nothing. `sync` `None`: all.
    pub async fn plan(&self, sync: Option<&str>) -> Result<Plan, EngineError> {
        let _ = sync;
        unfinished()
    }

    /// Prepares the destinations, does the first copies and delivers until quiet.
    pub async fn apply(&self, sync: Option<&str>) -> Result<Status, EngineError> {
        let _ = sync;
        unfinished()
    }

    pub async fn pause(&self, sync: &str, side: Option<&str>, by: &str) -> Result<(), EngineError> {
        let _ = (sync, side, by);
        unfinished()
    }

    /// Also the answer to a delete storm: the deletes are let through.
    pub async fn resume(&self, sync: &str, side: Option<&str>, by: &str) -> Result<(), EngineError> {
        let _ = (sync, side, by);
        unfinished()
    }

    pub async fn explain(
        &self,
        sync: &str,
        record: &RecordName,
        field: Option<&str>,
    ) -> Result<Explanation, EngineError> {
        let _ = (sync, record, field);
        unfinished()
    }

    /// Held conflicts, or with `all` the decided ones too, newest first.
    pub async fn conflicts(
        &self,
        sync: Option<&str>,
        filter: &Filter,
        all: bool,
    ) -> Result<Vec<ConflictView>, EngineError> {
        let _ = (sync, filter, all);
        unfinished()
    }

    pub async fn resolve(
        &self,
        sync: &str,
        filter: &Filter,
        decision: &Decision,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        let _ = (sync, filter, decision, by, preview);
        unfinished()
    }

    pub async fn failures(&self, sync: Option<&str>, filter: &Filter) -> Result<Vec<FailureGroup>, EngineError> {
        let _ = (sync, filter);
        unfinished()
    }

    /// Tries refused writes again.
    pub async fn retry(
        &self,
        sync: &str,
        filter: &Filter,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        let _ = (sync, filter, by, preview);
        unfinished()
    }

    /// Takes refused writes off the list; the sides stay as they are.
    pub async fn ignore(
        &self,
        sync: &str,
        filter: &Filter,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        let _ = (sync, filter, by, preview);
        unfinished()
    }

    /// Decides journaled conflicts anew, under the rules as they are now.
    pub async fn replay(
        &self,
        sync: &str,
        filter: &Filter,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        let _ = (sync, filter, by, preview);
        unfinished()
    }

    /// Restores the values before the selected journal entries.
    pub async fn revert(
        &self,
        sync: &str,
        filter: &Filter,
        by: &str,
        preview: bool,
    ) -> Result<BulkOutcome, EngineError> {
        let _ = (sync, filter, by, preview);
        unfinished()
    }

    /// Journal entries the filter selects, newest first.
    pub async fn journal(&self, sync: &str, filter: &Filter) -> Result<Vec<EntryView>, EngineError> {
        let _ = (sync, filter);
        unfinished()
    }

    /// Compares all sides with what is known; with `repair`, absorbs what was found.
    pub async fn audit(&self, sync: &str, repair: bool) -> Result<Audit, EngineError> {
        let _ = (sync, repair);
        unfinished()
    }

    /// Reads a side in full again.
    pub async fn backfill(&self, sync: &str, side: &str) -> Result<(), EngineError> {
        let _ = (sync, side);
        unfinished()
    }

    /// Journal entries as they commit; a reader that is too slow misses some and is told how many.
    pub fn follow(&self) -> tokio::sync::broadcast::Receiver<EntryView> {
        self.engine.follow()
    }

    /// Forgets a sync that is no longer configured and removes what it made at the sources.
    pub async fn remove(&self, sync: &str) -> Result<Vec<String>, EngineError> {
        let _ = sync;
        unfinished()
    }
}

fn unfinished<T>() -> Result<T, EngineError> {
    Err(EngineError::Internal("not built yet".to_owned()))
}
