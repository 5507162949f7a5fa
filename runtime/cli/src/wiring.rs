//! Putting the parts together: configuration, connectors, state, engine.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lockstep_engine::{Engine, Setup, SystemClock};
use lockstep_state::{Options, Store};

use crate::{configuration, failure::Failure};

/// Which state an engine stands on.
pub enum State {
    Kept(PathBuf),
    /// In a temporary folder, gone with the process.
    Throwaway,
}

/// An engine on this configuration and state. Connects to nothing yet.
pub fn engine(config: &Path, state: State) -> Result<Engine, Failure> {
    let config = configuration::load(config)?;
    let path = match state {
        State::Kept(path) => path,
        State::Throwaway => std::env::temp_dir().join(format!("lockstep-{}.db", std::process::id())),
    };
    let store = Store::open(&path, &Options::default())
        .map_err(|error| lockstep_server::router::problem(&error.into()))?;
    Engine::open(Setup { config, store, connectors: BTreeMap::new(), clock: Arc::new(SystemClock) })
        .map_err(|error| lockstep_server::router::problem(&error).into())
}
