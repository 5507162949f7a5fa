//! The engine as others hold it: opened on a configuration and a state file,
//! then run, or asked to do one operation.

use std::{collections::BTreeMap, future::Future, path::PathBuf, sync::Arc};

use tokio::sync::broadcast;

use crate::{Clock, Connector, EngineError, Operations, operations::EntryView};

/// Entries a follower may be behind before it misses some.
const FOLLOWERS_BEHIND_MAX: usize = 4096;

/// What an engine stands on.
pub struct Setup {
    /// The state file; created if missing.
    pub state: PathBuf,
    /// By connection name.
    pub connectors: BTreeMap<String, Arc<dyn Connector>>,
    pub clock: Arc<dyn Clock>,
}

/// A cheap handle; clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    entries: broadcast::Sender<EntryView>,
}

impl Engine {
    /// Opens the state. Connects to nothing yet.
    pub fn open(setup: Setup) -> Result<Self, EngineError> {
        let _ = setup;
        let (entries, _) = broadcast::channel(FOLLOWERS_BEHIND_MAX);
        Ok(Engine { shared: Arc::new(Shared { entries }) })
    }

    /// Runs every sync until `shutdown` completes, then drains: tails stop,
    /// writes in flight are finished and settled, the state is synced to disk.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        shutdown.await;
        Ok(())
    }

    pub fn operations(&self) -> Operations {
        Operations::new(self.clone())
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<EntryView> {
        self.shared.entries.subscribe()
    }
}
