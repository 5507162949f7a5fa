//! Putting the parts together: configuration, connectors, state, engine.

use std::path::{Path, PathBuf};

use lockstep_engine::Engine;

use crate::failure::Failure;

/// Which state an engine stands on.
pub enum State {
    Kept(PathBuf),
    /// In a temporary folder, gone with the process.
    Throwaway,
}

/// An engine on this configuration and state. Connects to nothing yet.
pub fn engine(config: &Path, state: State) -> Result<Engine, Failure> {
    let _ = (config, state);
    Err(Failure::new("LS-CLI-999", "not wired"))
}
