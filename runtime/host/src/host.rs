//! The engine all components of a process share, and how components come in.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::broadcast;
use wasmtime::{Engine, component::Linker};

use crate::{
    budget::{BudgetSnapshot, Budgets},
    cache::{Cache, kept_name},
    code::Workshop,
    compile::Compiler,
    component::Component,
    error::HostError,
    examine::{Anatomy, digest_of, examine},
    http::{Egresses, Sent},
    incidents::Incident,
    keeper::Keeper,
    ledger::Ledgers,
    limits::{Limits, LoadLimits},
    machine::{Machine, Purpose, Tools},
    network::{Resolver, SystemResolver},
    said::Said,
    store::StoreData,
    v0_1,
};

/// How often running guests can be interrupted.
pub(crate) const EPOCH: Duration = Duration::from_millis(10);

/// How a [`Host`] is set up.
#[derive(Clone, Default)]
pub struct HostOptions {
    /// Where compiled components are kept; `None` compiles at every load.
    pub cache_dir: Option<PathBuf>,
    /// Who compiles; `None`: this process, whose memory is then not bounded meanwhile.
    pub compiler: Option<Compiler>,
    /// The bounds of sessions and components for which no others are given.
    pub limits: Limits,
    /// Knows the addresses that requests over HTTP go to; `None`: the operating system does.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// Remembers refresh tokens and rate budgets across restarts; `None`: nobody does.
    pub keeper: Option<Arc<dyn Keeper>>,
}

/// Loads components and opens sessions with them. Cheap to clone.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) machine: Machine,
    pub(crate) linker: Linker<StoreData>,
    pub(crate) limits: Limits,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) egresses: Egresses,
    pub(crate) budgets: Budgets,
    pub(crate) keeper: Option<Arc<dyn Keeper>>,
    pub(crate) ledgers: Ledgers,
    workshop: OnceLock<Workshop>,
    tools: Arc<Tools>,
}

impl Host {
    /// Start the engine.
    ///
    /// # Errors
    /// When the cache's folder cannot be used, or the machine is not one the
    /// engine compiles for.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let cache = options
            .cache_dir
            .as_deref()
            .map(|folder| {
                Cache::open(folder).map_err(|error| HostError::Unreadable {
                    what: format!("the cache of compiled connectors in {}", folder.display()),
                    reason: error.to_string(),
                })
            })
            .transpose()?;
        let tools = Arc::new(Tools { compiler: options.compiler, cache });
        let machine = Machine::new(Purpose::Connectors, Arc::clone(&tools))?;
        let linker =
            v0_1::linker(&machine.engine).map_err(|error| HostError::Engine { reason: format!("{error:#}") })?;
        tick(&machine.engine)?;
        Ok(Host(Arc::new(Inner {
            machine,
            linker,
            limits: options.limits,
            resolver: options.resolver.unwrap_or_else(|| Arc::new(SystemResolver)),
            egresses: Egresses::default(),
            budgets: Budgets::new(options.keeper.clone()),
            keeper: options.keeper,
            ledgers: Ledgers::default(),
            workshop: OnceLock::new(),
            tools,
        })))
    }

    /// What is known of every account's rate limits.
    pub fn budgets(&self) -> Vec<BudgetSnapshot> {
        self.0.budgets.snapshots()
    }

    /// The latest requests that the sessions of a connection made over HTTP, oldest first.
    pub fn sent(&self, connection: &str) -> Vec<Sent> {
        self.0.egresses.sent(connection)
    }

    /// What a connection's sessions did wrong or were refused, oldest first.
    pub fn incidents(&self, connection: &str) -> Vec<Incident> {
        self.0.ledgers.incidents(connection)
    }

    /// What a connection's sessions say from now on. Who is more than 256 lines behind misses some, and is told.
    pub fn follow(&self, connection: &str) -> broadcast::Receiver<Said> {
        self.0.ledgers.of(connection).sayings.follow()
    }

    /// The roles in which a connection's component, by its digest, is parked, and the failure each is for.
    pub fn parked(&self, connection: &str, digest: &str) -> Vec<(&'static str, String)> {
        self.0.ledgers.parked(connection, digest)
    }

    /// Load a component from a file. `expected` is its SHA-256 in hexadecimal, with
    /// or without `sha256:` before it.
    pub async fn load_file(&self, path: &Path, expected: Option<&str>) -> Result<Component, HostError> {
        let limits = &self.0.limits.load;
        self.load_within(self.read_file(path, limits).await?, expected, limits).await
    }

    /// A component's file, unless it is too large to be one.
    pub async fn read_file(&self, path: &Path, limits: &LoadLimits) -> Result<Vec<u8>, HostError> {
        let unreadable = |reason: String| HostError::Unreadable { what: path.display().to_string(), reason };
        let bytes = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        let bytes_max = limits.component_bytes_max;
        if bytes > bytes_max {
            return Err(HostError::TooLarge { bytes, bytes_max });
        }
        tokio::fs::read(path).await.map_err(|error| unreadable(error.to_string()))
    }

    /// Load a component from its bytes. Nothing of it runs.
    ///
    /// # Errors
    /// When it is not the expected one, no connector, too large, or does not compile.
    pub async fn load(&self, bytes: Vec<u8>, expected: Option<&str>) -> Result<Component, HostError> {
        self.load_within(bytes, expected, &self.0.limits.load).await
    }

    /// [`Host::load`] within other bounds than the host's own.
    pub async fn load_within(
        &self,
        bytes: Vec<u8>,
        expected: Option<&str>,
        limits: &LoadLimits,
    ) -> Result<Component, HostError> {
        let bytes_max = limits.component_bytes_max;
        if bytes.len() as u64 > bytes_max {
            return Err(HostError::TooLarge { bytes: bytes.len() as u64, bytes_max });
        }
        let host = self.clone();
        tokio::task::spawn_blocking({
            let expected = expected.map(|text| text.trim_start_matches("sha256:").to_ascii_lowercase());
            let limits = limits.clone();
            move || host.load_now(&bytes, expected, &limits)
        })
        .await
        .map_err(|error| HostError::Compile { reason: error.to_string() })?
    }

    fn load_now(self, bytes: &[u8], expected: Option<String>, limits: &LoadLimits) -> Result<Component, HostError> {
        let name = kept_name(bytes);
        let (looked_at, kept) = beside(|| self.0.machine.kept(&name, limits), || look_at(bytes, expected));
        let (digest, anatomy) = looked_at?;
        let compiled = match kept {
            Some(kept) => kept,
            None => self.0.machine.compile(bytes, &name, limits)?,
        };
        Component::new(self, compiled, digest, bytes.len() as u64, anatomy)
    }
}

impl Inner {
    /// Where code is made ready; begun when the first is asked for.
    pub(crate) fn workshop(&self) -> Result<&Workshop, HostError> {
        if let Some(workshop) = self.workshop.get() {
            return Ok(workshop);
        }
        let workshop = Workshop::new(Arc::clone(&self.tools))?;
        Ok(self.workshop.get_or_init(|| workshop))
    }
}

fn look_at(bytes: &[u8], expected: Option<String>) -> Result<(String, Anatomy), HostError> {
    let digest = digest_of(bytes);
    if let Some(expected) = expected.filter(|expected| *expected != digest) {
        return Err(HostError::Digest { expected, found: digest });
    }
    Ok((digest, examine(bytes)?))
}

/// What the second work gives, and what the first gave meanwhile on a thread of its own;
/// without a thread, `None`.
fn beside<F: Send, S>(first: impl FnOnce() -> Option<F> + Send, second: impl FnOnce() -> S) -> (S, Option<F>) {
    std::thread::scope(|scope| {
        let first = std::thread::Builder::new().name("kept".into()).spawn_scoped(scope, first);
        let second = second();
        (second, first.ok().and_then(|first| first.join().ok()).flatten())
    })
}

/// Advance the engine's epoch until the engine is gone.
fn tick(engine: &Engine) -> Result<(), HostError> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("epochs".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(EPOCH);
            }
        })
        .map(drop)
        .map_err(|error| HostError::Engine { reason: error.to_string() })
}
