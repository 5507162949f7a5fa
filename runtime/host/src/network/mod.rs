//! The way out of the sandbox: who may be reached, the sockets themselves, and
//! encryption. Knows WASI's stream traits, not the WIT versions on top of them.

mod address;
mod lookup;
mod policy;
mod rights;
mod rule;
mod socket;
mod tls;
mod wire;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;

pub(crate) use address::{Reach, reach};
pub use lookup::{Lookup, Resolver, SystemResolver};
pub use policy::Denial;
pub(crate) use policy::{Denials, Policy};
pub use rights::{Right, Standing, rights};
pub use rule::BadRule;
pub(crate) use rule::{Protocol, Rule, normal_name, place, resolve_ask};
pub use socket::Socket;
pub(crate) use socket::SocketState;
pub use tls::Encrypted;
pub(crate) use tls::{Handshake, Roots, Verify, handshake, request_config};
pub(crate) use wire::{Wire, WireInput, WireOutput};

use crate::{
    metrics::{Counters, add},
    record::Tape,
};

/// Addresses remembered with the names that led to them.
const REMEMBERED_MAX: usize = 256;

/// The network as one component instance sees it.
pub(crate) struct Network {
    pub(crate) policy: Arc<Policy>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) connect_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) connections_max: usize,
    /// Which names led to an address in this instance.
    resolved: HashMap<IpAddr, Vec<String>>,
    /// Stream handles by table index, so that an upgrade finds what is under them.
    wires: HashMap<u32, Weak<Mutex<Wire>>>,
    /// Counts open sockets: every socket holds a clone.
    pub(crate) open: Arc<()>,
    pub(crate) tape: Tape,
}

impl Network {
    pub(crate) fn new(
        policy: Arc<Policy>,
        counters: Arc<Counters>,
        roots: Arc<Roots>,
        limits: &crate::limits::Limits,
    ) -> Self {
        Network {
            policy,
            counters,
            roots,
            connect_timeout: Duration::from_millis(limits.connect_ms_max),
            handshake_timeout: Duration::from_millis(limits.tls_handshake_ms_max),
            connections_max: limits.connections_max,
            resolved: HashMap::new(),
            wires: HashMap::new(),
            open: Arc::new(()),
            tape: Tape::None,
        }
    }

    /// Whether one more socket may be opened.
    pub(crate) fn has_room(&self) -> bool {
        Arc::strong_count(&self.open) <= self.connections_max
    }

    pub(crate) fn may_connect(&self, address: IpAddr, port: u16) -> Result<(), Denial> {
        let names = self.resolved.get(&address).map(Vec::as_slice).unwrap_or_default();
        self.policy.may_connect(address, port, names).inspect_err(|denial| self.denied(denial))
    }

    pub(crate) fn denied(&self, denial: &Denial) {
        add(&self.counters.denials, 1);
        tracing::warn!(tried = %denial.tried, reason = %denial.reason, line = %denial.line, "denied");
    }

    /// Remember that `name` led to these.
    pub(crate) fn remember(&mut self, name: &str, addresses: &[IpAddr]) {
        for address in addresses {
            if self.resolved.len() >= REMEMBERED_MAX && !self.resolved.contains_key(address) {
                self.resolved.clear();
            }
            let names = self.resolved.entry(*address).or_default();
            if !names.iter().any(|known| known == name) && names.len() < REMEMBERED_MAX {
                names.push(name.to_owned());
            }
        }
    }

    /// Remember what is under a stream's handle.
    pub(crate) fn track(&mut self, index: u32, wire: &Arc<Mutex<Wire>>) {
        self.wires.retain(|_, wire| wire.strong_count() > 0);
        self.wires.insert(index, Arc::downgrade(wire));
    }

    /// What is under a stream's handle, if it is a connection's.
    pub(crate) fn wire(&self, index: u32) -> Option<Arc<Mutex<Wire>>> {
        self.wires.get(&index).and_then(Weak::upgrade)
    }

    /// Send what waits to be sent while no guest runs. Never ends.
    pub(crate) async fn keep_sending(&self) {
        std::future::poll_fn(|context| {
            for wire in self.wires.values().filter_map(Weak::upgrade) {
                wire.lock().drive(context);
            }
            std::task::Poll::<()>::Pending
        })
        .await;
    }
}
