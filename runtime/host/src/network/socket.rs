//! A TCP socket as WASI 0.2 knows it: it only ever connects.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{net::TcpStream, sync::oneshot, task::AbortHandle};
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi_io::poll::Pollable;

use super::{Wire, wire::Transport};
use crate::{
    metrics::{Counters, add},
    record::Tape,
};

pub(crate) enum SocketState {
    Fresh,
    Connecting {
        answer: oneshot::Receiver<std::io::Result<TcpStream>>,
        task: AbortHandle,
    },
    Failed(ErrorCode),
    /// Connected, and the streams not taken yet.
    Ready(TcpStream),
    Connected(Arc<Mutex<Wire>>),
    /// What becomes of it is in a recording; with its own and the other side's address, once connected.
    Played(Option<(SocketAddr, SocketAddr)>),
}

/// The resource `wasi:sockets/tcp.tcp-socket`.
pub struct Socket {
    pub(crate) is_ipv6: bool,
    pub(crate) state: SocketState,
    pub(crate) counters: Arc<Counters>,
    /// Held to be counted.
    pub(crate) _open: Arc<()>,
}

impl Socket {
    /// Begin to connect; whether that is allowed was decided before.
    pub(crate) fn start(&mut self, remote: SocketAddr, timeout: Duration) -> Result<(), ErrorCode> {
        match self.state {
            SocketState::Fresh => {}
            SocketState::Connecting { .. } | SocketState::Ready(_) => return Err(ErrorCode::ConcurrencyConflict),
            SocketState::Failed(_) | SocketState::Connected(_) | SocketState::Played(_) => {
                return Err(ErrorCode::InvalidState);
            }
        }
        let fits = matches!((remote.ip(), self.is_ipv6), (IpAddr::V4(_), false) | (IpAddr::V6(_), true));
        if !fits || remote.port() == 0 || remote.ip().is_unspecified() {
            return Err(ErrorCode::InvalidArgument);
        }
        let (give, answer) = oneshot::channel();
        let task = tokio::spawn(async move {
            let connected = tokio::time::timeout(timeout, connect(remote)).await;
            let _ = give.send(connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())));
        });
        self.state = SocketState::Connecting { answer, task: task.abort_handle() };
        Ok(())
    }

    /// The connection, once it stands.
    pub(crate) fn finish(&mut self, tape: &Tape) -> Result<Arc<Mutex<Wire>>, ErrorCode> {
        if let SocketState::Connecting { answer, .. } = &mut self.state {
            match answer.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => return Err(ErrorCode::WouldBlock),
                Err(oneshot::error::TryRecvError::Closed) => self.state = SocketState::Failed(ErrorCode::Unknown),
                Ok(result) => self.settle(result),
            }
        }
        match std::mem::replace(&mut self.state, SocketState::Failed(ErrorCode::InvalidState)) {
            SocketState::Ready(stream) => {
                let wire = Wire::new(Transport::Plain(stream), Arc::clone(&self.counters), tape.clone());
                let wire = Arc::new(Mutex::new(wire));
                self.state = SocketState::Connected(Arc::clone(&wire));
                add(&self.counters.connections_opened, 1);
                Ok(wire)
            }
            SocketState::Failed(code) => Err(code),
            other @ (SocketState::Fresh
            | SocketState::Connecting { .. }
            | SocketState::Connected(_)
            | SocketState::Played(_)) => {
                self.state = other;
                Err(ErrorCode::NotInProgress)
            }
        }
    }

    fn settle(&mut self, result: std::io::Result<TcpStream>) {
        self.state = match result {
            Ok(stream) => SocketState::Ready(stream),
            Err(error) => SocketState::Failed(ErrorCode::from(error)),
        };
    }

    pub(crate) fn with_tcp<T>(&self, read: impl FnOnce(&TcpStream) -> std::io::Result<T>) -> Result<T, ErrorCode> {
        match &self.state {
            SocketState::Connected(wire) => {
                let wire = wire.lock();
                wire.tcp().ok_or(ErrorCode::InvalidState).and_then(|tcp| read(tcp).map_err(ErrorCode::from))
            }
            SocketState::Ready(stream) => read(stream).map_err(ErrorCode::from),
            SocketState::Fresh | SocketState::Connecting { .. } | SocketState::Failed(_) | SocketState::Played(_) => {
                Err(ErrorCode::InvalidState)
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let SocketState::Connecting { task, .. } = &self.state {
            task.abort();
        }
    }
}

/// Connect, send small segments at once, and notice a peer that vanished.
async fn connect(remote: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(remote).await?;
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

#[async_trait::async_trait]
impl Pollable for Socket {
    async fn ready(&mut self) {
        if let SocketState::Connecting { answer, .. } = &mut self.state {
            match answer.await {
                Ok(result) => self.settle(result),
                Err(_) => self.state = SocketState::Failed(ErrorCode::Unknown),
            }
        }
    }
}
