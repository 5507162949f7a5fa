//! One request and its answer over one connection, in its time and size. The
//! answer is read whole: only then is it known to be complete, can be searched for
//! secrets, and leaves its connection free.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::{
    connect::{Connector, Sender},
    decode::Decoder,
    failure::Failure,
    limits::HttpLimits,
    place::Place,
    pool::{Pool, whole},
};

/// A request as it goes out.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) place: Place,
    /// With the query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// As the body crossed the wire.
    pub(crate) bytes_received: u64,
}

/// How long the parts of an exchange may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) first_byte: Duration,
    pub(crate) between_bytes: Duration,
    /// When all of it must be over.
    pub(crate) until: Instant,
}

/// Sends requests over pooled connections.
pub(crate) struct Exchange {
    pub(crate) connector: Connector,
    pub(crate) pool: Pool,
    pub(crate) limits: HttpLimits,
}

impl Exchange {
    /// Send a request, over an open connection where there is one.
    pub(crate) async fn carry_out(&self, request: &Outgoing, times: &Times) -> Result<Answer, Failure> {
        // The second attempt is on a connection of its own.
        if let Some(mut sender) = self.pool.take(&request.place)
            && let Some(Ok(())) = within(times.until, sender.ready()).await
        {
            match self.over(&mut sender, request, times).await {
                Ok(answer) => {
                    self.pool.give_back(&request.place, sender);
                    return Ok(answer);
                }
                // The server closed it while it was idle. Nothing was sent, or sending it again changes nothing.
                Err(Broken::Unsent(_)) => {}
                Err(Broken::BeforeHead(_)) if request.method.is_safe() => {}
                Err(Broken::BeforeHead(failure) | Broken::Failed(failure)) => return Err(failure),
            }
        }
        let mut sender = within(times.until, self.connector.open(&request.place))
            .await
            .unwrap_or_else(|| Err(Failure::kept_back("request_timeout", "connecting took all the time there was")))?;
        if let Sender::Many(sender) = &sender {
            // Others need not wait for this answer to use it.
            self.pool.give_back(&request.place, Sender::Many(sender.clone()));
        }
        match self.over(&mut sender, request, times).await {
            Ok(answer) => {
                self.pool.give_back(&request.place, sender);
                Ok(answer)
            }
            Err(Broken::Unsent(failure) | Broken::BeforeHead(failure) | Broken::Failed(failure)) => Err(failure),
        }
    }

    async fn over(&self, sender: &mut Sender, request: &Outgoing, times: &Times) -> Result<Answer, Broken> {
        let place = &request.place;
        let message = self.framed(request, sender.is_h2()).map_err(Broken::Failed)?;
        let first_byte = times.until.min(Instant::now() + times.first_byte);
        let response = match within(first_byte, sender.send(message)).await {
            Some(Ok(response)) => response,
            Some(Err((error, true))) => {
                return Err(Broken::Unsent(Failure::NotSent(format!("{place} closed the connection: {error}"))));
            }
            Some(Err((error, false))) if error.is_parse_too_large() => {
                let words = format!("the head of {place}'s answer has too much in it");
                return Err(Broken::Failed(Failure::broken_off("response_headers", words)));
            }
            Some(Err((error, false))) if error.is_parse() => {
                return Err(Broken::Failed(Failure::Unknown(format!("the answer of {place} cannot be read: {error}"))));
            }
            Some(Err((error, false))) => {
                return Err(Broken::BeforeHead(Failure::Unknown(format!("{place} broke off: {}", root(&error)))));
            }
            None => {
                let words = format!("{place} did not answer within {} ms", times.first_byte.as_millis());
                let bound = if first_byte < times.until { "first_byte_timeout" } else { "request_timeout" };
                return Err(Broken::Failed(Failure::broken_off(bound, words)));
            }
        };
        self.read(response, request, times).await.map_err(Broken::Failed)
    }

    /// As the version of HTTP wants it: HTTP/1.1 has the path alone and a `host` header.
    fn framed(&self, request: &Outgoing, is_h2: bool) -> Result<http::Request<super::connect::Body>, Failure> {
        let malformed = |error: http::Error| Failure::NotSent(format!("the request is malformed: {error}"));
        let place = &request.place;
        let uri = if is_h2 { format!("{place}{}", request.path) } else { request.path.clone() };
        let mut message = http::Request::builder()
            .method(request.method.clone())
            .uri(uri)
            .body(whole(request.body.clone()))
            .map_err(malformed)?;
        *message.headers_mut() = request.headers.clone();
        if !is_h2 {
            let host = place.authority().parse().map_err(|_| Failure::NotSent(format!("no such host: {place}")))?;
            message.headers_mut().insert(header::HOST, host);
        }
        Ok(message)
    }

    async fn read(
        &self,
        response: http::Response<hyper::body::Incoming>,
        request: &Outgoing,
        times: &Times,
    ) -> Result<Answer, Failure> {
        let place = &request.place;
        let (head, mut body) = response.into_parts();
        let (status, mut headers) = (head.status, head.headers);
        if headers.len() > self.limits.response_headers_max {
            let words = format!("the answer of {place} has {} headers", headers.len());
            return Err(Failure::broken_off("response_headers", words));
        }
        let encoding = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let encoding = encoding.collect::<Vec<_>>().join(",");
        let bytes_max = self.limits.response_body_bytes_max;
        let mut decoder = Decoder::of(&encoding, bytes_max)
            .ok_or_else(|| Failure::Unknown(format!("the answer of {place} is encoded as {encoding}")))?;
        let mut bytes_received = 0_u64;
        loop {
            let until = times.until.min(Instant::now() + times.between_bytes);
            let frame = match within(until, body.frame()).await {
                Some(Some(Ok(frame))) => frame,
                Some(Some(Err(error))) => {
                    return Err(Failure::Unknown(format!("the answer of {place} broke off: {}", root(&error))));
                }
                Some(None) => break,
                None => {
                    let bound = if until < times.until { "between_bytes_timeout" } else { "request_timeout" };
                    return Err(Failure::broken_off(bound, format!("the answer of {place} came too slowly")));
                }
            };
            // Trailers carry nothing that a connector is promised.
            let Ok(part) = frame.into_data() else { continue };
            bytes_received += part.len() as u64;
            if bytes_received > bytes_max as u64 {
                return Err(too_long(place, &format!("it has more than {bytes_max} bytes")));
            }
            decoder.feed(&part).map_err(|error| unfolding(place, &error))?;
        }
        let body = match bytes_received {
            0 => Vec::new(),
            _ => decoder.finish().map_err(|error| unfolding(place, &error))?,
        };
        for name in [header::CONTENT_ENCODING, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::TRAILER] {
            headers.remove(name);
        }
        Ok(Answer { status, headers, body, bytes_received })
    }
}

fn too_long(place: &Place, words: &str) -> Failure {
    Failure::broken_off("response_bytes", format!("the answer of {place}: {words}"))
}

/// Why a body does not decompress.
fn unfolding(place: &Place, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::FileTooLarge => too_long(place, &error.to_string()),
        _ => Failure::Unknown(format!("the answer of {place}: {error}")),
    }
}

/// How far an exchange came.
enum Broken {
    /// Nothing was sent.
    Unsent(Failure),
    /// No part of an answer came.
    BeforeHead(Failure),
    Failed(Failure),
}

/// `None` when it did not end in time.
async fn within<T>(until: Instant, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout_at(until, work).await.ok()
}

/// The innermost reason, which says more than hyper's own words.
fn root(error: &hyper::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
