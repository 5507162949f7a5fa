//! Requests to a registry, by the same bounded way that connectors' requests take. The registry
//! itself may be where the operator said that it is; wherever it sends a request on to has to
//! be encrypted, and public unless the registry is inside, too. Credentials go to the registry
//! and to where it has tokens made, never along with a redirect elsewhere.

use std::{net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, USER_AGENT},
};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, OnceCell},
    time::Instant,
};
use zeroize::Zeroizing;

use super::{Access, Login, Reference, RegistryError, challenge::Challenge};
use crate::{
    http::{Answer, Connector, Exchange, Failure, HttpLimits, Outgoing, Place, Pool, Times, encode},
    limits::Limits,
    network::{Policy, Protocol, Reach, Resolver, Roots, SystemResolver, reach},
};

/// All of one visit, unless the operator says.
const VISIT_MAX: Duration = Duration::from_secs(600);
/// Until an answer begins, and between two parts of one, unless the operator says.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 4;
const TOKEN_BYTES_MAX: u64 = 64 * 1024;
/// What a registry writes about a failure is not read further.
pub(super) const WORDS_BYTES_MAX: u64 = 64 * 1024;
/// Letters of its own code for a failure.
const SAID_MAX: usize = 40;

/// A request to the registry.
pub(super) struct Ask {
    pub(super) method: Method,
    /// With the query.
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, &'static str)>,
    pub(super) body: Bytes,
    /// Of the answer.
    pub(super) bytes_max: u64,
    /// What is asked for, for a message.
    pub(super) what: &'static str,
}

impl Ask {
    pub(super) fn get(path: String, what: &'static str, bytes_max: u64) -> Self {
        Ask { method: Method::GET, path, headers: Vec::new(), body: Bytes::new(), bytes_max, what }
    }

    pub(super) fn accepting(mut self, types: &'static str) -> Self {
        self.headers.push((ACCEPT, types));
        self
    }
}

/// The way to one registry, for one visit.
pub(super) struct Wire {
    reference: Reference,
    login: Option<Login>,
    home: Place,
    resolver: Arc<dyn Resolver>,
    roots: Arc<Roots>,
    visit: Duration,
    silence: Duration,
    until: Instant,
    authorization: Mutex<Option<HeaderValue>>,
    inside: OnceCell<bool>,
}

impl Wire {
    pub(super) fn new(reference: &Reference, access: Access) -> Result<Self, RegistryError> {
        let is_plain = access.plain_http.unwrap_or_else(|| reference.is_here());
        let scheme = if is_plain { Protocol::Http } else { Protocol::Https };
        let bad = |why: &str| RegistryError::BadReference { reference: reference.to_string(), why: why.to_owned() };
        let address: Result<http::Uri, _> = format!("{}://{}", scheme.name(), reference.host()).parse();
        let home =
            address.ok().and_then(|uri| Place::of(&uri)).ok_or_else(|| bad("the registry is no host and port"))?;
        let visit = access.timeout.unwrap_or(VISIT_MAX);
        Ok(Wire {
            reference: reference.clone(),
            login: access.login,
            home,
            resolver: Arc::new(SystemResolver),
            roots: Arc::new(Roots::new(None).map_err(|why| bad(&why))?),
            visit,
            silence: access.silence.unwrap_or(SILENCE_MAX).min(visit),
            until: Instant::now() + visit,
            authorization: Mutex::default(),
            inside: OnceCell::new(),
        })
    }

    /// Ask the registry, signing in where it wants that.
    pub(super) async fn ask(&self, ask: &Ask) -> Result<Answer, RegistryError> {
        let known = self.authorization.lock().await.clone();
        let (answer, is_home) = self.follow(ask, known.as_ref()).await?;
        // Whoever it was sent on to does not say where credentials go.
        if answer.status != StatusCode::UNAUTHORIZED || !is_home {
            return Ok(answer);
        }
        let Some(challenge) = Challenge::of(&answer.headers) else { return Ok(answer) };
        let authorization = self.sign_in(challenge, &answer).await?;
        *self.authorization.lock().await = Some(authorization.clone());
        self.follow(ask, Some(&authorization)).await.map(|(answer, _)| answer)
    }

    /// One that was answered as it should be; `None`: there is no such thing.
    pub(super) async fn found(&self, ask: &Ask) -> Result<Option<Vec<u8>>, RegistryError> {
        let answer = self.ask(ask).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.body)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(&answer)),
        }
    }

    /// Why an answer is no good.
    pub(super) fn refused(&self, answer: &Answer) -> RegistryError {
        refusal(&self.home, answer)
    }

    /// Where an answer says to go on; `None`: nowhere that can be read.
    pub(super) fn onward(&self, answer: &Answer) -> Option<(bool, String)> {
        let location = answer.headers.get(LOCATION)?.to_str().ok()?;
        let (place, path) = resolved(&self.home, location)?;
        Some((place == self.home, path))
    }

    pub(super) fn elsewhere(&self, to: &str, why: &str) -> RegistryError {
        RegistryError::Elsewhere { place: self.home.to_string(), to: to.to_owned(), why: why.to_owned() }
    }

    /// Through redirects of what is only read; whether it is the registry's own answer.
    async fn follow(&self, ask: &Ask, authorization: Option<&HeaderValue>) -> Result<(Answer, bool), RegistryError> {
        let mut place = self.home.clone();
        let mut path = ask.path.clone();
        for _ in 0..=REDIRECTS_MAX {
            let mut headers: HeaderMap =
                ask.headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
            if let Some(authorization) = authorization.filter(|_| place == self.home) {
                headers.insert(AUTHORIZATION, authorization.clone());
            }
            let request = Outgoing { method: ask.method.clone(), place, path, headers, body: ask.body.clone() };
            let answer = self.carry_out(request.clone(), ask.bytes_max, ask.what).await?;
            if !answer.status.is_redirection() || ask.method != Method::GET && ask.method != Method::HEAD {
                return Ok((answer, request.place == self.home));
            }
            let location = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
            let unreadable = || self.elsewhere(&shortened(location), "that is no address of a host");
            (place, path) = resolved(&request.place, location).ok_or_else(unreadable)?;
        }
        Err(self.elsewhere(&place.to_string(), "it has been sent on too often"))
    }

    async fn carry_out(
        &self,
        mut request: Outgoing,
        bytes_max: u64,
        what: &'static str,
    ) -> Result<Answer, RegistryError> {
        let place = request.place.clone();
        let policy = self.policy(&place).await?;
        if !request.body.is_empty() || request.method == Method::POST || request.method == Method::PUT {
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len() as u64));
        }
        let own = HeaderValue::from_static(concat!("lockstep/", env!("CARGO_PKG_VERSION")));
        request.headers.insert(USER_AGENT, own);
        let limits = Limits::default();
        let response_body_bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let http = HttpLimits { response_body_bytes_max, ..HttpLimits::default() };
        let connector = Connector::new(policy, self.roots.clone(), self.resolver.clone(), &limits, &http);
        let exchange = Exchange { connector, pool: Pool::new(0, Duration::ZERO), limits: http };
        // A server answers once it has all of a body.
        let first_byte = if request.body.is_empty() { self.silence } else { self.visit };
        let times = Times { first_byte, between_bytes: self.silence, until: self.until };
        exchange.carry_out(&request, &times).await.map_err(|failure| match failure {
            Failure::Bound { bound: "response_bytes", .. } => {
                RegistryError::TooLarge { reference: self.reference.to_string(), what, bytes_max }
            }
            Failure::Denied(denial) if place != self.home => self.elsewhere(&place.to_string(), &denial.reason),
            Failure::Denied(denial) => RegistryError::Unreachable {
                place: place.to_string(),
                why: format!("{}: {}", denial.tried, denial.reason),
            },
            Failure::Refused(why) | Failure::NotSent(why) | Failure::Unknown(why) | Failure::Bound { why, .. } => {
                RegistryError::Unreachable { place: place.to_string(), why }
            }
        })
    }

    /// What may be reached there. The registry is the operator's own word, also where it is inside.
    async fn policy(&self, place: &Place) -> Result<Arc<Policy>, RegistryError> {
        let mut may_be_inside = true;
        if *place != self.home {
            let refused = |why: &str| Err(self.elsewhere(&place.to_string(), why));
            if place.protocol != Protocol::Https {
                return refused("it is not encrypted");
            }
            may_be_inside = self.is_inside().await;
            let reach = place.host.parse::<IpAddr>().map(reach);
            let is_fit = match reach {
                Ok(reach) => reach == Reach::Public || reach == Reach::Private && may_be_inside,
                Err(_) => place.host != "localhost",
            };
            if !is_fit {
                return refused("that is no public address");
            }
        }
        let rule = format!("{}:{}", place.protocol.name(), place.authority());
        let inside = may_be_inside.then(|| "private-network".to_owned());
        let grants: Vec<String> = inside.into_iter().chain([rule.clone()]).collect();
        let policy = Policy::new(&[rule], &grants, &serde_json::Value::Null, Arc::default());
        let unreadable =
            |bad: crate::network::BadRule| RegistryError::Unreachable { place: place.to_string(), why: bad.0 };
        policy.map(Arc::new).map_err(unreadable)
    }

    /// Whether the registry is in a private network.
    async fn is_inside(&self) -> bool {
        let look = || async {
            let addresses = match self.home.host.parse() {
                Ok(address) => Ok(vec![address]),
                Err(_) => self.resolver.addresses(&self.home.host).await,
            };
            addresses.unwrap_or_default().into_iter().any(|address: IpAddr| reach(address) == Reach::Private)
        };
        *self.inside.get_or_init(look).await
    }

    /// What signs further requests. `answer`: the one that wanted it.
    async fn sign_in(&self, challenge: Challenge, answer: &Answer) -> Result<HeaderValue, RegistryError> {
        let (realm, service, scope) = match (challenge, &self.login) {
            (Challenge::Bearer { realm, service, scope }, _) => (realm, service, scope),
            (Challenge::Basic, Some(login @ Login::Password { .. })) => return self.basic(login),
            (Challenge::Basic, Some(Login::RefreshToken(_)) | None) => return Err(self.refused(answer)),
        };
        let unreadable = || self.elsewhere(&shortened(&realm), "that is no address of a host");
        let (place, path) = resolved(&self.home, &realm).ok_or_else(unreadable)?;
        let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.reference.repository));
        let mut form = Zeroizing::new(String::new());
        let mut fields = vec![("scope", scope.as_str())];
        fields.extend(service.as_deref().map(|service| ("service", service)));
        let mut headers = HeaderMap::new();
        let is_form = if let Some(Login::RefreshToken(token)) = &self.login {
            fields.extend([
                ("grant_type", "refresh_token"),
                ("client_id", "lockstep"),
                ("refresh_token", token.as_str()),
            ]);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            true
        } else {
            if let Some(login) = &self.login {
                headers.insert(AUTHORIZATION, self.basic(login)?);
            }
            false
        };
        for (key, value) in fields {
            if !form.is_empty() {
                form.push('&');
            }
            form.push_str(key);
            form.push('=');
            encode(value, &mut form);
        }
        let mark = if path.contains('?') { '&' } else { '?' };
        let request = match is_form {
            true => {
                Outgoing { method: Method::POST, place, path, headers, body: Bytes::copy_from_slice(form.as_bytes()) }
            }
            false => Outgoing {
                method: Method::GET,
                path: format!("{path}{mark}{}", *form),
                place,
                headers,
                body: Bytes::new(),
            },
        };
        let place = request.place.clone();
        let answer = self.carry_out(request, TOKEN_BYTES_MAX, "the token").await?;
        if answer.status != StatusCode::OK {
            return Err(refusal(&place, &answer));
        }
        let unexpected =
            || RegistryError::Unexpected { place: place.to_string(), what: "no token in its answer".to_owned() };
        let token: Token = serde_json::from_slice(&answer.body).map_err(|_| unexpected())?;
        let token = token.token.or(token.access_token).map(Zeroizing::new).ok_or_else(unexpected)?;
        sensitive(&Zeroizing::new(format!("Bearer {}", *token))).ok_or_else(unexpected)
    }

    fn basic(&self, login: &Login) -> Result<HeaderValue, RegistryError> {
        let Login::Password { username, password } = login else {
            return Err(self.unusable("a refresh token is no password"));
        };
        let pair = Zeroizing::new(format!("{username}:{}", **password));
        let coded = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        sensitive(&coded).ok_or_else(|| self.unusable("they do not fit into a request"))
    }

    fn unusable(&self, why: &str) -> RegistryError {
        RegistryError::Credentials { registry: self.reference.registry.clone(), why: why.to_owned() }
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// A header that no log shows.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Where a location leads, from a place.
fn resolved(from: &Place, location: &str) -> Option<(Place, String)> {
    if location.starts_with('/') && !location.starts_with("//") {
        return Some((from.clone(), location.to_owned()));
    }
    let uri: http::Uri = location.parse().ok()?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Some((Place::of(&uri)?, path))
}

/// For a message, without what a query may carry.
fn shortened(location: &str) -> String {
    location.split('?').next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

fn refusal(place: &Place, answer: &Answer) -> RegistryError {
    let status = answer.status.as_u16();
    let is_refusal = matches!(status, 401 | 403 | 429 | 500..);
    let said = said(&answer.body);
    match is_refusal {
        true => RegistryError::Refused { place: place.to_string(), status, said },
        false => RegistryError::Unexpected { place: place.to_string(), what: format!("status {status} {said}") },
    }
}

/// The registry's own code for what went wrong. Its words are not repeated.
fn said(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body["errors"][0]["code"].as_str().unwrap_or_default();
    code.chars().filter(|c| c.is_ascii_uppercase() || *c == '_').take(SAID_MAX).collect()
}
