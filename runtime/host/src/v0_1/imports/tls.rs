//! `lockstep:connector/tls`: encryption done by the host.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use super::bindings::lockstep::connector::tls::{Host, HostConnection};
use crate::{
    network::{Encrypted, Verify, WireInput, WireOutput, handshake},
    store::StoreData,
};

impl Host for StoreData {
    async fn upgrade(
        &mut self,
        server_name: String,
        verify: String,
        input: Resource<DynInputStream>,
        output: Resource<DynOutputStream>,
    ) -> wasmtime::Result<Result<Resource<Encrypted>, String>> {
        let wires = (self.network.wire(input.rep()), self.network.wire(output.rep()));
        // The guest gave both away: they are gone, however this ends.
        self.table.delete(input)?;
        self.table.delete(output)?;
        let (Some(wire), Some(other)) = wires else {
            return Ok(Err("these streams are no connection's".into()));
        };
        if !Arc::ptr_eq(&wire, &other) {
            return Ok(Err("these streams are not of one connection".into()));
        }
        let Some(verify) = Verify::parse(&verify) else {
            return Ok(Err(format!("\"{verify}\" is no way to verify; none, ca and full are")));
        };
        let Some(stream) = wire.lock().take_plain() else {
            return Ok(Err("the connection is encrypted already, or bytes wait in it".into()));
        };
        let network = &self.network;
        let encrypted = handshake(
            stream,
            &server_name,
            verify,
            Arc::clone(&network.roots),
            network.handshake_timeout,
            Arc::clone(&network.counters),
        )
        .await;
        match encrypted {
            Ok(encrypted) => Ok(Ok(self.table.push(encrypted)?)),
            Err(reason) => Ok(Err(reason)),
        }
    }
}

impl HostConnection for StoreData {
    fn input(&mut self, connection: Resource<Encrypted>) -> wasmtime::Result<Resource<DynInputStream>> {
        let wire = Arc::clone(&self.table.get(&connection)?.wire);
        let stream: DynInputStream = Box::new(WireInput(Arc::clone(&wire)));
        let stream = self.table.push(stream)?;
        self.network.track(stream.rep(), &wire);
        Ok(stream)
    }

    fn output(&mut self, connection: Resource<Encrypted>) -> wasmtime::Result<Resource<DynOutputStream>> {
        let wire = Arc::clone(&self.table.get(&connection)?.wire);
        let stream: DynOutputStream = Box::new(WireOutput(Arc::clone(&wire)));
        let stream = self.table.push(stream)?;
        self.network.track(stream.rep(), &wire);
        Ok(stream)
    }

    fn channel_binding(&mut self, connection: Resource<Encrypted>) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.table.get(&connection)?.channel_binding.clone())
    }

    fn drop(&mut self, connection: Resource<Encrypted>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}
