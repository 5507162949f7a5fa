//! `wasi:sockets/ip-name-lookup`, for granted names only.

use std::net::IpAddr;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    Network as WasiNetwork,
    bindings::sockets::network::{ErrorCode, IpAddress},
};
use wasmtime_wasi_io::poll::{DynPollable, subscribe};

use super::bindings::wasi::sockets::ip_name_lookup::{Host, HostResolveAddressStream};
use crate::{
    lines::printable,
    network::Lookup,
    record::{
        event::{Answered, Event},
        kinds,
    },
    store::StoreData,
};

/// Of a name in a recording.
const NAME_BYTES_MAX: usize = 300;

impl Host for StoreData {
    fn resolve_addresses(
        &mut self,
        network: Resource<WasiNetwork>,
        name: String,
    ) -> wasmtime::Result<Result<Resource<Lookup>, ErrorCode>> {
        self.table.get(&network)?;
        if let Some(player) = self.tape.player() {
            return match player.look_up(&name)?.result() {
                Ok(()) => Ok(Ok(self.table.push(Lookup::played())?)),
                Err(code) => Ok(Err(kinds::code(&code))),
            };
        }
        let started = Lookup::start(&self.network, &name);
        self.tape.note(|| Event::LookUp {
            name: printable(&name, NAME_BYTES_MAX),
            answer: started.as_ref().map(|_| ()).map_err(|code| code.name()).into(),
        });
        match started {
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
        if let Some(player) = self.tape.player() {
            let Some(answer) = player.address()? else { return Ok(Err(ErrorCode::WouldBlock)) };
            let address = answer.result().map_err(|code| kinds::code(&code));
            return Ok(address.map(|text| text?.parse::<IpAddr>().ok()).map(|address| address.map(IpAddress::from)));
        }
        let next = self.table.get_mut(&stream)?.next(&mut self.network);
        self.tape.note(|| match &next {
            Err(ErrorCode::WouldBlock) => Event::NotYet,
            Err(code) => Event::Address { answer: Answered::Err(code.name().to_owned()) },
            Ok(address) => Event::Address { answer: Answered::Ok(address.map(|address| address.to_string())) },
        });
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
