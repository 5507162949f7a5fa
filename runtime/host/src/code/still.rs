//! What a call finds around it: nothing that differs from one call to the next.

use std::time::Duration;

use wasmtime::{StoreLimits, StoreLimitsBuilder, component::ResourceTable};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView, random::Deterministic};

/// Handles that one call may hold.
pub(super) const HANDLES_MAX: usize = 256;
/// Memory that one call may take.
const MEMORY_BYTES_MAX: usize = 64 << 20;
const TABLE_ELEMENTS_MAX: usize = 100_000;
const RANDOM_BYTES_MAX: u64 = 1 << 16;
/// What is called random is these, over and over.
const UNSURPRISING: [u8; 16] =
    [0x9e, 0x37, 0x79, 0xb9, 0x7f, 0x4a, 0x7c, 0x15, 0xf3, 0x9c, 0xc0, 0x60, 0x5c, 0xed, 0xc8, 0x34];

/// It is always 1970, and no time passes.
struct StandingClock;

impl HostWallClock for StandingClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for StandingClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// The state behind one call's imports.
pub(super) struct Still {
    table: ResourceTable,
    wasi: WasiCtx,
    pub(super) limits: StoreLimits,
}

impl Still {
    pub(super) fn new() -> Self {
        let random = || Deterministic::new(UNSURPRISING.to_vec());
        let wasi = WasiCtx::builder()
            .wall_clock(StandingClock)
            .monotonic_clock(StandingClock)
            .secure_random(random())
            .insecure_random(random())
            .insecure_random_seed(0)
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_udp(false)
            .allow_tcp(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_BYTES_MAX)
            .memories(1)
            .table_elements(TABLE_ELEMENTS_MAX)
            .build();
        Still { table, wasi, limits }
    }
}

impl WasiView for Still {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
