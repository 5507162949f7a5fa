//! `lockstep:connector/tls`: encryption done by the host.

use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use super::bindings::lockstep::connector::tls::{Host, HostConnection};
use crate::{
    lines::printable,
    network::{Encrypted, Handshake, Verify, Wire, WireInput, WireOutput, handshake},
    record::{
        Body,
        event::{Encrypting, Event},
    },
    store::StoreData,
};

/// Of what a connector says itself, in a recording.
const WORD_BYTES_MAX: usize = 300;

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
        if let Some(player) = self.tape.player() {
            let encrypting = match player.encrypt(&server_name, &verify)?.result() {
                Ok(encrypting) => encrypting,
                Err(words) => return Ok(Err(words)),
            };
            let wire = Wire::played(encrypting.wire, Arc::clone(&self.network.counters), self.tape.clone());
            let channel_binding = encrypting.channel_binding.map(|binding| binding.held);
            let encrypted = Encrypted { wire: Arc::new(Mutex::new(wire)), channel_binding };
            return Ok(Ok(self.table.push(encrypted)?));
        }
        let encrypted = self.encrypt(&server_name, &verify, &wire).await;
        self.tape.note(|| Event::Encrypt {
            server_name: printable(&server_name, WORD_BYTES_MAX),
            verify: printable(&verify, WORD_BYTES_MAX),
            answer: encrypted.as_ref().map(encrypting).into(),
        });
        match encrypted {
            Ok(encrypted) => Ok(Ok(self.table.push(encrypted)?)),
            Err(reason) => Ok(Err(reason)),
        }
    }
}

/// What a recording says of an encrypted connection.
fn encrypting(encrypted: &Encrypted) -> Encrypting {
    let channel_binding = encrypted.channel_binding.as_ref().map(|binding| Body::new(binding, usize::MAX));
    Encrypting { wire: encrypted.wire.lock().number, channel_binding }
}

impl StoreData {
    async fn encrypt(&mut self, server_name: &str, verify: &str, wire: &Arc<Mutex<Wire>>) -> Result<Encrypted, String> {
        let Some(verify) = Verify::parse(verify) else {
            return Err(format!("\"{verify}\" is no way to verify; none, ca and full are"));
        };
        let Some(stream) = wire.lock().take_plain() else {
            return Err("the connection is encrypted already, or bytes wait in it".into());
        };
        let network = &self.network;
        let parts = Handshake {
            verify,
            roots: Arc::clone(&network.roots),
            timeout: network.handshake_timeout,
            counters: Arc::clone(&network.counters),
            tape: self.tape.clone(),
        };
        handshake(stream, server_name, parts).await
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
