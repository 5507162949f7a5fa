//! Putting the parts together: configuration, connectors, state, engine.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use lockstep_core::config::Config;
use lockstep_engine::{Connector, Engine, Setup, SystemClock};
use lockstep_state::{Options, Store};

use crate::{
    code::Files,
    configuration,
    connectors::{self, Loader},
    failure::Failure,
    kept, secrets,
};

/// How long a state file that another command has open is waited for. Commands
/// that do one thing without a running Lockstep have it open for less.
const STATE_IN_USE_MS: u64 = 5_000;

/// Its code (`StateError::Locked`).
const STATE_IN_USE: &str = "LS-STA-007";

/// Between two attempts to open it.
const STATE_RETRY_MS: u64 = 50;

/// Which state an engine stands on.
#[derive(Clone)]
pub enum State {
    Kept(PathBuf),
    /// In memory, gone with the process.
    Throwaway,
}

/// An engine on this configuration and state. Connects to nothing yet.
pub fn engine(path: &Path, state: State) -> Result<Engine, Failure> {
    engine_of(configuration::load(path)?, &path.with_file_name(""), state)
}

/// [`engine`], waiting a moment for another command that has the state open.
/// `None`: `elsewhere` says that the one that has it can be asked instead.
pub async fn engine_when_free(
    path: &Path,
    state: State,
    elsewhere: impl AsyncFn() -> bool,
) -> Result<Option<Engine>, Failure> {
    let until = Instant::now() + Duration::from_millis(STATE_IN_USE_MS);
    loop {
        if elsewhere().await {
            return Ok(None);
        }
        match engine(path, state.clone()) {
            Err(failure) if *failure.code == *STATE_IN_USE && Instant::now() < until => {}
            opened => return opened.map(Some),
        }
        tokio::time::sleep(Duration::from_millis(STATE_RETRY_MS)).await;
    }
}

/// [`engine`], of a configuration at hand. `folder`: what its paths are relative to.
pub fn engine_of(config: Config, folder: &Path, state: State) -> Result<Engine, Failure> {
    let kept = match &state {
        State::Kept(path) => Some(kept::beside(path)),
        State::Throwaway => None,
    };
    let loader = Arc::new(Loader::keeping(kept, &config.connectors, folder));
    let mut all: BTreeMap<String, Arc<dyn Connector>> = BTreeMap::new();
    for connection in &config.connections {
        let guest = connectors::of(connection, folder, &loader)?;
        all.insert(connection.name.clone(), Arc::new(guest));
    }
    let store = match state {
        State::Kept(path) => Store::open(&path, &Options::default())?,
        State::Throwaway => Store::in_memory()?,
    };
    let code = Arc::new(Files::new(folder, loader));
    Engine::open(Setup { config, store, connectors: all, clock: Arc::new(SystemClock), code })
        .map_err(|error| lockstep_server::router::problem(&error).into())
}

/// That every secret is there, before anything begins that would miss it half-way.
pub fn check_secrets(path: &Path) -> Result<(), Failure> {
    check_secrets_of(&configuration::load(path)?, &path.with_file_name(""))
}

/// [`check_secrets`], of a configuration at hand.
pub fn check_secrets_of(config: &Config, folder: &Path) -> Result<(), Failure> {
    let mut missing = config.connections.iter().filter_map(|one| secrets::resolve(one, folder).err());
    match missing.next() {
        None => Ok(()),
        Some(first) => Err(Failure { others: missing.collect(), ..first }),
    }
}
