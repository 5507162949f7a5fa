//! Finding connectors: a path to a component, or the name of one that is built
//! in (inside the binary, in LOCKSTEP_CONNECTORS, or in `connectors` beside the
//! binary). Each is loaded once in a process, when it is first needed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lockstep_core::config::Connection;
use lockstep_host::{BudgetSnapshot, Component, Host, HostError, HostOptions, Keeper, Sent};
use tokio::sync::OnceCell;

use crate::{failure::Failure, kept::Folder};

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// Where a component's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Inside(&'static str),
    File(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Inside(name) => write!(f, "{name} (built in)"),
            Source::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The names of all built-in connectors, and where each is.
pub fn built_in() -> BTreeMap<String, Source> {
    let mut found: BTreeMap<String, Source> =
        GUESTS.iter().map(|(name, _)| ((*name).to_owned(), Source::Inside(name))).collect();
    for folder in folders() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "wasm")
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                found.insert(name.to_owned(), Source::File(path));
            }
        }
    }
    found
}

/// Later ones win.
fn folders() -> impl Iterator<Item = PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("connectors")));
    let told = std::env::var_os("LOCKSTEP_CONNECTORS").map(PathBuf::from);
    beside.into_iter().chain(told)
}

/// Where a connection's connector is. `folder`: what relative paths start from.
pub fn source(connector: &str, folder: &Path) -> Result<Source, Failure> {
    if connector.starts_with("oci://") {
        return Err(Failure::new("LS-CLI-020", format!("connectors from a registry ({connector}) are not served yet"))
            .remedy("Download the component, and name the file."));
    }
    if connector.contains('/') || connector.ends_with(".wasm") {
        let path = folder.join(connector);
        return match std::fs::metadata(&path) {
            Ok(meta) if meta.is_file() => Ok(Source::File(path)),
            Ok(_) => Err(Failure::new("LS-CLI-021", format!("{} is no file", path.display()))
                .remedy("Name the component's .wasm file.")),
            Err(error) => Err(Failure::new("LS-CLI-021", format!("cannot read {}: {error}", path.display()))
                .remedy("A connector's path is relative to the configuration file.")),
        };
    }
    let mut known = built_in();
    if let Some(source) = known.remove(connector) {
        return Ok(source);
    }
    let failure = Failure::new("LS-CLI-020", format!("there is no connector `{connector}`"));
    Err(if known.is_empty() {
        failure.remedy("This lockstep was built without connectors: run `cargo xtask guests`, then build it again.")
    } else {
        let names: Vec<String> = known.into_keys().collect();
        failure.remedy(format!("Built in: {}. Anything else is a path to a .wasm file.", names.join(", ")))
    })
}

/// A component and the digest it was pinned to, if it was.
type Wanted = (Source, Option<String>);

/// Loads components, each once.
pub struct Loader {
    host: OnceCell<Host>,
    /// Where the host keeps what it must remember.
    kept: Option<PathBuf>,
    loaded: std::sync::Mutex<BTreeMap<Wanted, Arc<OnceCell<Component>>>>,
}

impl Loader {
    pub fn new() -> Self {
        Loader::keeping(None)
    }

    /// With a folder for what the host must remember, made when it is first needed.
    pub fn keeping(kept: Option<PathBuf>) -> Self {
        Loader { host: OnceCell::new(), kept, loaded: std::sync::Mutex::default() }
    }

    /// What is known of an account's rate limits.
    pub fn budget(&self, account: &str) -> Option<BudgetSnapshot> {
        self.host.get()?.budgets().into_iter().find(|budget| budget.account == account)
    }

    /// The latest requests of a connection.
    pub fn sent(&self, connection: &str) -> Vec<Sent> {
        self.host.get().map(|host| host.sent(connection)).unwrap_or_default()
    }

    /// The component at a source. `digest`: the SHA-256 it must have.
    pub async fn load(&self, source: &Source, digest: Option<&str>) -> Result<Component, HostError> {
        let cell = {
            let mut loaded = self.loaded.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            loaded.entry((source.clone(), digest.map(str::to_owned))).or_default().clone()
        };
        let component = cell.get_or_try_init(|| self.load_now(source, digest)).await?;
        Ok(component.clone())
    }

    async fn load_now(&self, source: &Source, digest: Option<&str>) -> Result<Component, HostError> {
        let host = self.host.get_or_try_init(|| host(self.kept.clone())).await?;
        match source {
            Source::File(path) => host.load_file(path, digest).await,
            Source::Inside(name) => {
                let bytes = GUESTS.iter().find(|(known, _)| known == name).map(|(_, bytes)| *bytes);
                host.load(bytes.unwrap_or_default().to_vec(), digest).await
            }
        }
    }
}

async fn host(kept: Option<PathBuf>) -> Result<Host, HostError> {
    let keeper = kept.map(|folder| Arc::new(Folder::new(folder)) as Arc<dyn Keeper>);
    Host::new(HostOptions { cache_dir: cache_folder(), keeper, ..HostOptions::default() })
}

/// Where compiled connectors are kept: LOCKSTEP_CACHE, else the user's cache folder.
fn cache_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("LOCKSTEP_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("lockstep")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/lockstep")))
}

/// Everything the runtime needs to open sessions of one connection.
pub fn of(connection: &Connection, folder: &Path, loader: &Arc<Loader>) -> Result<crate::bridge::Guest, Failure> {
    let source = source(&connection.connector, folder)?;
    Ok(crate::bridge::Guest::new(connection.clone(), folder.to_owned(), source, loader.clone()))
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Failure::new(error.code(), error.to_string()).remedy(error.remedy())
    }
}
