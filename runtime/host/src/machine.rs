//! The engines components run on, and how their bytes become machine code: from the
//! cache, or by a process of its own.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    num::NonZeroUsize,
    sync::Arc,
};

use wasmtime::{Config, Engine, component::Component};

use crate::{cache::Cache, compile::Compiler, error::HostError, limits::LoadLimits};

/// What an engine is for. Machine code for one is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Sessions that live long and are interrupted by the clock.
    Connectors,
    /// Calls that are functions of their arguments, and are counted by what they compute.
    Code,
}

impl Purpose {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Purpose::Connectors => "connectors",
            Purpose::Code => "code",
        }
    }

    /// `None`: there is no such purpose.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Purpose::Connectors, Purpose::Code].into_iter().find(|purpose| purpose.name() == name)
    }

    /// An engine for this, the same in the process that compiles.
    pub(crate) fn engine(self) -> wasmtime::Result<Engine> {
        let mut config = Config::new();
        config
            .wasm_component_model(true)
            .concurrency_support(false)
            .wasm_memory64(false)
            .max_wasm_stack(1 << 20)
            .async_stack_size(2 << 20)
            .wasm_backtrace_max_frames(NonZeroUsize::new(16))
            .cranelift_opt_level(wasmtime::OptLevel::Speed);
        match self {
            Purpose::Connectors => {
                config.epoch_interruption(true);
            }
            Purpose::Code => {
                config.consume_fuel(true).cranelift_nan_canonicalization(true).relaxed_simd_deterministic(true);
            }
        }
        Engine::new(&config)
    }
}

/// What all engines of a host compile with.
pub(crate) struct Tools {
    pub(crate) compiler: Option<Compiler>,
    pub(crate) cache: Option<Cache>,
}

/// An engine, and what makes code for it.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    purpose: Purpose,
    /// Names this engine and its settings, for the cache.
    name: String,
    tools: Arc<Tools>,
}

impl Machine {
    pub(crate) fn new(purpose: Purpose, tools: Arc<Tools>) -> Result<Self, HostError> {
        let engine = purpose.engine().map_err(|error| HostError::Engine { reason: format!("{error:#}") })?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Machine { name: format!("{:016x}", hasher.finish()), engine, purpose, tools })
    }

    /// As it was compiled before, if the cache has it.
    pub(crate) fn kept(&self, name: &str, limits: &LoadLimits) -> Option<Component> {
        let code = self.tools.cache.as_ref()?.get(name, &self.name, limits.compiled_bytes_max)?;
        let kept = self.deserialize(&code);
        kept.inspect_err(|error| tracing::warn!(%name, %error, "a cached component does not load; compiling anew")).ok()
    }

    /// Compiled now, and kept for the next time.
    pub(crate) fn compile(&self, bytes: &[u8], name: &str, limits: &LoadLimits) -> Result<Component, HostError> {
        let failed = |error: wasmtime::Error| HostError::Compile { reason: format!("{error:#}") };
        let code = match &self.tools.compiler {
            Some(compiler) => compiler.compile(bytes, self.purpose, limits)?,
            None => self.engine.precompile_component(bytes).map_err(failed)?,
        };
        if let Some(cache) = &self.tools.cache
            && let Err(error) = cache.put(name, &self.name, &code)
        {
            tracing::warn!(%name, %error, "a compiled component could not be kept");
        }
        self.deserialize(&code).map_err(failed)
    }

    #[allow(unsafe_code)]
    fn deserialize(&self, code: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: what the cache hands out this host compiled itself for this component and
        // engine, and sealed with its own key; else it comes from the compiler just now.
        unsafe { Component::deserialize(&self.engine, code) }
    }
}
