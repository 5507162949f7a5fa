//! A TCP proxy between the runtime and a database that can cut, stall, delay
//! and refuse. It runs on a thread of its own, so a blocked test does not block it.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::{broadcast, oneshot, watch},
};

const CHUNK_BYTES: usize = 64 * 1024;

/// What happens to bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Pass,
    /// Nothing moves; connections stay open.
    Stall,
    /// Each chunk waits this long, both ways.
    Delay(Duration),
    /// Nobody new gets through.
    Refuse,
}

#[derive(Debug)]
struct Shared {
    mode: watch::Sender<Mode>,
    cut: broadcast::Sender<()>,
    connections: AtomicU64,
    forwarded_bytes: AtomicU64,
    /// Connections are cut when this many more bytes went to the server.
    cut_after_bytes: Mutex<Option<u64>>,
}

/// A proxy in front of one server. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    _end: oneshot::Sender<()>,
}

impl Proxy {
    /// Listens on a free loopback port and forwards to `target_port`.
    pub fn start(target_port: u16) -> Result<Self> {
        let (mode, _) = watch::channel(Mode::Pass);
        let (cut, _) = broadcast::channel(4);
        let shared = Arc::new(Shared {
            mode,
            cut,
            connections: AtomicU64::new(0),
            forwarded_bytes: AtomicU64::new(0),
            cut_after_bytes: Mutex::new(None),
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("binding the proxy's port")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = Arc::clone(&shared);
        thread::Builder::new().name("fault-proxy".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = ended => {}
                    _ = accept(listener, target_port, serving) => {}
                }
            });
        })?;
        Ok(Proxy { port, shared, _end: end })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every open connection now; new ones get through.
    pub fn cut(&self) {
        let _ = self.shared.cut.send(());
    }

    /// Ends every open connection after this many more bytes went towards the
    /// server: hits the middle of a request, its answer never arrives.
    pub fn cut_after(&self, bytes: u64) {
        *self.shared.cut_after_bytes.lock() = Some(bytes);
    }

    /// Bytes stop moving, connections stay.
    pub fn stall(&self) {
        self.shared.mode.send_replace(Mode::Stall);
    }

    /// Every chunk waits this long in each direction.
    pub fn delay(&self, delay: Duration) {
        self.shared.mode.send_replace(Mode::Delay(delay));
    }

    /// Ends open connections and lets nobody new through until [`Self::pass`].
    pub fn refuse(&self) {
        self.shared.mode.send_replace(Mode::Refuse);
        self.cut();
    }

    /// Back to normal.
    pub fn pass(&self) {
        self.shared.mode.send_replace(Mode::Pass);
    }

    /// Connections forwarded since the start.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Bytes moved since the start, both ways.
    pub fn forwarded_bytes(&self) -> u64 {
        self.shared.forwarded_bytes.load(Ordering::Relaxed)
    }
}

async fn accept(listener: std::net::TcpListener, target_port: u16, shared: Arc<Shared>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (client, _) = listener.accept().await?;
        if *shared.mode.borrow() == Mode::Refuse {
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, target_port));
            let Ok(server) = TcpStream::connect(address).await else {
                return;
            };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            shared.connections.fetch_add(1, Ordering::Relaxed);
            let mut cut = shared.cut.subscribe();
            let (client_read, client_write) = client.into_split();
            let (server_read, server_write) = server.into_split();
            tokio::select! {
                _ = cut.recv() => {}
                _ = forward(client_read, server_write, &shared, true) => {}
                _ = forward(server_read, client_write, &shared, false) => {}
            }
        });
    }
}

async fn forward(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    shared: &Shared,
    towards_server: bool,
) -> io::Result<()> {
    let mut mode = shared.mode.subscribe();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let delay = match *mode.borrow() {
            Mode::Delay(delay) => Some(delay),
            Mode::Pass | Mode::Stall | Mode::Refuse => None,
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        if mode.wait_for(|mode| *mode != Mode::Stall).await.is_err() {
            return Ok(());
        }
        let chunk = buffer.get(..count).unwrap_or_default();
        to.write_all(chunk).await?;
        shared.forwarded_bytes.fetch_add(count as u64, Ordering::Relaxed);
        if towards_server && is_over(&shared.cut_after_bytes, count as u64) {
            let _ = shared.cut.send(());
        }
    }
}

/// Counts down; true once, when the budget is used up.
fn is_over(budget: &Mutex<Option<u64>>, count: u64) -> bool {
    let mut budget = budget.lock();
    match *budget {
        None => false,
        Some(left) if left > count => {
            *budget = Some(left - count);
            false
        }
        Some(_) => {
            *budget = None;
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_budget_is_over_exactly_once() {
        let budget = Mutex::new(Some(10));
        assert!(!is_over(&budget, 4));
        assert!(is_over(&budget, 6));
        assert!(!is_over(&budget, 100));
    }
}
