//! `wasi:sockets/tcp` and `tcp-create-socket`: connecting to what is granted.
//! Binding, listening and accepting are not.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::TcpStream;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{
    Network as WasiNetwork,
    bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress},
};
use wasmtime_wasi_io::{
    poll::{DynPollable, subscribe},
    streams::{DynInputStream, DynOutputStream},
};

use super::bindings::wasi::sockets::{
    tcp::{Duration as Nanoseconds, Host, HostTcpSocket, ShutdownType},
    tcp_create_socket,
};
use crate::{
    network::{Socket, SocketState, Wire, WireInput, WireOutput},
    record::{
        event::{Answered, Event, Wired},
        kinds,
    },
    store::StoreData,
};

type Answer<T> = wasmtime::Result<Result<T, ErrorCode>>;

impl tcp_create_socket::Host for StoreData {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> Answer<Resource<Socket>> {
        let is_ipv6 = family == IpAddressFamily::Ipv6;
        let is_played = self.tape.player().is_some();
        if let Some(player) = self.tape.player() {
            if let Err(code) = player.socket(is_ipv6)?.result() {
                return Ok(Err(kinds::code(&code)));
            }
        } else {
            let has_room = self.network.has_room();
            let answer = if has_room { Ok(()) } else { Err(ErrorCode::NewSocketLimit.name()) };
            self.tape.note(|| Event::Socket { ipv6: is_ipv6, answer: answer.into() });
            if !has_room {
                self.network.counters.reached("sockets");
                return Ok(Err(ErrorCode::NewSocketLimit));
            }
        }
        let socket = Socket {
            is_ipv6,
            state: if is_played { SocketState::Played(None) } else { SocketState::Fresh },
            counters: Arc::clone(&self.network.counters),
            _open: Arc::clone(&self.network.open),
        };
        Ok(Ok(self.table.push(socket)?))
    }
}

impl Host for StoreData {}

impl StoreData {
    /// The connection that a recording tells of.
    fn played(&mut self, socket: &Resource<Socket>) -> Answer<Arc<Mutex<Wire>>> {
        let Some(answer) = self.tape.player().map(|player| player.connected()).transpose()?.flatten() else {
            return Ok(Err(ErrorCode::WouldBlock));
        };
        let wired = match answer.result() {
            Ok(wired) => wired,
            Err(code) => return Ok(Err(kinds::code(&code))),
        };
        let addresses = wired.local.parse().ok().zip(wired.remote.parse().ok());
        self.table.get_mut(socket)?.state = SocketState::Played(addresses);
        let wire = Wire::played(wired.wire, Arc::clone(&self.network.counters), self.tape.clone());
        Ok(Ok(Arc::new(Mutex::new(wire))))
    }

    /// What is set of a connection that only a recording tells of is of no effect.
    fn set(&mut self, socket: &Resource<Socket>, set: impl FnOnce(&TcpStream) -> std::io::Result<()>) -> Answer<()> {
        match self.tape.player() {
            Some(_) => Ok(Ok(())),
            None => self.option(socket, set),
        }
    }

    fn addresses(&self, socket: &Resource<Socket>) -> wasmtime::Result<Option<(SocketAddr, SocketAddr)>> {
        Ok(match self.table.get(socket)?.state {
            SocketState::Played(addresses) => addresses,
            _ => None,
        })
    }

    fn option<T>(
        &mut self,
        socket: &Resource<Socket>,
        read: impl FnOnce(&TcpStream) -> std::io::Result<T>,
    ) -> Answer<T> {
        Ok(self.table.get(socket)?.with_tcp(read))
    }
}

impl HostTcpSocket for StoreData {
    fn start_bind(&mut self, _: Resource<Socket>, _: Resource<WasiNetwork>, _: IpSocketAddress) -> Answer<()> {
        Ok(Err(ErrorCode::AccessDenied))
    }

    fn finish_bind(&mut self, _: Resource<Socket>) -> Answer<()> {
        Ok(Err(ErrorCode::NotInProgress))
    }

    fn start_connect(
        &mut self,
        socket: Resource<Socket>,
        network: Resource<WasiNetwork>,
        remote: IpSocketAddress,
    ) -> Answer<()> {
        self.table.get(&network)?;
        let remote = SocketAddr::from(remote);
        if let Some(player) = self.tape.player() {
            return Ok(player.connect(&remote.to_string())?.result().map_err(|code| kinds::code(&code)));
        }
        let timeout = self.network.connect_timeout;
        let started = match self.network.may_connect(remote.ip(), remote.port()) {
            Ok(()) => self.table.get_mut(&socket)?.start(remote, timeout),
            Err(_) => Err(ErrorCode::AccessDenied),
        };
        self.tape
            .note(|| Event::Connect { to: remote.to_string(), answer: started.map_err(|code| code.name()).into() });
        Ok(started)
    }

    fn finish_connect(
        &mut self,
        socket: Resource<Socket>,
    ) -> Answer<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let finished = match self.tape.player() {
            Some(_) => self.played(&socket)?,
            None => {
                let finished = self.table.get_mut(&socket)?.finish(&self.tape);
                self.tape.note(|| connected(&finished));
                finished
            }
        };
        let wire = match finished {
            Ok(wire) => wire,
            Err(code) => return Ok(Err(code)),
        };
        let input: DynInputStream = Box::new(WireInput(Arc::clone(&wire)));
        let output: DynOutputStream = Box::new(WireOutput(Arc::clone(&wire)));
        let input = self.table.push_child(input, &socket)?;
        let output = self.table.push_child(output, &socket)?;
        self.network.track(input.rep(), &wire);
        self.network.track(output.rep(), &wire);
        Ok(Ok((input, output)))
    }

    fn start_listen(&mut self, _: Resource<Socket>) -> Answer<()> {
        Ok(Err(ErrorCode::AccessDenied))
    }

    fn finish_listen(&mut self, _: Resource<Socket>) -> Answer<()> {
        Ok(Err(ErrorCode::NotInProgress))
    }

    fn accept(
        &mut self,
        _: Resource<Socket>,
    ) -> Answer<(Resource<Socket>, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        Ok(Err(ErrorCode::InvalidState))
    }

    fn local_address(&mut self, socket: Resource<Socket>) -> Answer<IpSocketAddress> {
        if let Some((local, _)) = self.addresses(&socket)? {
            return Ok(Ok(local.into()));
        }
        Ok(self.option(&socket, TcpStream::local_addr)?.map(IpSocketAddress::from))
    }

    fn remote_address(&mut self, socket: Resource<Socket>) -> Answer<IpSocketAddress> {
        if let Some((_, remote)) = self.addresses(&socket)? {
            return Ok(Ok(remote.into()));
        }
        Ok(self.option(&socket, TcpStream::peer_addr)?.map(IpSocketAddress::from))
    }

    fn is_listening(&mut self, _: Resource<Socket>) -> wasmtime::Result<bool> {
        Ok(false)
    }

    fn address_family(&mut self, socket: Resource<Socket>) -> wasmtime::Result<IpAddressFamily> {
        let is_ipv6 = self.table.get(&socket)?.is_ipv6;
        Ok(if is_ipv6 { IpAddressFamily::Ipv6 } else { IpAddressFamily::Ipv4 })
    }

    fn set_listen_backlog_size(&mut self, _: Resource<Socket>, _: u64) -> Answer<()> {
        Ok(Err(ErrorCode::NotSupported))
    }

    fn keep_alive_enabled(&mut self, socket: Resource<Socket>) -> Answer<bool> {
        self.option(&socket, |tcp| SockRef::from(tcp).keepalive())
    }

    fn set_keep_alive_enabled(&mut self, socket: Resource<Socket>, value: bool) -> Answer<()> {
        self.set(&socket, |tcp| SockRef::from(tcp).set_keepalive(value))
    }

    fn keep_alive_idle_time(&mut self, socket: Resource<Socket>) -> Answer<Nanoseconds> {
        let time = self.option(&socket, |tcp| SockRef::from(tcp).tcp_keepalive_time())?;
        Ok(time.map(nanoseconds))
    }

    fn set_keep_alive_idle_time(&mut self, socket: Resource<Socket>, value: Nanoseconds) -> Answer<()> {
        let keepalive = socket2::TcpKeepalive::new().with_time(whole_seconds(value));
        self.set(&socket, |tcp| SockRef::from(tcp).set_tcp_keepalive(&keepalive))
    }

    fn keep_alive_interval(&mut self, socket: Resource<Socket>) -> Answer<Nanoseconds> {
        let interval = self.option(&socket, |tcp| SockRef::from(tcp).tcp_keepalive_interval())?;
        Ok(interval.map(nanoseconds))
    }

    fn set_keep_alive_interval(&mut self, socket: Resource<Socket>, value: Nanoseconds) -> Answer<()> {
        let keepalive = socket2::TcpKeepalive::new().with_interval(whole_seconds(value));
        self.set(&socket, |tcp| SockRef::from(tcp).set_tcp_keepalive(&keepalive))
    }

    fn keep_alive_count(&mut self, socket: Resource<Socket>) -> Answer<u32> {
        self.option(&socket, |tcp| SockRef::from(tcp).tcp_keepalive_retries())
    }

    fn set_keep_alive_count(&mut self, socket: Resource<Socket>, value: u32) -> Answer<()> {
        let keepalive = socket2::TcpKeepalive::new().with_retries(value.clamp(1, 100));
        self.set(&socket, |tcp| SockRef::from(tcp).set_tcp_keepalive(&keepalive))
    }

    fn hop_limit(&mut self, _: Resource<Socket>) -> Answer<u8> {
        Ok(Err(ErrorCode::NotSupported))
    }

    fn set_hop_limit(&mut self, _: Resource<Socket>, _: u8) -> Answer<()> {
        Ok(Err(ErrorCode::NotSupported))
    }

    fn receive_buffer_size(&mut self, socket: Resource<Socket>) -> Answer<u64> {
        self.option(&socket, |tcp| SockRef::from(tcp).recv_buffer_size().map(|size| size as u64))
    }

    fn set_receive_buffer_size(&mut self, socket: Resource<Socket>, value: u64) -> Answer<()> {
        self.set(&socket, |tcp| SockRef::from(tcp).set_recv_buffer_size(buffer_bytes(value)))
    }

    fn send_buffer_size(&mut self, socket: Resource<Socket>) -> Answer<u64> {
        self.option(&socket, |tcp| SockRef::from(tcp).send_buffer_size().map(|size| size as u64))
    }

    fn set_send_buffer_size(&mut self, socket: Resource<Socket>, value: u64) -> Answer<()> {
        self.set(&socket, |tcp| SockRef::from(tcp).set_send_buffer_size(buffer_bytes(value)))
    }

    fn subscribe(&mut self, socket: Resource<Socket>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(&mut self.table, socket)
    }

    fn shutdown(&mut self, socket: Resource<Socket>, _: ShutdownType) -> Answer<()> {
        match &self.table.get(&socket)?.state {
            SocketState::Connected(wire) => {
                wire.lock().close();
                Ok(Ok(()))
            }
            SocketState::Played(_) => Ok(Ok(())),
            SocketState::Fresh | SocketState::Connecting { .. } | SocketState::Failed(_) | SocketState::Ready(_) => {
                Ok(Err(ErrorCode::InvalidState))
            }
        }
    }

    fn drop(&mut self, socket: Resource<Socket>) -> wasmtime::Result<()> {
        self.table.delete(socket)?;
        Ok(())
    }
}

fn connected(finished: &Result<Arc<Mutex<Wire>>, ErrorCode>) -> Event {
    let wired = |wire: &Arc<Mutex<Wire>>| {
        let wire = wire.lock();
        let address = |of: fn(&TcpStream) -> std::io::Result<SocketAddr>| {
            wire.tcp().and_then(|tcp| of(tcp).ok()).map(|address| address.to_string()).unwrap_or_default()
        };
        Wired { wire: wire.number, local: address(TcpStream::local_addr), remote: address(TcpStream::peer_addr) }
    };
    match finished {
        Err(ErrorCode::WouldBlock) => Event::NotYet,
        Err(code) => Event::Connected { answer: Answered::Err(code.name().to_owned()) },
        Ok(wire) => Event::Connected { answer: Answered::Ok(wired(wire)) },
    }
}

fn nanoseconds(duration: Duration) -> Nanoseconds {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// At least one second, which is what systems count in.
fn whole_seconds(value: Nanoseconds) -> Duration {
    Duration::from_secs((value / 1_000_000_000).clamp(1, 32_767))
}

fn buffer_bytes(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX).clamp(4 * 1024, 16 * 1024 * 1024)
}
