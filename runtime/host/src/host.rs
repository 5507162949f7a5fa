//! The engine all components of a process share, and how components come in.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest, Sha256};
use wasmtime::{
    Config, Engine,
    component::{self, Linker},
};

use crate::{
    budget::{BudgetSnapshot, Budgets},
    cache::Cache,
    component::Component,
    credentials::hex,
    error::HostError,
    examine::examine,
    http::{Egresses, Sent},
    keeper::Keeper,
    limits::{Limits, LoadLimits},
    network::{Resolver, SystemResolver},
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
    pub load: LoadLimits,
    /// The bounds of sessions that ask for no others.
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
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<StoreData>,
    pub(crate) limits: Limits,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) egresses: Egresses,
    pub(crate) budgets: Budgets,
    pub(crate) keeper: Option<Arc<dyn Keeper>>,
    load: LoadLimits,
    cache: Option<Cache>,
    /// Names this engine and its settings, for the cache.
    engine_name: String,
}

impl Host {
    /// Start the engine.
    ///
    /// # Errors
    /// When the cache's folder cannot be used, or the machine is not one the
    /// engine compiles for.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let failed = |error: wasmtime::Error| HostError::Engine { reason: format!("{error:#}") };
        let engine = Engine::new(&engine_config()).map_err(failed)?;
        let linker = v0_1::linker(&engine).map_err(failed)?;
        let cache = options
            .cache_dir
            .as_deref()
            .map(|folder| {
                Cache::open(folder, options.load.compiled_bytes_max).map_err(|error| HostError::Unreadable {
                    what: format!("the cache of compiled connectors in {}", folder.display()),
                    reason: error.to_string(),
                })
            })
            .transpose()?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine_name = format!("{:016x}", hasher.finish());
        tick(&engine)?;
        Ok(Host(Arc::new(Inner {
            engine,
            linker,
            limits: options.limits,
            resolver: options.resolver.unwrap_or_else(|| Arc::new(SystemResolver)),
            egresses: Egresses::default(),
            budgets: Budgets::new(options.keeper.clone()),
            keeper: options.keeper,
            load: options.load,
            cache,
            engine_name,
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

    /// Load a component from a file. `expected` is its SHA-256 in hexadecimal, with
    /// or without `sha256:` before it.
    pub async fn load_file(&self, path: &Path, expected: Option<&str>) -> Result<Component, HostError> {
        let content = self.read_file(path).await?;
        self.load(content, expected).await
    }

    /// A component's file, unless it is too large to be one.
    pub async fn read_file(&self, path: &Path) -> Result<Vec<u8>, HostError> {
        let unreadable = |reason: String| HostError::Unreadable { what: path.display().to_string(), reason };
        let bytes = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        let bytes_max = self.0.load.component_bytes_max;
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
        let bytes_max = self.0.load.component_bytes_max;
        if bytes.len() as u64 > bytes_max {
            return Err(HostError::TooLarge { bytes: bytes.len() as u64, bytes_max });
        }
        let host = self.clone();
        tokio::task::spawn_blocking({
            let expected = expected.map(|text| text.trim_start_matches("sha256:").to_ascii_lowercase());
            move || host.load_now(&bytes, expected)
        })
        .await
        .map_err(|error| HostError::Compile { reason: error.to_string() })?
    }

    fn load_now(self, bytes: &[u8], expected: Option<String>) -> Result<Component, HostError> {
        let digest = digest_of(bytes);
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(HostError::Digest { expected, found: digest });
        }
        let anatomy = examine(bytes)?;
        let compiled = self.0.compiled(bytes, &digest)?;
        Component::new(self, compiled, digest, bytes.len() as u64, anatomy)
    }
}

impl Inner {
    fn compiled(&self, bytes: &[u8], digest: &str) -> Result<component::Component, HostError> {
        let failed = |error: wasmtime::Error| HostError::Compile { reason: format!("{error:#}") };
        if let Some(code) = self.cache.as_ref().and_then(|cache| cache.get(digest, &self.engine_name)) {
            match self.deserialize(&code) {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(%digest, %error, "a cached component does not load; compiling anew"),
            }
        }
        let component = component::Component::from_binary(&self.engine, bytes).map_err(failed)?;
        if let Some(cache) = &self.cache {
            let kept = component.serialize().map_err(failed).and_then(|code| {
                cache
                    .put(digest, &self.engine_name, &code)
                    .map_err(|error| HostError::Unreadable { what: "the cache".into(), reason: error.to_string() })
            });
            if let Err(error) = kept {
                tracing::warn!(%digest, %error, "a compiled component could not be kept");
            }
        }
        Ok(component)
    }

    #[allow(unsafe_code)]
    fn deserialize(&self, code: &[u8]) -> wasmtime::Result<component::Component> {
        // SAFETY: the cache hands out only what this host compiled itself for this
        // component and engine and sealed with its own key.
        unsafe { component::Component::deserialize(&self.engine, code) }
    }
}

/// What identifies a component: the SHA-256 of its bytes, in hexadecimal.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .epoch_interruption(true)
        .max_wasm_stack(1 << 20)
        .async_stack_size(2 << 20)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16))
        .cranelift_opt_level(wasmtime::OptLevel::Speed);
    config
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
