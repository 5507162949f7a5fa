//! What belongs to one component instance, and the bounds it lives in.

use std::sync::Arc;

use wasmtime::{ResourceLimiter, component::ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{
    credentials::Credentials, http::Requests, ledger::Ledger, limits::Limits, lines::Lines, network::Network,
    record::Tape,
};

/// The state behind one instance's imports.
pub(crate) struct StoreData {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) network: Network,
    pub(crate) http: WasiHttpCtx,
    pub(crate) requests: Requests,
    pub(crate) credentials: Credentials,
    pub(crate) lines: Lines,
    /// Whether what crosses is recorded, or played.
    pub(crate) tape: Tape,
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

/// Why an instance was not made.
#[derive(Debug, thiserror::Error)]
#[error("the connection has as many instances as it may")]
pub(crate) struct TooManyInstances;

/// Memory and tables of one instance, all together, and of its connection. What it took is
/// given back when it goes.
pub(crate) struct Limiter {
    memory: Share,
    tables: Share,
    ledger: Arc<Ledger>,
    /// The bound that a growth was refused for, in the present call.
    pub(crate) refused: Option<&'static str>,
}

/// An instance's share of something, with the names of its bounds.
struct Share {
    used: usize,
    max: usize,
    total_max: usize,
    bound: &'static str,
    total_bound: &'static str,
}

impl Limiter {
    /// # Errors
    /// When the connection has all the instances that it may have.
    pub(crate) fn new(limits: &Limits, ledger: Arc<Ledger>) -> Result<Self, TooManyInstances> {
        if !ledger.instances.take(1, limits.instances_max) {
            return Err(TooManyInstances);
        }
        let memory = Share {
            used: 0,
            max: limits.memory_bytes_max,
            total_max: limits.memory_total_bytes_max,
            bound: "memory",
            total_bound: "memory_total",
        };
        let tables = Share {
            used: 0,
            max: limits.table_elements_max,
            total_max: limits.table_total_elements_max,
            bound: "table_elements",
            total_bound: "table_elements_total",
        };
        Ok(Limiter { memory, tables, ledger, refused: None })
    }
}

impl Share {
    /// # Errors
    /// The name of the bound that does not allow it.
    fn grow(&mut self, total: &crate::ledger::Total, current: usize, desired: usize) -> Result<(), &'static str> {
        let more = desired.saturating_sub(current);
        if more > self.max - self.used {
            return Err(self.bound);
        }
        if !total.take(more, self.total_max) {
            return Err(self.total_bound);
        }
        self.used += more;
        Ok(())
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.ledger.memory_bytes.give_back(self.memory.used);
        self.ledger.table_elements.give_back(self.tables.used);
        self.ledger.instances.give_back(1);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.memory.grow(&self.ledger.memory_bytes, current, desired);
        self.refused = grown.err().or(self.refused);
        Ok(grown.is_ok())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let grown = self.tables.grow(&self.ledger.table_elements, current, desired);
        self.refused = grown.err().or(self.refused);
        Ok(grown.is_ok())
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
