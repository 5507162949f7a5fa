//! Keeps a sync running: assembles it, lets it run, and starts it again from
//! the state when it had to stop.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::config;
use tokio::sync::watch;

use crate::{
    EngineError,
    assemble::Assembly,
    connection::ConnectionHandle,
    engine::{Runner, Shared},
    policy::Backoff,
    sync::{Actor, Ended, Followers, Parts, Route},
};

/// One sync's keeper.
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) sync: config::Sync,
    pub(crate) runner: Runner,
    pub(crate) connections: BTreeMap<String, ConnectionHandle>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Keeper {
    /// Ends when the engine stops.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(&self.sync.name);
        loop {
            let failure = match self.once().await {
                Ok(Ended::Stopped) => break,
                Ok(Ended::SchemaChanged) => {
                    backoff.succeeded();
                    continue;
                }
                Ok(Ended::Failed(error)) | Err(error) => error,
            };
            self.runner.close();
            tracing::error!(sync = %self.sync.name, code = failure.code(), "{failure}");
            {
                let mut live = self.runner.status.lock();
                live.running = false;
                live.quiet = false;
                live.failure = Some((failure.to_string(), failure.remedy().to_owned()));
            }
            let wait = match &failure {
                EngineError::Session { source, .. } => backoff.failed(source),
                _ => backoff.wait(None),
            };
            let stop = self.stop.wait_for(|stop| *stop);
            if tokio::time::timeout(wait, stop).await.is_ok() {
                break;
            }
        }
        self.runner.close();
    }

    async fn once(&mut self) -> Result<Ended, EngineError> {
        if *self.stop.borrow() {
            return Ok(Ended::Stopped);
        }
        let assembly = Assembly {
            sync: &self.sync,
            store: &self.shared.store,
            clock: &self.shared.clock,
            owner: self.shared.owner,
        };
        let objects = assembly.discover(&self.shared.connectors).await?;
        let core = assembly.core(&objects)?;
        let mut routes = BTreeMap::new();
        for side in core.spec.sides() {
            let configured = self.sync.side(&side.name);
            let route = configured.and_then(|configured| {
                Some(Route {
                    connection: self.connections.get(&configured.connection)?.clone(),
                    connector: self.shared.connectors.get(&configured.connection)?.clone(),
                })
            });
            let route = route.ok_or_else(|| EngineError::UnknownSide {
                sync: self.sync.name.clone(),
                side: side.name.to_string(),
            })?;
            routes.insert(side.id, route);
        }
        let name = core.spec.name.clone();
        self.shared.remember_spec(&self.sync.name, &core.spec);
        let (actor, doors) = Actor::new(Parts {
            core,
            routes,
            storm: self.sync.delete_storm.clone(),
            status: self.runner.status.clone(),
            followers: Followers {
                entries: self.shared.entries.clone(),
                children: self.shared.children.clone(),
                referred: self.is_referred(),
            },
            stop: self.stop.clone(),
        });
        self.shared.open_door(&name, doors.child);
        self.runner.open(doors.requests);
        Ok(actor.run().await)
    }

    fn is_referred(&self) -> bool {
        let syncs = &self.shared.config.syncs;
        syncs.iter().any(|sync| sync.fields.iter().any(|field| field.reference.as_deref() == Some(&self.sync.name)))
    }
}
