//! Signing in on a connector's behalf. Tokens belong to the connection: its
//! instances share them, they are had anew before they run out and once after a
//! 401, and they are put on requests to the scheme's hosts only. A guest never sees one.

mod rotation;
mod scheme;
mod token;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use self::scheme::{Grant, Method};
pub(crate) use self::{
    scheme::{Scheme, select},
    token::encode,
};
use super::{
    exchange::{Answer, Exchange, Outgoing, Times},
    failure::Failure,
    place::Place,
    scrub::Needles,
};
use crate::keeper::Keeper;

/// How long asking for a token may take.
const SIGN_IN: Duration = Duration::from_secs(30);

/// A token is had anew this long before it runs out, or a tenth of its time before.
const AHEAD_MAX: Duration = Duration::from_secs(300);

/// A younger token that never worked is not exchanged for another: the system will not want the next one
/// either.
const AGE_MIN: Duration = Duration::from_secs(10);

/// After a refusal nobody asks again for so long: a wrong password must not lock the account.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// A token in use.
pub(crate) struct Token {
    value: Zeroizing<String>,
    /// Counts up with every token.
    generation: u64,
    since: Instant,
    good_for: Option<Duration>,
    answers: Vec<(String, String)>,
    /// Whether the system ever accepted it.
    worked: AtomicBool,
}

impl Token {
    /// Whether asking for another makes sense once this one is not accepted.
    fn is_renewable(&self) -> bool {
        self.worked.load(Ordering::Relaxed) || self.since.elapsed() >= AGE_MIN
    }

    fn ran_out(&self, now: Instant) -> bool {
        self.good_for.is_some_and(|time| now.duration_since(self.since) >= time)
    }

    /// Whether it is time for another.
    fn is_due(&self, now: Instant) -> bool {
        let ahead = |time: Duration| time.saturating_sub((time / 10).min(AHEAD_MAX));
        self.good_for.is_some_and(|time| now.duration_since(self.since) >= ahead(time))
    }
}

/// Why nobody is signed in.
pub(crate) enum NotSignedIn {
    /// The system says no.
    Refused(String),
    Failed(Failure),
}

/// What the one who asks for tokens remembers.
#[derive(Default)]
struct Asking {
    generation: u64,
    refused: Option<(Instant, String)>,
    /// The latest refresh token of this process.
    refresh_token: Option<Zeroizing<String>>,
}

/// What was put on a request.
#[derive(Clone, Default)]
pub(crate) struct Applied(Option<Arc<Token>>);

impl Applied {
    /// The system accepted it.
    pub(crate) fn worked(&self) {
        if let Some(token) = &self.0 {
            token.worked.store(true, Ordering::Relaxed);
        }
    }
}

/// How a connection signs in.
pub(crate) struct Auth {
    connection: String,
    scheme: Option<Scheme>,
    keeper: Option<Arc<dyn Keeper>>,
    current: Mutex<Option<Arc<Token>>>,
    /// Held while a token is asked for, so that one is asked for at a time.
    asking: tokio::sync::Mutex<Asking>,
}

impl Auth {
    pub(crate) fn new(connection: String, scheme: Option<Scheme>, keeper: Option<Arc<dyn Keeper>>) -> Self {
        Auth { connection, scheme, keeper, current: Mutex::new(None), asking: tokio::sync::Mutex::default() }
    }

    /// Put credentials on a request, where they may be sent with it. `not`: what was put on it before and
    /// was not accepted.
    pub(crate) async fn apply(
        &self,
        request: &mut Outgoing,
        ask: &TokenEndpoint<'_>,
        not: Option<&Applied>,
    ) -> Result<Applied, NotSignedIn> {
        let Some(scheme) = &self.scheme else { return Ok(Applied(None)) };
        let (name, value, token) = match &scheme.method {
            Method::OAuth2 { .. } => {
                if !scheme.hosts.may_cover(&request.place) {
                    return Ok(Applied(None));
                }
                let stale = not.and_then(|applied| applied.0.as_ref()).map(|token| token.generation);
                let token = self.token(ask, stale).await?;
                (header::AUTHORIZATION, Zeroizing::new(format!("Bearer {}", token.value.as_str())), Some(token))
            }
            Method::Bearer { token } => {
                (header::AUTHORIZATION, Zeroizing::new(format!("Bearer {}", token.as_str())), None)
            }
            Method::ApiKey { header, key } => (header.clone(), Zeroizing::new(key.to_string()), None),
            Method::Basic { user, password } => {
                let pair = Zeroizing::new(format!("{user}:{}", password.as_str()));
                let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
                (header::AUTHORIZATION, Zeroizing::new(format!("Basic {}", encoded.as_str())), None)
            }
        };
        let answers = token.as_ref().map(|token| token.answers.as_slice()).unwrap_or_default();
        if scheme.hosts.cover(&request.place, answers) {
            let mut value = HeaderValue::from_str(&value).map_err(|_| {
                let why = format!("the secret for signing in by {} cannot travel in a header", scheme.name);
                NotSignedIn::Failed(Failure::Refused(why))
            })?;
            value.set_sensitive(true);
            request.headers.insert(name, value);
            return Ok(Applied(token));
        }
        Ok(Applied(None))
    }

    /// Whether another attempt with another token makes sense after a 401.
    pub(crate) fn can_renew(&self, applied: &Applied) -> bool {
        applied.0.as_ref().is_some_and(|token| token.is_renewable() || !self.is_current(token))
    }

    fn is_current(&self, token: &Token) -> bool {
        self.current.lock().as_ref().is_some_and(|current| current.generation == token.generation)
    }

    /// What the token's answer said and the guest may see.
    pub(crate) async fn sign_in(
        &self,
        ask: &TokenEndpoint<'_>,
        anew: bool,
    ) -> Result<Vec<(String, String)>, NotSignedIn> {
        let Some(scheme) = &self.scheme else { return Ok(Vec::new()) };
        let Method::OAuth2 { .. } = scheme.method else { return Ok(Vec::new()) };
        let current = self.current.lock().clone();
        let stale = current.filter(|token| anew && token.is_renewable()).map(|token| token.generation);
        let token = self.token(ask, stale).await?;
        Ok(token.answers.iter().filter(|(name, _)| scheme.answers.contains(name)).cloned().collect())
    }

    /// A token that is good, and not the stale one.
    async fn token(&self, ask: &TokenEndpoint<'_>, stale: Option<u64>) -> Result<Arc<Token>, NotSignedIn> {
        let usable = |now| {
            let current = self.current.lock().clone();
            current.filter(|token| Some(token.generation) != stale && !token.is_due(now))
        };
        if let Some(token) = usable(Instant::now()) {
            return Ok(token);
        }
        let mut asking = self.asking.lock().await;
        let now = Instant::now();
        if let Some(token) = usable(now) {
            return Ok(token);
        }
        let still_good =
            self.current.lock().clone().filter(|token| Some(token.generation) != stale && !token.ran_out(now));
        if let Some((at, why)) = &asking.refused
            && now.duration_since(*at) < REFUSED_PAUSE
        {
            return still_good.ok_or_else(|| NotSignedIn::Refused(why.clone()));
        }
        match self.renew(ask, &mut asking).await {
            Ok(token) => {
                asking.refused = None;
                *self.current.lock() = Some(Arc::clone(&token));
                Ok(token)
            }
            Err(failure) => {
                if let NotSignedIn::Refused(why) = &failure {
                    asking.refused = Some((Instant::now(), why.clone()));
                }
                still_good.ok_or(failure)
            }
        }
    }

    async fn renew(&self, ask: &TokenEndpoint<'_>, asking: &mut Asking) -> Result<Arc<Token>, NotSignedIn> {
        let failed = |why: String| NotSignedIn::Failed(Failure::NotSent(format!("signing in: {why}")));
        let Some(Scheme { method: Method::OAuth2 { token_url, client_id, scope, grant }, .. }) = &self.scheme else {
            return Err(failed("there is no token to be had".into()));
        };
        let configured = match grant {
            Grant::RefreshToken { refresh_token, .. } => Some(refresh_token),
            Grant::ClientCredentials { .. } | Grant::JwtBearer { .. } => None,
        };
        if let Some(configured) = configured {
            // Another process may have used it since.
            match rotation::latest(self.keeper.clone(), &self.connection, configured).await {
                Ok(Some(latest)) => asking.refresh_token = Some(latest),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(connection = %self.connection, %error, "the kept refresh token cannot be read");
                }
            }
        }
        let latest = asking.refresh_token.as_ref().map(|token| token.as_str());
        let form = token::form(grant, client_id, scope, latest, SystemTime::now()).map_err(failed)?;
        let answer = ask.post(token_url, &form).await?;
        let status = answer.status.as_u16();
        match status {
            200..=299 => {}
            400 | 401 | 403 => return Err(NotSignedIn::Refused(token::refusal(status, &answer.body))),
            _ => return Err(failed(format!("{token_url} answered with status {status}"))),
        }
        let body = Zeroizing::new(answer.body);
        let answered = token::read(&body).map_err(failed)?;
        if let (Some(configured), Some(next)) = (configured, answered.refresh_token) {
            let before = asking.refresh_token.as_ref().unwrap_or(configured);
            if *before.as_str() != *next.as_str() {
                let kept = rotation::keep(self.keeper.clone(), &self.connection, configured, &next).await;
                if let Err(error) = kept {
                    tracing::error!(
                        connection = %self.connection, %error,
                        "the new refresh token could not be kept: after a restart signing in may fail"
                    );
                }
            }
            asking.refresh_token = Some(next);
        }
        asking.generation += 1;
        Ok(Arc::new(Token {
            value: answered.token,
            generation: asking.generation,
            since: Instant::now(),
            good_for: answered.good_for,
            answers: answered.answers,
            worked: AtomicBool::new(false),
        }))
    }

    /// Add what is known of secrets that came after the configuration.
    pub(crate) fn add_needles(&self, applied: &Applied, needles: &mut Needles) {
        let current = self.current.lock().clone();
        for token in current.iter().chain(applied.0.iter()) {
            needles.add(&token.value);
        }
    }
}

/// Records a request for a token, what came of it, and when it began.
pub(crate) trait Note: Fn(&Outgoing, &Result<Answer, Failure>, Instant) + Sync {}

impl<N: Fn(&Outgoing, &Result<Answer, Failure>, Instant) + Sync> Note for N {}

/// The way to a token endpoint.
pub(crate) struct TokenEndpoint<'e> {
    pub(crate) exchange: &'e Exchange,
    /// Records the request.
    pub(crate) note: &'e dyn Note,
}

impl TokenEndpoint<'_> {
    async fn post(&self, url: &http::Uri, form: &str) -> Result<Answer, NotSignedIn> {
        let place = Place::of(url)
            .ok_or_else(|| NotSignedIn::Failed(Failure::Refused(format!("{url} is no address for tokens"))))?;
        let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let mut headers = http::HeaderMap::new();
        let set = |name: HeaderName, value: &'static str, headers: &mut http::HeaderMap| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        set(header::CONTENT_TYPE, "application/x-www-form-urlencoded", &mut headers);
        set(header::ACCEPT, "application/json", &mut headers);
        let body = Bytes::copy_from_slice(form.as_bytes());
        let mut request = Outgoing { method: http::Method::POST, place, path, headers, body };
        super::request::complete(&mut request, &super::trace::Trace::new().parent());
        let times = Times { first_byte: SIGN_IN, between_bytes: SIGN_IN, until: tokio::time::Instant::now() + SIGN_IN };
        let began = Instant::now();
        let allowed = self.exchange.connector.allows(&request.place).map_err(Failure::Denied);
        let answer = match allowed {
            Ok(()) => self.exchange.carry_out(&request, &times).await,
            Err(failure) => Err(failure),
        };
        (self.note)(&request, &answer, began);
        answer.map_err(|failure| {
            NotSignedIn::Failed(match failure {
                // The guest's own request was certainly not sent.
                Failure::Unknown(why) | Failure::NotSent(why) => Failure::NotSent(format!("signing in: {why}")),
                Failure::Bound { bound, why, .. } => Failure::kept_back(bound, format!("signing in: {why}")),
                denied @ (Failure::Denied(_) | Failure::Refused(_)) => denied,
            })
        })
    }
}
