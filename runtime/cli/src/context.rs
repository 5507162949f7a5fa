//! What a verb works with: where the files are, and whom to ask. A running
//! Lockstep is asked over its socket; otherwise this process opens the state
//! itself, for the length of one operation.

use std::path::{Path, PathBuf};

use lockstep_engine::operations::Status;
use lockstep_server::{Client, Problem, socket};

use crate::{
    args::Globals,
    configuration,
    failure::Failure,
    screen::Screen,
    wiring::{self, State},
};

/// One run of the command.
pub struct Context<'a> {
    pub screen: &'a Screen,
    pub globals: &'a Globals,
}

impl<'a> Context<'a> {
    pub fn new(screen: &'a Screen, globals: &'a Globals) -> Self {
        Context { screen, globals }
    }

    pub fn config_path(&self) -> &Path {
        &self.globals.config
    }

    /// The state file and who says so: the command line or environment, else
    /// the configuration, else beside it.
    pub fn state_source(&self) -> (PathBuf, &'static str) {
        if let Some(path) = &self.globals.state {
            return (path.clone(), "--state or LOCKSTEP_STATE");
        }
        let folder = self.globals.config.with_file_name("");
        // A file with errors is told about by whoever needs what is in it.
        match configuration::load(&self.globals.config).ok().and_then(|config| config.state.path) {
            Some(path) => (folder.join(path), "the configuration, [state] path"),
            None => (folder.join("lockstep.db"), "default, beside the configuration"),
        }
    }

    pub fn state_path(&self) -> PathBuf {
        self.state_source().0
    }

    /// Whoever does operations: the running Lockstep, or this process.
    pub async fn client(&self) -> Result<Client, Failure> {
        let state = self.state_path();
        let running = async || socket::is_alive(&state).await;
        Ok(match wiring::engine_when_free(self.config_path(), State::Kept(state.clone()), running).await? {
            None => Client::Socket(socket::path_of(&state)),
            Some(engine) => Client::Local(lockstep_server::router(engine.operations())),
        })
    }

    /// Like [`Context::client`], for what connects to the systems: a missing
    /// secret is told before anything begins.
    pub async fn connecting_client(&self) -> Result<Client, Failure> {
        if !socket::is_alive(&self.state_path()).await {
            wiring::check_secrets(self.config_path())?;
        }
        self.client().await
    }

    /// Like [`Context::connecting_client`], for what needs no state: leaves no file behind.
    pub async fn stateless_client(&self) -> Result<Client, Failure> {
        let state = self.state_path();
        if state.exists() || socket::is_alive(&state).await {
            return self.connecting_client().await;
        }
        wiring::check_secrets(self.config_path())?;
        let engine = wiring::engine(self.config_path(), State::Throwaway)?;
        Ok(Client::Local(lockstep_server::router(engine.operations())))
    }

    /// Like [`Context::stateless_client`], for what connects to nothing.
    pub async fn looking_client(&self) -> Result<Client, Failure> {
        let state = self.state_path();
        if state.exists() || socket::is_alive(&state).await {
            return self.client().await;
        }
        let engine = wiring::engine(self.config_path(), State::Throwaway)?;
        Ok(Client::Local(lockstep_server::router(engine.operations())))
    }

    /// The sync that is meant: the one named, else the only one there is.
    pub async fn sync(&self, client: &Client, named: Option<&str>) -> Result<String, Failure> {
        if let Some(named) = named {
            return Ok(named.to_owned());
        }
        let status: Status = client.post("/v1/status", &()).await?;
        let mut names: Vec<String> = status.syncs.into_iter().map(|sync| sync.name).collect();
        match names.len() {
            1 => Ok(names.remove(0)),
            0 => Err(Failure::new("LS-CLI-010", "there is no sync yet")
                .remedy("Describe one in the configuration file, or let `lockstep map` propose it.")),
            _ => Err(Failure::usage("LS-CLI-011", format!("there are several syncs: {}", names.join(", ")))
                .remedy("Say which one is meant with `--sync NAME`.")),
        }
    }

    /// Who is asking, for the journal.
    pub fn by(&self) -> String {
        ["LOCKSTEP_USER", "SUDO_USER", "USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
            .unwrap_or_else(|| "operator".to_owned())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let mut failure = Failure::new(problem.code, problem.title).remedy(problem.remedy);
        if !problem.detail.is_empty() {
            failure = failure.detail(problem.detail);
        }
        failure
    }
}
