//! The sandboxed client: requests cross to the host over `wasi:http`. The host
//! takes the whole body over, decompresses answers, and bounds everything; what
//! it refuses comes back with the words for the operator.

use std::time::Duration;

use super::{Client, Failure, Pending, Request, Response};
use crate::{
    bindings::wasi::{
        clocks::monotonic_clock,
        http::{
            outgoing_handler,
            types::{
                ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method,
                OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
            },
        },
        io::{
            poll::{self, Pollable},
            streams::{InputStream, StreamError},
        },
    },
    clock::{Instant, nanoseconds},
};

/// Bytes asked of the host at a time.
const READ_BYTES: u64 = 256 * 1024;

/// Bytes of an answer's body that are read, unless it is said otherwise.
const RESPONSE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Sends through the host. Cheap; has no state of its own.
#[derive(Clone, Copy, Debug)]
pub struct HostClient {
    response_bytes_max: usize,
}

impl Default for HostClient {
    fn default() -> Self {
        HostClient { response_bytes_max: RESPONSE_BYTES_MAX }
    }
}

impl HostClient {
    /// A client that reads answers of up to 64 MiB.
    #[must_use]
    pub fn new() -> Self {
        HostClient::default()
    }

    /// Read no more of any answer's body. The host has a bound of its own.
    #[must_use]
    pub fn with_response_bytes_max(mut self, bytes: usize) -> Self {
        self.response_bytes_max = bytes;
        self
    }
}

impl Client for HostClient {
    fn start(&self, request: Request) -> Box<dyn Pending> {
        let state = match begin(request) {
            Ok(future) => State::Waiting(Waiting { ready: future.subscribe(), future }),
            Err(failure) => State::Failed(failure),
        };
        Box::new(OnItsWay { state, bytes_max: self.response_bytes_max })
    }
}

/// Hand the request to the host.
fn begin(request: Request) -> Result<FutureIncomingResponse, Failure> {
    let (scheme, authority, path) =
        split_url(&request.url).ok_or_else(|| not_sent("this is no address", &request.url))?;
    let headers: Vec<(String, Vec<u8>)> =
        request.headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    let headers = Fields::from_list(&headers).map_err(|error| match error {
        HeaderError::InvalidSyntax => Failure::NotSent("a header's name or value is malformed".into()),
        HeaderError::Forbidden => Failure::NotSent("a header is set that only the host may set".into()),
        HeaderError::Immutable => Failure::NotSent("the headers cannot be set".into()),
    })?;
    let outgoing = OutgoingRequest::new(headers);
    let fits = |set: Result<(), ()>, what: &str, value: &str| set.map_err(|()| not_sent(what, value));
    fits(outgoing.set_method(&method(&request.method)), "no such method", &request.method)?;
    fits(outgoing.set_scheme(Some(&scheme)), "no such scheme", &request.url)?;
    fits(outgoing.set_authority(Some(authority)), "no such host", &request.url)?;
    fits(outgoing.set_path_with_query(Some(path)), "no such path", &request.url)?;
    let body = match request.body.is_empty() {
        true => None,
        false => Some(outgoing.body().map_err(|()| Failure::NotSent("the body cannot be sent".into()))?),
    };
    let future = outgoing_handler::handle(outgoing, Some(options(request.timeout))).map_err(failure)?;
    if let Some(body) = body {
        hand_over(body, &request.body)?;
    }
    Ok(future)
}

/// The body goes to the host's memory, so this waits for nobody else.
fn hand_over(body: OutgoingBody, bytes: &[u8]) -> Result<(), Failure> {
    let refused = || Failure::NotSent("the host did not take the body".into());
    let stream = body.write().map_err(|()| refused())?;
    let writable = stream.subscribe();
    let mut rest = bytes;
    while !rest.is_empty() {
        let room = match stream.check_write() {
            Ok(room) => usize::try_from(room).unwrap_or(usize::MAX).min(rest.len()),
            // The host has stopped listening: why, the answer tells.
            Err(_) => break,
        };
        if room == 0 {
            writable.block();
            continue;
        }
        let (now, later) = rest.split_at(room);
        if stream.write(now).is_err() {
            break;
        }
        rest = later;
    }
    drop(writable);
    drop(stream);
    if rest.is_empty() {
        OutgoingBody::finish(body, None).map_err(failure)?;
    }
    Ok(())
}

fn options(timeout: Duration) -> RequestOptions {
    let options = RequestOptions::new();
    let timeout = Some(nanoseconds(timeout));
    // A host that cannot bound one of these has its own bound.
    let _ = options.set_connect_timeout(timeout);
    let _ = options.set_first_byte_timeout(timeout);
    let _ = options.set_between_bytes_timeout(timeout);
    options
}

fn not_sent(why: &str, what: &str) -> Failure {
    Failure::NotSent(format!("{why}: {what}"))
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

/// Scheme, authority, and path with query of an absolute address.
fn split_url(url: &str) -> Option<(Scheme, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return None,
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    Some((scheme, authority, if path.is_empty() { "/" } else { path }))
}

/// What has arrived of an answer.
struct Arriving {
    // Dropped top down: a pollable before its stream, the stream before its body.
    ready: Pollable,
    stream: InputStream,
    _body: IncomingBody,
    answer: Response,
}

/// An answer that has not begun.
struct Waiting {
    // Dropped top down: a pollable before its future.
    ready: Pollable,
    future: FutureIncomingResponse,
}

enum State {
    Failed(Failure),
    Waiting(Waiting),
    Arriving(Box<Arriving>),
    Done,
}

struct OnItsWay {
    state: State,
    bytes_max: usize,
}

impl Pending for OnItsWay {
    fn wait(&mut self, timeout: Duration) -> Option<Result<Response, Failure>> {
        let deadline = Instant::now().after(timeout);
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Failed(failure) => return Some(Err(failure)),
                State::Done => return Some(Err(Failure::NotSent("the answer was taken already".into()))),
                State::Waiting(waiting) => match waiting.future.get() {
                    None => {
                        let in_time = block_until(&waiting.ready, deadline);
                        self.state = State::Waiting(waiting);
                        if !in_time {
                            return None;
                        }
                    }
                    Some(Ok(Ok(response))) => match head(&response) {
                        Ok(arriving) => self.state = State::Arriving(Box::new(arriving)),
                        Err(failure) => return Some(Err(failure)),
                    },
                    Some(Ok(Err(code))) => return Some(Err(failure(code))),
                    Some(Err(())) => return Some(Err(Failure::Unknown("the answer was taken already".into()))),
                },
                State::Arriving(mut arriving) => match arriving.more(self.bytes_max) {
                    Ok(Progress::More) => self.state = State::Arriving(arriving),
                    Ok(Progress::Whole) => return Some(Ok(arriving.take())),
                    Ok(Progress::Nothing) => {
                        let in_time = block_until(&arriving.ready, deadline);
                        self.state = State::Arriving(arriving);
                        if !in_time {
                            return None;
                        }
                    }
                    Err(failure) => return Some(Err(failure)),
                },
            }
        }
    }
}

enum Progress {
    More,
    Nothing,
    Whole,
}

impl Arriving {
    /// The answer; what it came by is dropped after it, in its order.
    fn take(&mut self) -> Response {
        let empty = Response { status: 0, headers: Vec::new(), body: Vec::new() };
        std::mem::replace(&mut self.answer, empty)
    }

    fn more(&mut self, bytes_max: usize) -> Result<Progress, Failure> {
        match self.stream.read(READ_BYTES) {
            Ok(bytes) if bytes.is_empty() => Ok(Progress::Nothing),
            Ok(bytes) if self.answer.body.len() + bytes.len() > bytes_max => {
                Err(Failure::Unknown(format!("the answer has more than {bytes_max} bytes")))
            }
            Ok(bytes) => {
                self.answer.body.extend_from_slice(&bytes);
                Ok(Progress::More)
            }
            Err(StreamError::Closed) => Ok(Progress::Whole),
            Err(StreamError::LastOperationFailed(error)) => Err(Failure::Unknown(error.to_debug_string())),
        }
    }
}

/// Status and headers; the body is still to come.
fn head(response: &IncomingResponse) -> Result<Arriving, Failure> {
    let taken = |()| Failure::Unknown("the answer's body is not there".into());
    let headers = response.headers().entries();
    let headers =
        headers.into_iter().map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned())).collect();
    let body = response.consume().map_err(taken)?;
    let stream = body.stream().map_err(taken)?;
    let answer = Response { status: response.status(), headers, body: Vec::new() };
    Ok(Arriving { ready: stream.subscribe(), stream, _body: body, answer })
}

/// Whether it became ready before the deadline.
fn block_until(ready: &Pollable, deadline: Instant) -> bool {
    let timer = monotonic_clock::subscribe_duration(nanoseconds(deadline.remaining()));
    poll::poll(&[ready, &timer]).contains(&0)
}

/// What kept an answer from arriving. Only what certainly happened before
/// anything was sent counts as not sent.
fn failure(code: ErrorCode) -> Failure {
    let not_sent = |why: &str| Failure::NotSent(why.to_owned());
    match code {
        ErrorCode::InternalError(Some(words)) => match words.split_once(": ") {
            Some(("denied", why)) => Failure::Denied(why.to_owned()),
            Some(("not sent", why)) => Failure::NotSent(why.to_owned()),
            _ => Failure::Unknown(words),
        },
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            Failure::Denied("it is not granted to this connector".into())
        }
        ErrorCode::DnsTimeout => not_sent("looking the host up took too long"),
        ErrorCode::DnsError(error) => Failure::NotSent(format!(
            "the host cannot be looked up{}",
            error.rcode.map(|code| format!(": {code}")).unwrap_or_default()
        )),
        ErrorCode::DestinationNotFound => not_sent("the host has no address"),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            not_sent("the host cannot be reached")
        }
        ErrorCode::ConnectionRefused => not_sent("the host refuses connections"),
        ErrorCode::ConnectionTimeout => not_sent("connecting took too long"),
        ErrorCode::ConnectionLimitReached => not_sent("too many requests at a time"),
        ErrorCode::TlsProtocolError => not_sent("the encryption could not be agreed on"),
        ErrorCode::TlsCertificateError => not_sent("the host's certificate is not trusted"),
        ErrorCode::TlsAlertReceived(alert) => {
            Failure::NotSent(format!("the host ended the encryption: {}", alert.alert_message.unwrap_or_default()))
        }
        ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::ConfigurationError => Failure::NotSent(format!("the request is malformed or too large: {code}")),
        other => Failure::Unknown(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> Option<(bool, &str, &str)> {
        split_url(url).map(|(scheme, authority, path)| (matches!(scheme, Scheme::Https), authority, path))
    }

    #[test]
    fn an_address_falls_into_scheme_authority_and_path() {
        assert_eq!(parts("https://a.example.com:8443/x?y=1#z"), Some((true, "a.example.com:8443", "/x?y=1")));
        assert_eq!(parts("http://[::1]:80"), Some((false, "[::1]:80", "/")));
        assert_eq!(parts("https://a?b=c"), Some((true, "a", "?b=c")));
    }

    #[test]
    fn an_address_that_hides_its_host_is_none() {
        for url in ["ftp://a/b", "a.example.com/b", "https://", "https://user:word@a/", "https://a@b"] {
            assert_eq!(parts(url), None, "{url}");
        }
    }

    #[test]
    fn only_what_surely_never_left_counts_as_not_sent() {
        assert!(matches!(failure(ErrorCode::ConnectionRefused), Failure::NotSent(_)));
        assert!(matches!(failure(ErrorCode::ConnectionTerminated), Failure::Unknown(_)));
        assert!(matches!(failure(ErrorCode::ConnectionReadTimeout), Failure::Unknown(_)));
        assert!(matches!(failure(ErrorCode::HttpProtocolError), Failure::Unknown(_)));
        let denied = failure(ErrorCode::InternalError(Some("denied: add a grant".into())));
        assert_eq!(denied, Failure::Denied("add a grant".into()));
    }
}
