//! Finding connectors: a path to a component, an artifact in a registry, or the name of one
//! that is built in (inside the binary, in LOCKSTEP_CONNECTORS, or in `connectors` beside the
//! binary). Each is loaded once in a process, when it is first needed, and goes when
//! nobody uses it any more.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lockstep_core::config::{Connection, ConnectorSettings};
use lockstep_host::{
    BudgetSnapshot, Compiler, Component, Evidence, Host, HostError, HostOptions, Incident, Keeper, LoadLimits, Pulled,
    Reference, Registry, RegistryError, SCHEME, Said, Sent, Signature, Trust, TrustedKey, digest_of,
};
use tokio::sync::{OnceCell, broadcast};

use crate::{failure::Failure, kept::Folder, registry::Registries, shelf::Shelf};

include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// Where a component's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Inside(&'static str),
    File(PathBuf),
    Registry(Reference),
    /// Put aside under this digest when it was in use.
    Kept(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Inside(name) => write!(f, "{name} (built in)"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Registry(reference) => write!(f, "{reference}"),
            Source::Kept(digest) => write!(f, "sha256:{digest} (put aside)"),
        }
    }
}

impl Source {
    /// As a recording names it, for whoever replays it on this machine; empty where nobody else finds it.
    pub fn recorded(&self) -> String {
        match self {
            Source::Inside(name) => (*name).to_owned(),
            Source::File(path) => path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string(),
            Source::Registry(reference) => reference.to_string(),
            Source::Kept(_) => String::new(),
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
    if connector.starts_with(SCHEME) {
        let reference = Reference::parse(connector).map_err(HostError::from)?;
        return Ok(Source::Registry(reference));
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
    /// What is signed about it, beside it.
    evidence: Evidence,
}

/// A component's bytes, and what is signed about them beside them.
pub struct Found {
    pub bytes: Vec<u8>,
    pub evidence: Evidence,
}

impl From<Pulled> for Found {
    fn from(pulled: Pulled) -> Self {
        Found { bytes: pulled.component, evidence: pulled.evidence }
    }
}

/// Whose components the operator lets in.
fn trust(settings: &ConnectorSettings) -> Trust {
    let keys = settings.trusted_keys.iter().map(|key| TrustedKey::new(&key.name, key.public));
    Trust { keys: keys.collect(), required: settings.require_signature }
}

/// Loads components, each once.
pub struct Loader {
    host: OnceCell<Host>,
    trust: Trust,
    registries: Registries,
    /// Where the host keeps what it must remember.
    kept: Option<PathBuf>,
    /// By digest, as long as anybody holds one.
    loaded: std::sync::Mutex<BTreeMap<String, Arc<OnceCell<Component>>>>,
}

impl Loader {
    /// With a folder for what the host must remember, made when it is first needed. `folder`: what
    /// relative paths in the settings start from.
    pub fn keeping(kept: Option<PathBuf>, settings: &ConnectorSettings, folder: &Path) -> Self {
        Loader {
            host: OnceCell::new(),
            trust: trust(settings),
            registries: Registries::of(settings, folder),
            kept,
            loaded: std::sync::Mutex::default(),
        }
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

    /// What a connection's connector says from now on; `None`: nothing was loaded yet.
    pub fn follow(&self, connection: &str) -> Option<broadcast::Receiver<Said>> {
        self.host.get().map(|host| host.follow(connection))
    }

    /// What a connection's connector did wrong or was refused.
    pub fn incidents(&self, connection: &str) -> Vec<Incident> {
        self.host.get().map(|host| host.incidents(connection)).unwrap_or_default()
    }

    /// The component at a source as it is now. `digest`: the SHA-256 it must have.
    pub async fn load(&self, source: &Source, digest: Option<&str>, limits: &LoadLimits) -> Result<Loaded, HostError> {
        let Found { bytes, evidence } = self.found(source, limits).await?;
        let found = digest_of(&bytes);
        if let Some(expected) = digest.filter(|expected| *expected != found) {
            return Err(HostError::Digest { expected: expected.to_owned(), found });
        }
        let signature = self.admits(source, &found, &bytes, &evidence)?;
        let cell = {
            let mut loaded = self.loaded.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            loaded.retain(|_, cell| Arc::strong_count(cell) > 1 || cell.get().is_some_and(Component::is_held));
            loaded.entry(found.clone()).or_default().clone()
        };
        let host = self.host().await?;
        let component = cell.get_or_try_init(|| host.load_within(bytes, Some(&found), limits)).await?;
        Ok(Loaded { component: component.clone(), signature, evidence })
    }

    /// The bytes of a component that may be used, and what runs them.
    pub async fn admitted(&self, source: &Source, limits: &LoadLimits) -> Result<(&Host, Vec<u8>), HostError> {
        let Found { bytes, evidence } = self.found(source, limits).await?;
        self.admits(source, &digest_of(&bytes), &bytes, &evidence)?;
        Ok((self.host().await?, bytes))
    }

    /// What the signature of a component is worth, whether it may be used or not.
    pub fn signature(&self, source: &Source, digest: &str, found: &Found) -> Signature {
        match self.is_built_in(source, digest) {
            true => Signature::BuiltIn,
            false => self.trust.judge(&found.bytes, &found.evidence),
        }
    }

    /// [`Loader::signature`] of a component with that digest that may be used.
    pub fn admits(
        &self,
        source: &Source,
        digest: &str,
        bytes: &[u8],
        evidence: &Evidence,
    ) -> Result<Signature, HostError> {
        match self.is_built_in(source, digest) {
            true => Ok(Signature::BuiltIn),
            false => self.trust.admit(bytes, evidence),
        }
    }

    /// Whether a component is, or was when it was put aside, part of this program.
    fn is_built_in(&self, source: &Source, digest: &str) -> bool {
        match source {
            Source::Inside(_) => true,
            Source::Kept(_) => self.shelf().is_some_and(|shelf| shelf.is_built_in(digest)),
            Source::File(_) | Source::Registry(_) => false,
        }
    }

    /// Puts a component that was loaded from a source aside under its digest, with what is signed about it.
    pub async fn keep(&self, source: &Source, loaded: &Loaded, limits: &LoadLimits) -> Result<(), HostError> {
        let Some(shelf) = self.shelf() else { return Ok(()) };
        let digest = loaded.component.digest();
        if self.is_built_in(source, digest) {
            shelf.note_built_in(digest).map_err(|error| unkept(&shelf, &error))?;
        }
        if shelf.has(digest) {
            let noted = shelf.add(digest, &loaded.evidence).and_then(|()| shelf.touch(digest));
            return noted.map_err(|error| unkept(&shelf, &error));
        }
        let Found { bytes, .. } = self.found(source, limits).await?;
        let found = digest_of(&bytes);
        if found != digest {
            return Err(HostError::Digest { expected: digest.to_owned(), found });
        }
        shelf.put(digest, &bytes, &loaded.evidence).map_err(|error| unkept(&shelf, &error))
    }

    fn shelf(&self) -> Option<Shelf> {
        self.kept.as_deref().map(Shelf::beside)
    }

    async fn host(&self) -> Result<&Host, HostError> {
        self.host.get_or_try_init(|| host(self.kept.clone())).await
    }

    /// A component as it is at its source. Nothing of it is looked at.
    pub async fn found(&self, source: &Source, limits: &LoadLimits) -> Result<Found, HostError> {
        match source {
            Source::File(path) => {
                let bytes = self.host().await?.read_file(path, limits).await?;
                Ok(Found { bytes, evidence: beside(path)? })
            }
            Source::Inside(name) => Ok(Found { bytes: inside(name).to_vec(), evidence: Evidence::default() }),
            Source::Registry(reference) => self.pulled(reference, limits).await,
            Source::Kept(digest) => match self.shelf() {
                Some(shelf) => {
                    let bytes = self.host().await?.read_file(&shelf.path(digest), limits).await?;
                    Ok(Found { bytes, evidence: shelf.evidence(digest) })
                }
                None => Err(HostError::Unreadable {
                    what: format!("the component sha256:{digest}"),
                    reason: "nothing is put aside without a state file".to_owned(),
                }),
            },
        }
    }

    /// [`Loader::found`], without asking a registry.
    pub async fn at_hand(&self, source: &Source, limits: &LoadLimits) -> Result<Option<Found>, HostError> {
        match source {
            Source::Registry(reference) => self.shelved(reference.pinned()?, limits).await,
            Source::File(_) | Source::Inside(_) | Source::Kept(_) => self.found(source, limits).await.map(Some),
        }
    }

    /// What a reference with a digest names: as it was put aside, else from its registry.
    async fn pulled(&self, reference: &Reference, limits: &LoadLimits) -> Result<Found, HostError> {
        if let Some(found) = self.shelved(reference.pinned()?, limits).await? {
            return Ok(found);
        }
        let found = self.fetch(reference, limits).await?;
        self.put_aside(&found)?;
        Ok(found)
    }

    /// The component of an artifact that was put aside, by the manifest's digest.
    async fn shelved(&self, manifest: &str, limits: &LoadLimits) -> Result<Option<Found>, HostError> {
        let Some(shelf) = self.pulls() else { return Ok(None) };
        let Some((component, evidence)) = shelf.artifact(manifest) else { return Ok(None) };
        match self.host().await?.read_file(&shelf.path(&component), limits).await {
            Ok(bytes) if digest_of(&bytes) == component => Ok(Some(Found { bytes, evidence })),
            Ok(_) => {
                tracing::warn!(%component, "what was put aside was changed and is not used");
                Ok(None)
            }
            // It made room for others.
            Err(HostError::Unreadable { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a reference leads to now, from its registry.
    pub async fn fetch(&self, reference: &Reference, limits: &LoadLimits) -> Result<Found, HostError> {
        let registry = self.registry(reference).await?;
        tracing::info!(%reference, "fetching a component");
        Ok(registry.pull(limits).await?.into())
    }

    /// Puts what was fetched aside, for those who name it by its digest.
    pub fn put_aside(&self, found: &Found) -> Result<(), HostError> {
        let Some(shelf) = self.pulls() else { return Ok(()) };
        let put = shelf.put(&digest_of(&found.bytes), &found.bytes, &found.evidence);
        put.map_err(|error| unkept(&shelf, &error))
    }

    /// A visit to a reference's registry.
    pub async fn registry(&self, reference: &Reference) -> Result<Registry, RegistryError> {
        Registry::visit(reference, self.registries.access(&reference.registry).await?)
    }

    /// Where artifacts are put aside: beside the state, else in the cache.
    fn pulls(&self) -> Option<Shelf> {
        self.shelf().or_else(|| cache_folder().as_deref().map(Shelf::beside))
    }
}

fn unkept(shelf: &Shelf, error: &std::io::Error) -> HostError {
    HostError::Unreadable { what: format!("the folder of components in use, {shelf}"), reason: error.to_string() }
}

/// Larger ones are no signatures.
const SIGNATURE_BYTES_MAX: u64 = 64 * 1024;

/// The signature in a file beside a component's, as `cosign sign-blob` writes it.
fn beside(path: &Path) -> Result<Evidence, HostError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    let path = PathBuf::from(name);
    let unreadable = |reason: String| HostError::Unreadable { what: path.display().to_string(), reason };
    match std::fs::metadata(&path) {
        Ok(about) if about.len() > SIGNATURE_BYTES_MAX => Err(unreadable("it is too large for a signature".to_owned())),
        Ok(_) => {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
            Ok(Evidence { of_bytes: vec![text.trim().to_owned()], artifact: None })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Evidence::default()),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// A component's file that a command is given, unless it is too large to be one.
pub fn component_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new("LS-CLI-021", format!("cannot read {}: {error}", path.display()))
            .remedy("Name the component's .wasm file.")
    };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    let bytes_max = LoadLimits::default().component_bytes_max;
    if bytes > bytes_max {
        return Err(HostError::TooLarge { bytes, bytes_max }.into());
    }
    std::fs::read(path).map_err(unreadable)
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
