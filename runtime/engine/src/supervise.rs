//! Keeps a sync running: assembles it, lets it run, and starts it again from
//! the state when it had to stop.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lockstep_core::{
    config,
    mapping::{Objects, differences},
};
use lockstep_state::AttentionKind;
use tokio::sync::{mpsc, watch};

use crate::{
    EngineError,
    assemble::{Assembly, Seen},
    connection::ConnectionHandle,
    drift,
    engine::{Runner, Shared},
    policy::Backoff,
    sync::{Actor, Ended, Followers, Parts, Request, Route},
};

/// A sync that ran for so long had no trouble starting.
const SETTLED: Duration = Duration::from_secs(30);

/// While fields are set aside, the sides' columns are looked at this soon, then
/// ever later up to [`LOOK_LATEST`].
const LOOK_SOONEST: Duration = Duration::from_secs(5);
/// A column that no row tells of is noticed within this.
const LOOK_LATEST: Duration = Duration::from_secs(300);

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
            let begun = tokio::time::Instant::now();
            let ended = self.once().await;
            if begun.elapsed() >= SETTLED {
                backoff.succeeded();
            }
            let failure = match ended {
                Ok(Ended::Stopped) => break,
                Ok(Ended::SchemaChanged) => {
                    // Not at once again and again, should looking not help.
                    let stop = self.stop.wait_for(|stop| *stop);
                    if tokio::time::timeout(backoff.wait(None), stop).await.is_ok() {
                        break;
                    }
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
        let sync = self.shared.equipped(&self.sync.name).await?;
        let assembly =
            Assembly { sync: &sync, store: &self.shared.store, clock: &self.shared.clock, owner: self.shared.owner };
        let Seen { objects, specs } = assembly.look(&self.shared.connectors).await?;
        let core = assembly.core(&objects)?;
        let mut routes = BTreeMap::new();
        for side in core.spec.sides() {
            let configured = self.sync.side(&side.name);
            let route = configured.and_then(|configured| {
                Some(Route {
                    connection: self.connections.get(&configured.connection)?.clone(),
                    connector: self.shared.connectors.get(&configured.connection)?.clone(),
                    spec: specs.get(&*side.name)?.clone(),
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
        let looking = tokio::spawn(look_out(self.shared.clone(), sync, objects, doors.requests.clone()));
        self.runner.open(doors.requests);
        let ended = actor.run().await;
        looking.abort();
        Ok(ended)
    }

    fn is_referred(&self) -> bool {
        let syncs = &self.shared.config.syncs;
        syncs.iter().any(|sync| sync.fields.iter().any(|field| field.reference.as_deref() == Some(&self.sync.name)))
    }
}

/// Looks now and then whether the sides' columns still are what the sync was
/// assembled on: not every system tells of columns, and none of a column that
/// came back after a start; and whether the code it names still is what was loaded.
async fn look_out(shared: Arc<Shared>, sync: config::Sync, known: Objects, tell: mpsc::Sender<Request>) {
    let mut wait = match has_fields_aside(&shared, &sync) {
        true => LOOK_SOONEST,
        false => LOOK_LATEST,
    };
    let mut waited = Duration::ZERO;
    let mut stuck = uncastable(&shared, &sync);
    let mut refusal = String::new();
    loop {
        tokio::time::sleep(LOOK_SOONEST).await;
        waited += LOOK_SOONEST;
        if has_other_code(&shared, &sync, &mut refusal).await {
            let _ = tell.send(Request::LookAgain).await;
            return;
        }
        // A value that does not cast is often the first that is seen of other columns.
        let more = uncastable(&shared, &sync);
        if more > stuck {
            wait = LOOK_SOONEST;
        }
        stuck = more;
        if waited < wait {
            continue;
        }
        waited = Duration::ZERO;
        wait = (wait * 2).min(LOOK_LATEST);
        // Who cannot be asked now has told nothing new.
        let Ok(now) = shared.assembly(&sync).discover(&shared.connectors).await else {
            continue;
        };
        let differs = |(side, object): (&String, &_)| {
            known.get(side).is_some_and(|before| !differences(before, object).is_empty())
        };
        if now.iter().any(differs) {
            let _ = tell.send(Request::LookAgain).await;
            return;
        }
    }
}

/// Whether a component that the mapping names is another one by now. One that cannot
/// be loaded takes nobody's place. `refusal`: why, as it was told last; the same is
/// not told again.
async fn has_other_code(shared: &Shared, sync: &config::Sync, refusal: &mut String) -> bool {
    let error = match shared.equipped(&sync.name).await {
        Ok(now) => {
            refusal.clear();
            return now != *sync;
        }
        Err(error) => error,
    };
    let told = error.to_string();
    if *refusal != told {
        tracing::warn!(sync = %sync.name, code = error.code(), "{told}; what was loaded before stays in use");
        *refusal = told;
    }
    false
}

/// Fields that wait since their value does not cast.
fn uncastable(shared: &Shared, sync: &config::Sync) -> u64 {
    let known = shared.store.sync_id(&sync.name).ok().flatten();
    let counts = known.and_then(|id| shared.store.counts(id).ok());
    counts.and_then(|counts| counts.waiting.get(&AttentionKind::Uncastable).copied()).unwrap_or(0)
}

fn has_fields_aside(shared: &Shared, sync: &config::Sync) -> bool {
    let state = shared.store.sync_id(&sync.name).ok().flatten().and_then(|id| shared.store.sync_state(id).ok());
    state.is_some_and(|state| drift::aside(&state.settings).is_ok_and(|aside| !aside.is_empty()))
}
