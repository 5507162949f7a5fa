//! What belongs to one component instance, and the bounds it lives in.

use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{credentials::Credentials, http::Requests, limits::Limits, lines::Lines, network::Network};

/// The state behind one instance's imports.
pub(crate) struct StoreData {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) network: Network,
    pub(crate) http: WasiHttpCtx,
    pub(crate) requests: Requests,
    pub(crate) credentials: Credentials,
    pub(crate) lines: Lines,
    pub(crate) limiter: Limiter,
    /// Epochs the present call may still compute.
    pub(crate) epochs_left: u64,
}

impl WasiView for StoreData {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for StoreData {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.requests, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Why a guest was stopped in the middle of computing.
#[derive(Debug, thiserror::Error)]
#[error("it computed longer than a call may")]
pub(crate) struct ComputedTooLong;

/// Memory and tables of one instance, all together.
pub(crate) struct Limiter {
    memory_bytes_left: usize,
    table_elements_left: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Limiter { memory_bytes_left: limits.memory_bytes_max, table_elements_left: limits.table_elements_max }
    }
}

fn spend(left: &mut usize, current: usize, desired: usize) -> bool {
    let more = desired.saturating_sub(current);
    let fits = more <= *left;
    if fits {
        *left -= more;
    }
    fits
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(spend(&mut self.memory_bytes_left, current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(spend(&mut self.table_elements_left, current, desired))
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        16
    }
}
