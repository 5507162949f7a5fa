//! Requests on a connector's behalf. A guest hands a request over; the host
//! checks where it goes, connects, signs in, bounds and records. One [`Egress`]
//! serves all instances of a connection. Knows WASI's request types, not the
//! versions of the contract.

mod audit;
mod connect;
mod decode;
mod exchange;
mod failure;
mod hooks;
mod limits;
mod place;
mod pool;
mod request;
mod shared;
mod trace;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::HeaderName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use audit::Audit;
pub use audit::Sent;
use connect::Connector;
use exchange::{Answer, Exchange, Outgoing, Times};
pub(crate) use failure::Failure;
pub(crate) use hooks::{Caller, Requests};
pub use limits::HttpLimits;
use pool::Pool;
pub(crate) use shared::{Egresses, Identity};
use trace::Trace;

use crate::{
    limits::Limits,
    network::{Policy, Resolver, Roots},
};

/// The way out of one connection over HTTP.
pub(crate) struct Egress {
    /// The connection's, for the audit log.
    name: String,
    exchange: Exchange,
    places: Arc<Semaphore>,
    audit: Audit,
    limits: HttpLimits,
}

impl Egress {
    pub(crate) fn new(
        name: String,
        policy: Arc<Policy>,
        roots: Arc<Roots>,
        resolver: Arc<dyn Resolver>,
        limits: &Limits,
    ) -> Self {
        let http = limits.http.clone();
        let connector = Connector::new(policy, roots, resolver, limits, &http);
        let pool = Pool::new(http.idle_connections_max, Duration::from_millis(http.idle_ms_max));
        Egress {
            name,
            exchange: Exchange { connector, pool, limits: http.clone() },
            places: Arc::new(Semaphore::new(http.requests_at_once_max)),
            audit: Audit::new(http.audit_entries_max),
            limits: http,
        }
    }

    /// The latest requests, oldest first.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.audit.list()
    }

    /// Close connections that were idle for long.
    fn tidy(&self) {
        self.exchange.pool.tidy();
    }

    fn idle_for(&self) -> Duration {
        Duration::from_millis(self.limits.idle_ms_max.max(1_000))
    }

    /// Carry a request out. The answer comes with its place among the
    /// connection's requests, to be held until it has been read.
    async fn send(
        &self,
        mut request: Outgoing,
        caller: &Caller,
        times: Times,
    ) -> Result<(Answer, OwnedSemaphorePermit), Failure> {
        let trace = Trace::new();
        let (began, at) = (Instant::now(), SystemTime::now());
        request::complete(&mut request, &trace.parent());
        let result = self.send_now(&request, &times).await;
        let mut sent = Sent {
            at,
            connection: self.name.clone(),
            role: caller.role,
            method: request.method.to_string(),
            place: request.place.to_string(),
            path: request.path.split('?').next().unwrap_or_default().to_owned(),
            status: 0,
            failure: "",
            bytes_sent: request.body.len() as u64,
            bytes_received: 0,
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            trace: trace.id(),
        };
        match &result {
            Ok((answer, _)) => (sent.status, sent.bytes_received) = (answer.status.as_u16(), answer.bytes_received),
            Err(failure) => sent.failure = failure.name(),
        }
        caller.account(&sent);
        self.audit.note(sent);
        result
    }

    async fn send_now(&self, request: &Outgoing, times: &Times) -> Result<(Answer, OwnedSemaphorePermit), Failure> {
        self.exchange.connector.allows(&request.place).map_err(Failure::Denied)?;
        let place = self.take_place().await?;
        let mut answer = self.exchange.carry_out(request, times).await?;
        // Only the host says that it answered itself.
        answer.headers.remove(HeaderName::from_static("lockstep-answer"));
        Ok((answer, place))
    }

    async fn take_place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let patience = Duration::from_millis(self.limits.queue_ms_max);
        match tokio::time::timeout(patience, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                let max = self.limits.requests_at_once_max;
                Err(Failure::NotSent(format!("{max} requests are under way already, and none ended in time")))
            }
        }
    }

    /// How long a guest's request may take: as it asks, within the bounds.
    fn times(&self, first_byte: Option<Duration>, between_bytes: Option<Duration>) -> Times {
        let bound = |wanted: Option<Duration>, max_ms: u64| {
            let max = Duration::from_millis(max_ms);
            wanted.map_or(max, |wanted| wanted.min(max))
        };
        Times {
            first_byte: bound(first_byte, self.limits.first_byte_ms_max),
            between_bytes: bound(between_bytes, self.limits.between_bytes_ms_max),
            until: tokio::time::Instant::now() + Duration::from_millis(self.limits.total_ms_max),
        }
    }
}

/// An answer's body with the place it holds.
pub(crate) struct Held {
    bytes: Option<Bytes>,
    _place: OwnedSemaphorePermit,
}
