//! Requests on a connector's behalf. A guest hands a request over; the host
//! checks where it goes, connects, signs in, bounds and records. One [`Egress`]
//! serves all instances of a connection. Knows WASI's request types, not the
//! versions of the contract.

mod answers;
mod audit;
mod auth;
mod connect;
mod decode;
mod exchange;
mod failure;
mod hooks;
mod limits;
mod place;
mod pool;
mod request;
mod scrub;
mod shared;
mod taped;
mod trace;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderName, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use audit::Audit;
pub use audit::Sent;
pub(crate) use auth::encode;
use auth::{Applied, Auth, NotSignedIn, TokenEndpoint};
pub(crate) use auth::{Scheme, select};
pub(crate) use connect::Connector;
pub(crate) use exchange::{Answer, Exchange, Outgoing, Times};
pub(crate) use failure::Failure;
pub(crate) use hooks::{Caller, Requests};
pub use limits::HttpLimits;
pub(crate) use place::Place;
pub(crate) use pool::Pool;
use scrub::Needles;
pub(crate) use shared::{Egresses, Identity};
use trace::Trace;

use crate::{
    budget::Shared,
    credentials::Secrets,
    keeper::Keeper,
    limits::Limits,
    metrics::add,
    network::{Policy, Resolver, Roots},
};

/// What a connection's way out is made of.
pub(crate) struct EgressSetup<'s> {
    /// The connection's name, for logs.
    pub(crate) name: String,
    pub(crate) policy: Arc<Policy>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) secrets: &'s Secrets,
    pub(crate) keeper: Option<Arc<dyn Keeper>>,
    pub(crate) budget: Arc<Shared>,
    pub(crate) limits: &'s Limits,
}

/// The way out of one connection over HTTP.
pub(crate) struct Egress {
    name: String,
    exchange: Exchange,
    places: Arc<Semaphore>,
    auth: Auth,
    /// The configured secrets, in all their forms.
    needles: Needles,
    budget: Arc<Shared>,
    audit: Audit,
    limits: HttpLimits,
}

/// An answer, and the place among the connection's requests that it holds until it has been read.
type Placed = (Answer, OwnedSemaphorePermit);

impl Egress {
    pub(crate) fn new(setup: EgressSetup<'_>) -> Self {
        let http = setup.limits.http.clone();
        let connector = Connector::new(setup.policy, setup.roots, setup.resolver, setup.limits, &http);
        let pool = Pool::new(http.idle_connections_max, Duration::from_millis(http.idle_ms_max));
        let mut needles = Needles::default();
        setup.secrets.values().for_each(|secret| needles.add(secret));
        Egress {
            auth: Auth::new(setup.name.clone(), setup.scheme, setup.keeper),
            name: setup.name,
            exchange: Exchange { connector, pool, limits: http.clone() },
            places: Arc::new(Semaphore::new(http.requests_at_once_max)),
            needles,
            budget: setup.budget,
            audit: Audit::new(http.audit_entries_max),
            limits: http,
        }
    }

    /// The latest requests, oldest first.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.audit.list()
    }

    /// What the system said about a limit.
    pub(crate) fn rate_limit(&self, name: &str, used: Option<u64>, limit: Option<u64>, resets_in_ms: Option<u64>) {
        self.budget.told(name, used, limit, resets_in_ms);
    }

    /// Sign in, and give what the guest may see of the answer.
    pub(crate) async fn sign_in(
        self: &Arc<Self>,
        caller: &Caller,
        anew: bool,
    ) -> Result<Vec<(String, String)>, String> {
        let (egress, by) = (Arc::clone(self), caller.clone());
        let signed_in = tokio::spawn(async move {
            let note = |request: &Outgoing, answer: &Result<Answer, Failure>, began| {
                egress.note_sign_in(request, answer, began, &by);
            };
            let ask = TokenEndpoint { exchange: &egress.exchange, note: &note };
            egress.auth.sign_in(&ask, anew).await
        });
        match signed_in.await {
            Ok(Ok(answers)) => Ok(answers),
            Ok(Err(NotSignedIn::Refused(why))) => Err(self.needles.scrub_words(why)),
            Ok(Err(NotSignedIn::Failed(failure))) => {
                caller.failed(&failure);
                Err(failure.to_string())
            }
            Err(error) => Err(format!("signing in: {error}")),
        }
    }

    /// A request with credentials on it. `not`: those that were not accepted. In a task of its own: a guest that is
    /// stopped in the middle of it must not cost the new refresh token that is on its way.
    async fn signed(
        self: &Arc<Self>,
        request: &Outgoing,
        caller: &Caller,
        not: Option<Applied>,
    ) -> Result<(Outgoing, Applied), NotSignedIn> {
        let (egress, caller, mut request) = (Arc::clone(self), caller.clone(), request.clone());
        let signed = tokio::spawn(async move {
            let note = |request: &Outgoing, answer: &Result<Answer, Failure>, began| {
                egress.note_sign_in(request, answer, began, &caller);
            };
            let ask = TokenEndpoint { exchange: &egress.exchange, note: &note };
            let applied = egress.auth.apply(&mut request, &ask, not.as_ref()).await?;
            Ok((request, applied))
        });
        signed.await.unwrap_or_else(|error| {
            let why = format!("signing in: {error}");
            Err(NotSignedIn::Failed(Failure::NotSent(why)))
        })
    }

    /// Close connections that were idle for long.
    fn tidy(&self) {
        self.exchange.pool.tidy();
    }

    fn idle_for(&self) -> Duration {
        Duration::from_millis(self.limits.idle_ms_max.max(1_000))
    }

    /// Carry a request out, and record it.
    async fn send(self: &Arc<Self>, mut request: Outgoing, caller: &Caller, times: Times) -> Result<Placed, Failure> {
        let trace = Trace::new();
        let (began, at) = (Instant::now(), SystemTime::now());
        request::complete(&mut request, &trace.parent());
        let result = self.send_now(&request, caller, &times).await;
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

    async fn send_now(self: &Arc<Self>, request: &Outgoing, caller: &Caller, times: &Times) -> Result<Placed, Failure> {
        self.exchange.connector.allows(&request.place).map_err(Failure::Denied)?;
        let place = self.take_place().await?;
        let mut applied = Applied::default();
        let mut is_second = false;
        loop {
            let patience = Duration::from_millis(self.limits.budget_wait_ms_max).min(times.first_byte);
            let path = request.path.split('?').next().unwrap_or_default();
            let permit = match self.budget.permit(caller.priority, path, patience).await {
                Ok(permit) => permit,
                Err(wait_ms) => return Ok((answers::throttled(wait_ms), place)),
            };
            let attempt = match self.signed(request, caller, is_second.then_some(applied)).await {
                Ok((signed, now)) => {
                    applied = now;
                    signed
                }
                Err(NotSignedIn::Refused(why)) => {
                    return Ok((answers::not_signed_in(&self.needles.scrub_words(why)), place));
                }
                Err(NotSignedIn::Failed(failure)) => return Err(failure),
            };
            let answer = self.exchange.carry_out(&attempt, times).await?;
            drop(permit);
            self.learn(&answer, caller);
            if answer.status != StatusCode::UNAUTHORIZED {
                applied.worked();
            } else if !is_second && self.auth.can_renew(&applied) {
                is_second = true;
                continue;
            }
            return Ok((self.clean(answer, &applied), place));
        }
    }

    /// What an answer tells about the rate limits.
    fn learn(&self, answer: &Answer, caller: &Caller) {
        let retry_after_ms = answers::retry_after_ms(&answer.headers, SystemTime::now());
        let is_refusal = match answer.status {
            StatusCode::TOO_MANY_REQUESTS => true,
            StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE => retry_after_ms.is_some(),
            _ => false,
        };
        if is_refusal {
            add(&caller.counters.limit_errors, 1);
            self.budget.refused(retry_after_ms);
        } else if answer.status.as_u16() < 400 {
            self.budget.went_well();
        }
    }

    /// Without secrets, and without what only the host says.
    fn clean(&self, mut answer: Answer, applied: &Applied) -> Answer {
        answer.headers.remove(HeaderName::from_static(answers::BY_HOST));
        let mut tokens = Needles::default();
        self.auth.add_needles(applied, &mut tokens);
        let mut found = 0;
        for needles in [&self.needles, &tokens] {
            found += needles.scrub_headers(&mut answer.headers) + needles.scrub_body(&mut answer.body);
        }
        if found > 0 {
            tracing::warn!(connection = %self.name, found, "an answer echoed secrets, which were taken out");
        }
        answer
    }

    async fn take_place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let patience = Duration::from_millis(self.limits.queue_ms_max);
        match tokio::time::timeout(patience, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                let max = self.limits.requests_at_once_max;
                let words = format!("{max} requests are under way already, and none ended in time");
                Err(Failure::kept_back("requests", words))
            }
        }
    }

    fn note_sign_in(&self, request: &Outgoing, answer: &Result<Answer, Failure>, began: Instant, caller: &Caller) {
        let took = began.elapsed();
        let sent = Sent {
            at: SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH),
            connection: self.name.clone(),
            role: "sign-in",
            method: request.method.to_string(),
            place: request.place.to_string(),
            path: request.path.split('?').next().unwrap_or_default().to_owned(),
            status: answer.as_ref().map_or(0, |answer| answer.status.as_u16()),
            failure: answer.as_ref().err().map_or("", Failure::name),
            bytes_sent: request.body.len() as u64,
            bytes_received: answer.as_ref().map_or(0, |answer| answer.bytes_received),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            trace: String::new(),
        };
        caller.account(&sent);
        self.audit.note(sent);
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
