//! Where components of code are made ready.

use std::sync::Arc;

use lockstep_core::code::{Judge, Transform};
use wasmtime::component::{Component, Linker};

use super::{CodeKind, call::Caller, judge::Decider, memory::Memory, still::Still, transform::Maker};
use crate::{
    cache::kept_name,
    error::HostError,
    examine::{digest_of, examine_code},
    host::Host,
    limits::LoadLimits,
    machine::{Machine, Purpose, Tools},
    v0_1::{inert, policy, transform},
};

/// The engine that code runs on, with what it may import.
pub(crate) struct Workshop {
    machine: Machine,
    linker: Linker<Still>,
}

impl Workshop {
    pub(crate) fn new(tools: Arc<Tools>) -> Result<Self, HostError> {
        let machine = Machine::new(Purpose::Code, tools)?;
        let mut linker = Linker::new(&machine.engine);
        inert::add_to_linker(&mut linker).map_err(|error| HostError::Engine { reason: format!("{error:#}") })?;
        Ok(Workshop { machine, linker })
    }

    fn caller(&self) -> Caller {
        Caller::new(self.machine.engine.clone())
    }

    fn transform(&self, bytes: &[u8], limits: &LoadLimits) -> Result<Maker, HostError> {
        let (digest, component) = self.component(bytes, transform::INTERFACE, limits)?;
        let prepared = transform::Prepared::new(&self.linker, &component).map_err(unfit)?;
        let caller = self.caller();
        let about = caller.call(async |store| prepared.describe(store).await);
        let about = about.map_err(|reason| HostError::Code { kind: CodeKind::Transform, reason })?;
        Ok(Maker { digest, about, prepared, caller, reads: Memory::default(), writes: Memory::default() })
    }

    fn policy(&self, bytes: &[u8], limits: &LoadLimits) -> Result<Decider, HostError> {
        let (digest, component) = self.component(bytes, policy::INTERFACE, limits)?;
        let prepared = policy::Prepared::new(&self.linker, &component).map_err(unfit)?;
        let caller = self.caller();
        let described = caller.call(async |store| prepared.describe(store).await.map(Ok));
        described.map_err(|reason| HostError::Code { kind: CodeKind::Policy, reason })?;
        Ok(Decider { digest, prepared, caller })
    }

    fn component(&self, bytes: &[u8], interface: &str, limits: &LoadLimits) -> Result<(String, Component), HostError> {
        let bytes_max = limits.component_bytes_max;
        if bytes.len() as u64 > bytes_max {
            return Err(HostError::TooLarge { bytes: bytes.len() as u64, bytes_max });
        }
        examine_code(bytes, interface)?;
        let digest = digest_of(bytes);
        let name = kept_name(bytes);
        let component = match self.machine.kept(&name, limits) {
            Some(kept) => kept,
            None => self.machine.compile(bytes, &name, limits)?,
        };
        Ok((digest, component))
    }
}

fn unfit(error: wasmtime::Error) -> HostError {
    HostError::NotAComponent { reason: format!("{error:#}") }
}

impl Host {
    /// Makes a component ready that makes values. It is asked what it is, and nothing else.
    ///
    /// # Errors
    /// When it is none, too large, does not compile or does not say what it is.
    pub async fn transform(&self, bytes: Vec<u8>, limits: &LoadLimits) -> Result<Arc<dyn Transform>, HostError> {
        let made = self.ready(bytes, limits, Workshop::transform).await?;
        Ok(Arc::new(made))
    }

    /// Makes a component ready that decides conflicts, as [`Host::transform`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn policy(&self, bytes: Vec<u8>, limits: &LoadLimits) -> Result<Arc<dyn Judge>, HostError> {
        let made = self.ready(bytes, limits, Workshop::policy).await?;
        Ok(Arc::new(made))
    }

    async fn ready<C: Send + 'static>(
        &self,
        bytes: Vec<u8>,
        limits: &LoadLimits,
        make: fn(&Workshop, &[u8], &LoadLimits) -> Result<C, HostError>,
    ) -> Result<C, HostError> {
        let (host, limits) = (self.clone(), limits.clone());
        let made = tokio::task::spawn_blocking(move || make(host.0.workshop()?, &bytes, &limits));
        made.await.map_err(|error| HostError::Compile { reason: error.to_string() })?
    }
}
