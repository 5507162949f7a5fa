//! Making an instance with everything it may use, and nothing else.

use std::sync::Arc;

use wasmtime::{Store, UpdateDeadline, component::ResourceTable};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::{
    component::Component,
    credentials::Credentials,
    host::EPOCH,
    http::Requests,
    ledger::Ledger,
    limits::Limits,
    lines::{Lines, Spoken},
    network::Network,
    record::{Seed, Tape},
    store::{ComputedTooLong, Limiter, StoreData, TooManyInstances},
    v0_2::Bindings,
};

/// Why there is no instance.
pub(crate) enum NotMade {
    Crowded,
    /// With the bound that a growth was refused for.
    Stopped(wasmtime::Error, Option<&'static str>),
}

impl From<TooManyInstances> for NotMade {
    fn from(_: TooManyInstances) -> Self {
        NotMade::Crowded
    }
}

/// What an instance may use.
pub(super) struct Parts {
    pub(super) network: Network,
    pub(super) requests: Requests,
    pub(super) credentials: Credentials,
    pub(super) lines: Lines,
    pub(super) ledger: Arc<Ledger>,
    pub(super) tape: Tape,
    /// From which its randomness comes, where that is to be had again.
    pub(super) seed: Option<Seed>,
}

/// A running instance.
pub(crate) struct Instance {
    pub(crate) store: Store<StoreData>,
    pub(crate) bindings: Bindings,
}

impl Instance {
    pub(super) async fn new(component: &Component, parts: Parts, limits: &Limits) -> Result<Self, NotMade> {
        let Parts { mut network, mut requests, credentials, lines, ledger, tape, seed } = parts;
        network.tape = tape.clone();
        requests.tape = tape.clone();
        let spoken = |level| Spoken { lines: lines.clone(), level };
        let mut wasi = WasiCtx::builder();
        wasi.stdout(spoken("info"))
            .stderr(spoken("warn"))
            .max_random_size(limits.random_bytes_max)
            .allow_udp(false)
            .allow_tcp(false);
        tape.set_up(seed, &mut wasi);
        let wasi = wasi.build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles_max);
        let limiter = Limiter::new(limits, ledger)?;
        let mut http = WasiHttpCtx::new();
        // What a head takes in memory is a little more than on the wire.
        http.set_field_size_limit(limits.http.request_head_bytes_max.max(limits.http.response_head_bytes_max) * 4);
        let data =
            StoreData { table, wasi, network, http, requests, credentials, lines, tape, limiter, epochs_left: 0 };
        let mut store = Store::new(&component.0.host.0.machine.engine, data);
        store.limiter(|data| &mut data.limiter);
        store.set_hostcall_fuel(limits.answer_bytes_max);
        store.set_max_component_handles(limits.handles_max);
        // Every epoch the guest gives the thread back, so that time-outs are
        // noticed; after so many of them it has computed too long.
        store.epoch_deadline_callback(|mut context| {
            let data = context.data_mut();
            match data.epochs_left.checked_sub(1) {
                Some(left) => {
                    data.epochs_left = left;
                    Ok(UpdateDeadline::Yield(1))
                }
                None => Err(ComputedTooLong.into()),
            }
        });
        let mut instance_store = arm(store, limits);
        match component.0.instantiable.instantiate(&mut instance_store).await {
            Ok(bindings) => Ok(Instance { store: instance_store, bindings }),
            Err(error) => Err(NotMade::Stopped(error, instance_store.data().limiter.refused)),
        }
    }

    /// Give the next call its time.
    pub(crate) fn arm(&mut self, limits: &Limits) {
        let data = self.store.data_mut();
        data.epochs_left = epochs(limits);
        data.limiter.refused = None;
        data.requests.arm();
        self.store.set_epoch_deadline(1);
    }
}

fn arm(mut store: Store<StoreData>, limits: &Limits) -> Store<StoreData> {
    let data = store.data_mut();
    data.epochs_left = epochs(limits);
    data.requests.arm();
    store.set_epoch_deadline(1);
    store
}

fn epochs(limits: &Limits) -> u64 {
    limits.compute_ms_max / EPOCH.as_millis() as u64
}
