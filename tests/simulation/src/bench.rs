//! A bench to run an engine on: systems, a configuration, a running engine, and
//! a way to wait until nothing is left to do.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use lockstep_core::{config::Config, value::Timestamp};
use lockstep_engine::{Clock, Connector, Engine, EngineError, NoCode, Operations, Setup, operations::SyncStatus};
use lockstep_state::Store;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{session::MemoryConnector, system::System};

/// A clock that moves only when it is read.
#[derive(Default)]
pub struct StepClock(AtomicI64);

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1_000, Ordering::Relaxed))
    }
}

/// An engine at work.
pub struct Bench {
    pub engine: Engine,
    pub operations: Operations,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), EngineError>>,
}

impl Bench {
    /// The operations of an engine that does not run.
    pub fn idle(config: &str, systems: &[(&str, &System)], store: Store) -> Operations {
        engine(config, systems, store).operations()
    }

    /// Starts an engine over these systems, by connection name.
    pub fn start(config: &str, systems: &[(&str, &System)], store: Store) -> Self {
        Bench::run(engine(config, systems, store))
    }

    /// Starts an engine over these connectors, by connection name.
    pub fn over(config: &str, connectors: Vec<(&str, Arc<dyn Connector>)>, store: Store) -> Self {
        let connectors = connectors.into_iter().map(|(name, connector)| (name.to_owned(), connector));
        Bench::run(made(config, connectors.collect(), store))
    }

    fn run(engine: Engine) -> Self {
        let (stop, stopped) = oneshot::channel();
        let operations = engine.operations();
        let running = engine.clone();
        let task = tokio::spawn(async move {
            running
                .run(async {
                    let _ = stopped.await;
                })
                .await
        });
        Bench { engine, operations, stop, task }
    }

    /// Stops the engine as a signal would.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        match self.task.await {
            Ok(ended) => ended.unwrap_or_else(|error| panic!("{error}")),
            Err(error) => panic!("{error}"),
        }
    }

    /// Stops the engine without any farewell, as a crash would.
    pub async fn abandon(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Waits until the first sync stands as wished; panics when that takes too long.
    pub async fn until_status(&self, what: &str, holds: impl Fn(&SyncStatus) -> bool) {
        for _ in 0..3_000 {
            if let Ok(status) = self.operations.status().await
                && status.syncs.first().is_some_and(&holds)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let status = self.operations.status().await;
        panic!("never: {what}; {status:#?}");
    }

    /// Waits until every sync is quiet and `holds`; panics when that takes too long.
    pub async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..3_000 {
            let status = self.operations.status().await;
            if let Ok(status) = &status
                && status.syncs.iter().all(|sync| sync.quiet)
                && holds()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let status = self.operations.status().await;
        panic!("never: {what}; {status:#?}");
    }
}

fn engine(config: &str, systems: &[(&str, &System)], store: Store) -> Engine {
    let connectors = systems
        .iter()
        .map(|(name, system)| {
            let connector: Arc<dyn Connector> = Arc::new(MemoryConnector((*system).clone()));
            ((*name).to_owned(), connector)
        })
        .collect::<BTreeMap<_, _>>();
    made(config, connectors, store)
}

fn made(config: &str, connectors: BTreeMap<String, Arc<dyn Connector>>, store: Store) -> Engine {
    let config = Config::parse(config).unwrap_or_else(|errors| panic!("{errors:?}"));
    Engine::open(Setup { config, store, connectors, clock: Arc::new(StepClock::default()), code: Arc::new(NoCode) })
        .unwrap_or_else(|error| panic!("{error}"))
}
