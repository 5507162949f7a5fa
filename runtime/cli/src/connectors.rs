//! Finding connectors: a path to a component, or the name of one that is built
//! in (inside the binary, in LOCKSTEP_CONNECTORS, or in `connectors` beside the
//! binary). Each is loaded once in a process, when it is first needed, and goes when
//! nobody uses it any more.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lockstep_core::config::{Connection, ConnectorSettings};
use lockstep_host::{
    BudgetSnapshot, Compiler, Component, Host, HostError, HostOptions, Incident, Keeper, LoadLimits, Sent, Signature,
    Trust, TrustedKey, digest_of,
};
use tokio::sync::OnceCell;

use crate::{failure::Failure, kept::Folder, shelf::Shelf};

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// Where a component's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Inside(&'static str),
    File(PathBuf),
    /// Put aside under this digest when it was in use.
    Kept(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Inside(name) => write!(f, "{name} (built in)"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Kept(digest) => write!(f, "sha256:{digest} (put aside)"),
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

/// A component, and who answers for it.
#[derive(Clone)]
pub struct Loaded {
    pub component: Component,
    pub signature: Signature,
}

/// Whose components the operator lets in.
pub fn trust(settings: &ConnectorSettings) -> Trust {
    let keys = settings.trusted_keys.iter().map(|key| TrustedKey::new(&key.name, key.public));
    Trust { keys: keys.collect(), required: settings.require_signature }
}

/// Loads components, each once.
pub struct Loader {
    host: OnceCell<Host>,
    trust: Trust,
    /// Where the host keeps what it must remember.
    kept: Option<PathBuf>,
    /// By digest, as long as anybody holds one.
    loaded: std::sync::Mutex<BTreeMap<String, Arc<OnceCell<Component>>>>,
}

impl Loader {
    /// With a folder for what the host must remember, made when it is first needed.
    pub fn keeping(kept: Option<PathBuf>, trust: Trust) -> Self {
        Loader { host: OnceCell::new(), trust, kept, loaded: std::sync::Mutex::default() }
    }

    /// What is known of an account's rate limits.
    pub fn budget(&self, account: &str) -> Option<BudgetSnapshot> {
        self.host.get()?.budgets().into_iter().find(|budget| budget.account == account)
    }

    /// The latest requests of a connection.
    pub fn sent(&self, connection: &str) -> Vec<Sent> {
        self.host.get().map(|host| host.sent(connection)).unwrap_or_default()
    }

    /// The roles in which a connection's component is parked, and why.
    pub fn parked(&self, connection: &str, digest: &str) -> Vec<(&'static str, String)> {
        self.host.get().map(|host| host.parked(connection, digest)).unwrap_or_default()
    }

    /// What a connection's connector did wrong or was refused.
    pub fn incidents(&self, connection: &str) -> Vec<Incident> {
        self.host.get().map(|host| host.incidents(connection)).unwrap_or_default()
    }

    /// The component at a source as it is now. `digest`: the SHA-256 it must have.
    pub async fn load(&self, source: &Source, digest: Option<&str>, limits: &LoadLimits) -> Result<Loaded, HostError> {
        let bytes = self.bytes(source, limits).await?;
        let found = digest_of(&bytes);
        if let Some(expected) = digest.filter(|expected| *expected != found) {
            return Err(HostError::Digest { expected: expected.to_owned(), found });
        }
        let signature = self.admits(source, &found, &bytes)?;
        let cell = {
            let mut loaded = self.loaded.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            loaded.retain(|_, cell| Arc::strong_count(cell) > 1 || cell.get().is_some_and(Component::is_held));
            loaded.entry(found.clone()).or_default().clone()
        };
        let host = self.host().await?;
        let component = cell.get_or_try_init(|| host.load_within(bytes, Some(&found), limits)).await?;
        Ok(Loaded { component: component.clone(), signature })
    }

    /// The bytes of a component that may be used, and what runs them.
    pub async fn admitted(&self, source: &Source, limits: &LoadLimits) -> Result<(&Host, Vec<u8>), HostError> {
        let bytes = self.bytes(source, limits).await?;
        self.admits(source, &digest_of(&bytes), &bytes)?;
        Ok((self.host().await?, bytes))
    }

    /// What the signature of a component is worth, whether it may be used or not.
    pub fn signature(&self, source: &Source, digest: &str, bytes: &[u8]) -> Signature {
        match self.is_built_in(source, digest) {
            true => Signature::BuiltIn,
            false => self.trust.judge(bytes),
        }
    }

    /// [`Loader::signature`] of a component with that digest that may be used.
    pub fn admits(&self, source: &Source, digest: &str, bytes: &[u8]) -> Result<Signature, HostError> {
        match self.is_built_in(source, digest) {
            true => Ok(Signature::BuiltIn),
            false => self.trust.admit(bytes),
        }
    }

    /// Whether a component is, or was when it was put aside, part of this program.
    fn is_built_in(&self, source: &Source, digest: &str) -> bool {
        match source {
            Source::Inside(_) => true,
            Source::Kept(_) => self.shelf().is_some_and(|shelf| shelf.is_built_in(digest)),
            Source::File(_) => false,
        }
    }

    /// Puts the component at a source aside under its digest.
    pub async fn keep(&self, source: &Source, digest: &str, limits: &LoadLimits) -> Result<(), HostError> {
        let Some(shelf) = self.shelf() else { return Ok(()) };
        let unkept = |error: std::io::Error| HostError::Unreadable {
            what: format!("the folder of components in use, {}", shelf.path(digest).display()),
            reason: error.to_string(),
        };
        if self.is_built_in(source, digest) {
            shelf.note_built_in(digest).map_err(unkept)?;
        }
        if shelf.has(digest) {
            return shelf.touch(digest).map_err(unkept);
        }
        let bytes = self.bytes(source, limits).await?;
        let found = digest_of(&bytes);
        if found != digest {
            return Err(HostError::Digest { expected: digest.to_owned(), found });
        }
        shelf.put(digest, &bytes).map_err(unkept)
    }

    fn shelf(&self) -> Option<Shelf> {
        self.kept.as_deref().map(Shelf::beside)
    }

    async fn host(&self) -> Result<&Host, HostError> {
        self.host.get_or_try_init(|| host(self.kept.clone())).await
    }

    /// A component's bytes. Nothing of them is looked at.
    pub async fn bytes(&self, source: &Source, limits: &LoadLimits) -> Result<Vec<u8>, HostError> {
        match source {
            Source::File(path) => self.host().await?.read_file(path, limits).await,
            Source::Inside(name) => Ok(inside(name).to_vec()),
            Source::Kept(digest) => match self.shelf() {
                Some(shelf) => self.host().await?.read_file(&shelf.path(digest), limits).await,
                None => Err(HostError::Unreadable {
                    what: format!("the component sha256:{digest}"),
                    reason: "nothing is put aside without a state file".to_owned(),
                }),
            },
        }
    }
}

/// The bytes of a component inside this binary.
pub fn inside(name: &str) -> &'static [u8] {
    GUESTS.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes).unwrap_or_default()
}

async fn host(kept: Option<PathBuf>) -> Result<Host, HostError> {
    let keeper = kept.map(|folder| Arc::new(Folder::new(folder)) as Arc<dyn Keeper>);
    // This program again, in a process that may take so much and no more.
    let again = |program| Compiler { program, arguments: vec![crate::COMPILE.into()] };
    let compiler = std::env::current_exe().ok().map(again);
    Host::new(HostOptions { cache_dir: cache_folder(), compiler, keeper, ..HostOptions::default() })
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
