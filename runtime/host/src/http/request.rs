//! Taking a request over from a guest: what may not be set is refused, its body
//! is read whole, and what the host owes to every request is added.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::BodyExt;
use wasmtime_wasi_http::WasiBody;

use super::{exchange::Outgoing, failure::Failure, limits::HttpLimits, place::Place};

/// Set by the host alone, or nothing for a request to carry.
pub(crate) fn is_forbidden(name: &HeaderName) -> bool {
    const NAMES: [&str; 13] = [
        "connection",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    NAMES.contains(&name.as_str()) || name.as_str().starts_with("sec-")
}

/// Check a request's head and take it over; the body is still to come.
pub(crate) fn head(parts: http::request::Parts, limits: &HttpLimits) -> Result<Outgoing, Failure> {
    let refused = |why: &str| Failure::NotSent(why.to_owned());
    let place = Place::of(&parts.uri).ok_or_else(|| refused("this is no address of a host"))?;
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(refused("CONNECT and TRACE are not carried out"));
    }
    let path = match parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str) {
        None | Some("") => "/".to_owned(),
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(query) if query.starts_with('?') => format!("/{query}"),
        Some(_) => return Err(refused("the path is not one of this host")),
    };
    let mut headers = parts.headers;
    // What WASI sets from the authority is set again from the place that was checked.
    headers.remove(header::HOST);
    if let Some(name) = headers.keys().find(|name| is_forbidden(name)) {
        return Err(Failure::NotSent(format!("the header {name} is set by the host alone")));
    }
    if headers.get_all(header::CONTENT_LENGTH).iter().count() > 1 {
        return Err(refused("the body cannot have two lengths"));
    }
    headers.remove(header::CONTENT_LENGTH);
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes + path.len() > limits.request_head_bytes_max {
        let max = limits.request_head_bytes_max;
        return Err(Failure::kept_back("request_head_bytes", format!("the request's head has more than {max} bytes")));
    }
    Ok(Outgoing { method: parts.method, place, path, headers, body: Bytes::new() })
}

/// The whole body, so that the request can be sent again after signing in anew.
pub(crate) async fn body(mut body: WasiBody, limits: &HttpLimits) -> Result<Bytes, Failure> {
    let max = limits.request_body_bytes_max;
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::NotSent(format!("the connector broke its body off: {error}")))?;
        match frame.into_data() {
            Ok(part) if whole.len() + part.len() > max => {
                return Err(Failure::kept_back(
                    "request_bytes",
                    format!("the request's body has more than {max} bytes"),
                ));
            }
            Ok(part) => whole.extend_from_slice(&part),
            Err(_) => return Err(Failure::NotSent("trailers are not sent".into())),
        }
    }
    Ok(whole.freeze())
}

/// What every request carries.
pub(crate) fn complete(request: &mut Outgoing, traceparent: &str) {
    let has_body = !request.body.is_empty() || matches!(request.method, Method::POST | Method::PUT | Method::PATCH);
    if has_body {
        request.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(request.body.len() as u64));
    }
    request.headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip, deflate, br"));
    request
        .headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("lockstep/", env!("CARGO_PKG_VERSION"))));
    set(&mut request.headers, HeaderName::from_static("traceparent"), traceparent);
}

/// Set a header to a text that is known to fit.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(request: http::request::Builder) -> Result<Outgoing, Failure> {
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        head(parts, &HttpLimits::default())
    }

    fn get(uri: &str) -> http::request::Builder {
        http::Request::builder().uri(uri)
    }

    #[test]
    fn the_host_header_follows_the_address_and_not_the_guest() {
        let request = taken(get("https://a.example.com/x?y=1").header("host", "b.example.com")).expect("a request");
        assert_eq!((request.path.as_str(), request.place.authority().as_str()), ("/x?y=1", "a.example.com"));
        assert!(!request.headers.contains_key("host"));
    }

    #[test]
    fn what_frames_a_message_is_not_the_guests_to_set() {
        for name in ["transfer-encoding", "connection", "te", "upgrade", "proxy-authorization", "sec-websocket-key"] {
            assert!(taken(get("https://a.example.com/").header(name, "x")).is_err(), "{name}");
        }
        let two = get("https://a.example.com/").header("content-length", "1").header("content-length", "2");
        assert!(taken(two).is_err());
        assert!(taken(get("https://a.example.com/").method("TRACE")).is_err());
        assert!(taken(get("/only/a/path")).is_err());
        assert!(taken(get("https://a.example.com/").header("x", "y".repeat(70_000))).is_err());
    }
}
