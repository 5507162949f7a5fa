//! `wasi:io/poll`: WASI's own, but that a recording is told which are ready, and a
//! replay tells it. There nothing is waited for.

use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi_io::{
    bindings::wasi::io::poll::{self, Host, HostPollable},
    poll::DynPollable,
};

use crate::{record::event::Event, store::StoreData};

/// Offer the interface in the place of WASI's own.
pub(crate) fn add_to_linker(linker: &mut Linker<StoreData>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let added = poll::add_to_linker::<StoreData, HasSelf<StoreData>>(linker, |data| data);
    linker.allow_shadowing(false);
    added
}

impl Host for StoreData {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        if let Some(player) = self.tape.player() {
            return Ok(player.poll(pollables.len()).await?);
        }
        let ready = Host::poll(&mut self.table, pollables).await?;
        self.tape.note(|| Event::Poll { ready: ready.clone() });
        Ok(ready)
    }
}

impl HostPollable for StoreData {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        if let Some(player) = self.tape.player() {
            return Ok(player.ready().await?);
        }
        let ready = HostPollable::ready(&mut self.table, pollable).await?;
        self.tape.note(|| Event::Ready { ready });
        Ok(ready)
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        if let Some(player) = self.tape.player() {
            player.ready().await?;
            return Ok(());
        }
        HostPollable::block(&mut self.table, pollable).await?;
        self.tape.note(|| Event::Ready { ready: true });
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        HostPollable::drop(&mut self.table, pollable)
    }
}
