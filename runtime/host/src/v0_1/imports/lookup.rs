//! `wasi:sockets/ip-name-lookup`, for granted names only.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    Network as WasiNetwork,
    bindings::sockets::network::{ErrorCode, IpAddress},
};
use wasmtime_wasi_io::poll::{DynPollable, subscribe};

use super::bindings::wasi::sockets::ip_name_lookup::{Host, HostResolveAddressStream};
use crate::{network::Lookup, store::StoreData};

impl Host for StoreData {
    fn resolve_addresses(
        &mut self,
        network: Resource<WasiNetwork>,
        name: String,
    ) -> wasmtime::Result<Result<Resource<Lookup>, ErrorCode>> {
        self.table.get(&network)?;
        match Lookup::start(&self.network, &name) {
            Ok(lookup) => Ok(Ok(self.table.push(lookup)?)),
            Err(code) => Ok(Err(code)),
        }
    }
}

impl HostResolveAddressStream for StoreData {
    fn resolve_next_address(
        &mut self,
        stream: Resource<Lookup>,
    ) -> wasmtime::Result<Result<Option<IpAddress>, ErrorCode>> {
        let next = self.table.get_mut(&stream)?.next(&mut self.network);
        Ok(next.map(|address| address.map(IpAddress::from)))
    }

    fn subscribe(&mut self, stream: Resource<Lookup>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(&mut self.table, stream)
    }

    fn drop(&mut self, stream: Resource<Lookup>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}
