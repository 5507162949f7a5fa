//! The engine as others hold it: opened on a configuration and a state file,
//! then run, or asked to do one operation.

use std::{
    collections::BTreeMap,
    future::Future,
    hash::{BuildHasher, Hasher},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use lockstep_core::{
    change::Selection,
    config::Config,
    spec::SyncSpec,
    webhook::{Webhook, WebhookAnswer},
};
use lockstep_state::Store;
use tokio::sync::{broadcast, mpsc, watch};

use crate::{
    Clock, CodeSource, Connector, EngineError, Operations,
    assemble::{Assembly, Connectors},
    code,
    connection::{Command, ConnectionHandle, Position, Refusal, Subscriber, Subscription},
    operations::EntryView,
    retention,
    supervise::Keeper,
    sync::{ChildDoor, Children, Core, Request, SharedStatus},
    versions::{self, Switch, Switched},
};

/// Entries a follower may be behind before it misses some.
const FOLLOWERS_BEHIND_MAX: usize = 4096;
/// How long stopping waits for the state's log to reach the disk.
const SYNC_WAIT: Duration = Duration::from_secs(5);

/// What an engine stands on.
pub struct Setup {
    pub config: Config,
    pub store: Store,
    /// By connection name.
    pub connectors: Connectors,
    pub clock: Arc<dyn Clock>,
    /// Loads what mappings name of code.
    pub code: Arc<dyn CodeSource>,
}

/// A cheap handle; clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

/// A running sync, as operations reach it.
#[derive(Clone, Default)]
pub(crate) struct Runner {
    pub(crate) status: SharedStatus,
    requests: Arc<Mutex<Option<mpsc::Sender<Request>>>>,
}

impl Runner {
    pub(crate) fn open(&self, requests: mpsc::Sender<Request>) {
        *lock(&self.requests) = Some(requests);
    }

    pub(crate) fn close(&self) {
        *lock(&self.requests) = None;
        self.status.lock().running = false;
    }

    /// `None`: no actor is at work.
    pub(crate) fn requests(&self) -> Option<mpsc::Sender<Request>> {
        lock(&self.requests).clone()
    }
}

/// What runs while the engine runs.
pub(crate) struct Running {
    pub(crate) syncs: BTreeMap<String, Runner>,
    pub(crate) connections: BTreeMap<String, ConnectionHandle>,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    /// Each opens its sessions through the connection's switch.
    pub(crate) connectors: Connectors,
    pub(crate) switches: BTreeMap<String, Arc<Switch>>,
    /// What the configuration says of each connection's component.
    pub(crate) configured: BTreeMap<String, String>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) code: Arc<dyn CodeSource>,
    pub(crate) owner: u128,
    pub(crate) entries: broadcast::Sender<EntryView>,
    pub(crate) children: Children,
    running: Mutex<Option<Running>>,
    specs: Mutex<BTreeMap<String, Arc<SyncSpec>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Shared {
    pub(crate) fn remember_spec(&self, sync: &str, spec: &Arc<SyncSpec>) {
        lock(&self.specs).insert(sync.to_owned(), spec.clone());
    }

    pub(crate) fn open_door(&self, sync: &Arc<str>, door: ChildDoor) {
        lock(&self.children).insert(sync.clone(), door);
    }

    pub(crate) fn running(&self) -> MutexGuard<'_, Option<Running>> {
        lock(&self.running)
    }

    /// The actor of a sync, if one is at work.
    pub(crate) fn door(&self, sync: &str) -> Option<mpsc::Sender<Request>> {
        self.running().as_ref()?.syncs.get(sync)?.requests()
    }

    /// A connection's versions.
    pub(crate) fn switch(&self, connection: &str) -> Result<Arc<Switch>, EngineError> {
        let switch = self.switches.get(connection).cloned();
        switch.ok_or_else(|| EngineError::UnknownConnection(connection.to_owned()))
    }

    /// The configured sync of this name.
    pub(crate) fn sync(&self, name: &str) -> Result<&lockstep_core::config::Sync, EngineError> {
        self.config.sync(name).ok_or_else(|| EngineError::UnknownSync(name.to_owned()))
    }

    /// [`Shared::sync`] with the code that it names, as that is now.
    pub(crate) async fn equipped(&self, name: &str) -> Result<lockstep_core::config::Sync, EngineError> {
        code::equipped(&*self.code, self.sync(name)?).await
    }

    pub(crate) fn assembly<'a>(&'a self, sync: &'a lockstep_core::config::Sync) -> Assembly<'a> {
        Assembly { sync, store: &self.store, clock: &self.clock, owner: self.owner }
    }

    /// A sync's core for one operation while no actor is at work.
    pub(crate) async fn core(&self, name: &str) -> Result<Core, EngineError> {
        let sync = self.equipped(name).await?;
        let assembly = self.assembly(&sync);
        let objects = match assembly.remembered()? {
            Some(objects) => objects,
            None => assembly.discover(&self.connectors).await?,
        };
        let core = assembly.core(&objects)?;
        self.remember_spec(name, &core.spec);
        Ok(core)
    }

    /// A sync's compiled mapping.
    pub(crate) async fn spec(&self, name: &str) -> Result<Arc<SyncSpec>, EngineError> {
        if let Some(spec) = lock(&self.specs).get(name).cloned() {
            return Ok(spec);
        }
        Ok(self.core(name).await?.spec.clone())
    }
}

impl Engine {
    /// Takes the state over. Connects to nothing yet.
    pub fn open(setup: Setup) -> Result<Self, EngineError> {
        let (entries, _) = broadcast::channel(FOLLOWERS_BEHIND_MAX);
        let switches = versions::switches(&setup.store, &setup.connectors)?;
        let through = |(name, switch): (&String, &Arc<Switch>)| {
            let connector: Arc<dyn Connector> = Arc::new(Switched(switch.clone()));
            (name.clone(), connector)
        };
        let connectors = switches.iter().map(through).collect();
        let configured = setup.connectors.iter().map(|(name, one)| (name.clone(), one.configured())).collect();
        Ok(Engine {
            shared: Arc::new(Shared {
                config: setup.config,
                store: setup.store,
                connectors,
                switches,
                configured,
                clock: setup.clock,
                code: setup.code,
                owner: random(),
                entries,
                children: Children::default(),
                running: Mutex::new(None),
                specs: Mutex::default(),
            }),
        })
    }

    /// Runs every sync until `shutdown` completes, then drains: tails stop,
    /// writes in flight are finished and settled, the state is synced to disk.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) -> Result<(), EngineError> {
        self.run_only(None, shutdown).await
    }

    /// Runs the sync named, or all.
    pub(crate) async fn run_only(
        &self,
        only: Option<&str>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), EngineError> {
        let wanted: Vec<_> =
            self.shared.config.syncs.iter().filter(|sync| only.is_none_or(|only| sync.name == only)).collect();
        let (stop_in, stop) = watch::channel(false);
        let mut connections = BTreeMap::new();
        let mut tails = Vec::new();
        let mut runners = BTreeMap::new();
        for (name, connector) in &self.shared.connectors {
            let sides = wanted.iter().flat_map(|sync| &sync.sides);
            let expected = sides.filter(|side| side.connection == *name).count();
            if expected == 0 {
                continue;
            }
            let (handle, task) =
                ConnectionHandle::spawn(Arc::from(name.as_str()), connector.clone(), expected, stop.clone());
            connections.insert(name.clone(), handle);
            tails.push(task);
        }
        self.keep_places(&connections).await?;
        let mut keepers = Vec::new();
        for sync in wanted {
            let runner = Runner::default();
            runners.insert(sync.name.clone(), runner.clone());
            let keeper = Keeper {
                shared: self.shared.clone(),
                sync: sync.clone(),
                runner,
                connections: connections.clone(),
                stop: stop.clone(),
            };
            keepers.push(tokio::spawn(keeper.run()));
        }
        let used: Vec<String> = connections.keys().cloned().collect();
        *self.shared.running() = Some(Running { syncs: runners, connections });
        for connection in used {
            tokio::spawn(versions::begin(self.shared.clone(), connection));
        }
        tails.push(tokio::spawn(retention::keep_bounded(self.shared.clone(), stop)));
        shutdown.await;
        let _ = stop_in.send(true);
        for task in keepers.into_iter().chain(tails) {
            if task.await.is_err() {
                tracing::error!("a task of the engine ended by a defect");
            }
        }
        *self.shared.running() = None;
        self.wait_for_disk().await;
        Ok(())
    }

    /// What a source may forget is bounded by every configured sync, also by
    /// those that cannot run now.
    async fn keep_places(&self, connections: &BTreeMap<String, ConnectionHandle>) -> Result<(), EngineError> {
        for sync in &self.shared.config.syncs {
            let Some(id) = self.shared.store.sync_id(&sync.name)? else {
                continue;
            };
            let state = self.shared.store.sync_state(id)?;
            for side in &sync.sides {
                let known = state.sides.iter().find(|known| known.name == side.name);
                let (Some(known), Some(connection)) = (known, connections.get(&side.connection)) else {
                    continue;
                };
                let Some(resume) = known.cursor.as_ref().and_then(Position::from_stored) else {
                    continue;
                };
                let place = Subscription {
                    who: Subscriber { sync: Arc::from(sync.name.as_str()), side: known.id },
                    selection: Selection { object: String::new(), columns: Vec::new() },
                    resume: Some(resume),
                    cursor_version: known.cursor_version,
                    generation: known.generation,
                    copy: None,
                    to: None,
                };
                connection.send(Command::Attach(Box::new(place))).await;
            }
        }
        Ok(())
    }

    async fn wait_for_disk(&self) {
        let until = tokio::time::Instant::now() + SYNC_WAIT;
        while tokio::time::Instant::now() < until {
            let durable = self.shared.store.durable();
            let behind = durable.iter().any(|(sync, seq)| {
                let state = self.shared.store.sync_state(*sync);
                state.is_ok_and(|state| state.commit_seq > *seq)
            });
            if !behind {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Takes a webhook of a connection: verified by its connector and safe on
    /// disk when this returns an answer that takes it. `patience`: how long the
    /// sender waits.
    pub async fn ingest(
        &self,
        connection: &str,
        webhook: &Webhook,
        patience: Duration,
    ) -> Result<WebhookAnswer, Refusal> {
        if self.shared.config.connection(connection).is_none() {
            return Err(Refusal::Nobody(format!("no connection named '{connection}' is configured")));
        }
        let handle = self.shared.running().as_ref().and_then(|running| running.connections.get(connection).cloned());
        match handle {
            Some(handle) => handle.ingest(webhook, tokio::time::Instant::now() + patience).await,
            None => Err(Refusal::NotSafe("nothing runs that would take it".to_owned())),
        }
    }

    pub fn operations(&self) -> Operations {
        Operations::new(self.clone())
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<EntryView> {
        self.shared.entries.subscribe()
    }
}

/// Names this process among owners of the state.
fn random() -> u128 {
    let half = || u128::from(std::hash::RandomState::new().build_hasher().finish());
    (half() << 64) | half()
}
