//! Name lookup: only names that may be connected to, and only those addresses
//! of theirs that may be.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use tokio::{sync::oneshot, task::AbortHandle};
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi_io::poll::Pollable;

use super::Network;

const TIMEOUT: Duration = Duration::from_secs(10);
const ADDRESSES_MAX: usize = 64;

enum State {
    Running {
        answer: oneshot::Receiver<Result<Vec<IpAddr>, ErrorCode>>,
        task: AbortHandle,
    },
    /// Answered, not yet judged.
    Raw(Result<Vec<IpAddr>, ErrorCode>),
    Done(std::vec::IntoIter<IpAddr>),
    /// What is told of it is in a recording.
    Played,
}

/// The resource `wasi:sockets/ip-name-lookup.resolve-address-stream`.
pub struct Lookup {
    name: String,
    state: State,
}

impl Lookup {
    /// Begin to look a name up.
    ///
    /// # Errors
    /// `AccessDenied` for names that may not be.
    pub(crate) fn start(network: &Network, name: &str) -> Result<Self, ErrorCode> {
        if let Ok(address) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Lookup { name: String::new(), state: State::Done(vec![address].into_iter()) });
        }
        let name = network.policy.may_look_up(name).map_err(|denial| {
            network.denied(&denial);
            ErrorCode::AccessDenied
        })?;
        if name == "localhost" {
            let here = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(Lookup { name, state: State::Raw(Ok(here)) });
        }
        let (give, answer) = oneshot::channel();
        let asked = name.clone();
        let task = tokio::spawn(async move {
            let _ = give.send(resolve(&asked).await);
        });
        Ok(Lookup { name, state: State::Running { answer, task: task.abort_handle() } })
    }

    /// One that a recording tells of.
    pub(crate) fn played() -> Self {
        Lookup { name: String::new(), state: State::Played }
    }

    /// The next address; `WouldBlock` while none is known yet.
    pub(crate) fn next(&mut self, network: &mut Network) -> Result<Option<IpAddr>, ErrorCode> {
        if let State::Running { answer, .. } = &mut self.state {
            match answer.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => return Err(ErrorCode::WouldBlock),
                Err(oneshot::error::TryRecvError::Closed) => {
                    self.state = State::Raw(Err(ErrorCode::TemporaryResolverFailure));
                }
                Ok(result) => self.state = State::Raw(result),
            }
        }
        if let State::Raw(result) = &self.state {
            let addresses = result.clone()?;
            network.remember(&self.name, &addresses);
            let usable = network.policy.usable(&self.name, &addresses).map_err(|denial| {
                network.denied(&denial);
                ErrorCode::AccessDenied
            })?;
            self.state = State::Done(usable.into_iter());
        }
        match &mut self.state {
            State::Done(addresses) => Ok(addresses.next()),
            State::Running { .. } | State::Raw(_) | State::Played => Err(ErrorCode::Unknown),
        }
    }
}

/// Knows the addresses of names. Where they may be connected to is decided
/// elsewhere, anew for every answer.
#[async_trait::async_trait]
pub trait Resolver: Send + Sync {
    /// # Errors
    /// Words for the operator.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, String>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait::async_trait]
impl Resolver for SystemResolver {
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        resolve(name).await.map_err(|code| code.name().to_owned())
    }
}

async fn resolve(name: &str) -> Result<Vec<IpAddr>, ErrorCode> {
    match tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<IpAddr> = found.map(|place| place.ip()).take(ADDRESSES_MAX).collect();
            addresses.dedup();
            if addresses.is_empty() { Err(ErrorCode::NameUnresolvable) } else { Ok(addresses) }
        }
        Ok(Err(_)) => Err(ErrorCode::NameUnresolvable),
        Err(_) => Err(ErrorCode::TemporaryResolverFailure),
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        if let State::Running { task, .. } = &self.state {
            task.abort();
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Lookup {
    async fn ready(&mut self) {
        if let State::Running { answer, .. } = &mut self.state {
            let result = answer.await.unwrap_or(Err(ErrorCode::TemporaryResolverFailure));
            self.state = State::Raw(result);
        }
    }
}
