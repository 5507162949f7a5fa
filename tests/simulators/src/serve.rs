//! The server under every simulated vendor: a loopback listener with its own
//! thread (so blocking clients in a test cannot starve it), TLS on request,
//! faults applied before and after the vendor's router, every request recorded.
//! HTTP/1.1 only. Knows nothing of any vendor.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::oneshot,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::{
    Stage,
    faults::Fault,
    traffic::{Answered, BODY_BYTES_MAX, Seen},
};

/// The largest request body taken: above the 150 MB of a bulk upload.
pub const REQUEST_BYTES_MAX: usize = 160 * 1024 * 1024;
/// Where the control surface lives; never counted, never faulted.
pub const CONTROL: &str = "/__sim";

/// Where and how to listen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listen {
    /// 0: a free one.
    pub port: u16,
    /// With a certificate made for this run, for `localhost` and `127.0.0.1`.
    pub tls: bool,
}

/// A running server. Stops when dropped: open connections are closed.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    certificate_pem: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Listens on loopback and serves in a thread of its own. `router` is given
    /// the address, so that answers can name the server.
    pub fn start(listen: Listen, stage: Stage, router: impl FnOnce(&str) -> Router) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, listen.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (tls, certificate_pem) = match listen.tls {
            true => self_signed().map(|(acceptor, pem)| (Some(acceptor), Some(pem)))?,
            false => (None, None),
        };
        let router = router(&url(address, listen.tls));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("simulator".into()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                let app = Arc::new(App { router, stage });
                tokio::select! {
                    () = accept(listener, tls, app) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { address, certificate_pem, stop: Some(stop), thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, or `https://localhost:PORT`.
    pub fn url(&self) -> String {
        url(self.address, self.certificate_pem.is_some())
    }

    /// The certificate to trust, where TLS is on.
    pub fn certificate_pem(&self) -> Option<&str> {
        self.certificate_pem.as_deref()
    }

    /// Stops listening, closes every connection and waits for the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was already reported on standard error.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn url(address: SocketAddr, tls: bool) -> String {
    if tls { format!("https://localhost:{}", address.port()) } else { format!("http://{address}") }
}

fn self_signed() -> io::Result<(TlsAcceptor, String)> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .map_err(io::Error::other)?;
    Ok((TlsAcceptor::from(Arc::new(config)), made.cert.pem()))
}

struct App {
    router: Router,
    stage: Stage,
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, app: Arc<App>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let (app, tls) = (Arc::clone(&app), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => converse(stream, app).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                converse(stream, app).await;
                            }
                        }
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until the client or a fault ends it.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, app: Arc<App>) {
    let service = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { app.answer(request).await }
    });
    // Broken connections are what tests are about: nothing to report.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut on purpose")]
struct Cut;

impl App {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
        if request.uri().path().starts_with(CONTROL) {
            return Ok(self.route(request.map(Body::new)).await);
        }
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, REQUEST_BYTES_MAX).collect().await else { return Err(Cut) };
        let body = body.to_bytes();
        let mut seen = seen(&head, &body);
        let fault = self.stage.faults.take(&seen.method, &seen.path);
        let is_whole = !matches!(fault, Some(Fault::CutBody { .. } | Fault::SlowBody { .. }));
        let mut answered = self.faulted(fault, Request::from_parts(head, Body::from(body))).await;
        if is_whole && self.stage.traffic.keeps_answers() {
            answered = match answered {
                Ok(response) => Ok(self.keep(&seen, response).await),
                Err(cut) => Err(cut),
            };
        }
        seen.status = answered.as_ref().map_or(0, |response| response.status().as_u16());
        seen.ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.stage.traffic.record(seen);
        answered
    }

    /// The same response, and what it says taken down.
    async fn keep(&self, seen: &Seen, response: Response<Body>) -> Response<Body> {
        let (head, body) = whole(response).await;
        let at_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        self.stage.traffic.answer(Answered {
            at_us: i64::try_from(at_us).unwrap_or(i64::MAX),
            path: seen.path.clone(),
            query: seen.query.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        Response::from_parts(head, Body::from(body))
    }

    async fn faulted(&self, fault: Option<Fault>, request: Request<Body>) -> Result<Response<Body>, Cut> {
        match fault {
            None => Ok(self.route(request).await),
            Some(Fault::Answer { status, headers, body }) => Ok(canned(status, &headers, &body)),
            Some(Fault::Delay { ms }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(self.route(request).await)
            }
            Some(Fault::LateAnswer { ms }) => {
                let response = self.route(request).await;
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(response)
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::CutBefore) => Err(Cut),
            Some(Fault::CutAfter) => {
                self.route(request).await;
                Err(Cut)
            }
            Some(Fault::SlowBody { chunk_bytes, ms }) => {
                Ok(dribble(self.route(request).await, chunk_bytes.max(1), Duration::from_millis(ms)).await)
            }
            Some(Fault::CutBody { after_bytes }) => Ok(cut_body(self.route(request).await, after_bytes).await),
        }
    }

    async fn route(&self, request: Request<Body>) -> Response<Body> {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

fn seen(head: &axum::http::request::Parts, body: &Bytes) -> Seen {
    let headers = head.headers.iter().filter(|(name, _)| *name != header::AUTHORIZATION);
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Seen {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8_lossy(&body[..body.len().min(BODY_BYTES_MAX)]).into_owned(),
        status: 0,
        ms: 0,
    }
}

fn canned(status: u16, headers: &[(String, String)], body: &serde_json::Value) -> Response<Body> {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, "application/json;charset=UTF-8");
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body.to_string())).unwrap_or_default()
}

/// The body again, a few bytes at a time.
async fn dribble(response: Response<Body>, chunk_bytes: usize, pause: Duration) -> Response<Body> {
    let (head, body) = whole(response).await;
    let chunks = stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let chunk = rest.split_to(chunk_bytes.min(rest.len()));
        Some((Ok::<Bytes, Infallible>(chunk), rest))
    });
    Response::from_parts(head, Body::from_stream(chunks))
}

/// The start of the body, and then a broken connection.
async fn cut_body(response: Response<Body>, after_bytes: usize) -> Response<Body> {
    let (head, mut body) = whole(response).await;
    let start = body.split_to(after_bytes.min(body.len()));
    let parts = stream::unfold(Some(start), |start| async move {
        match start {
            Some(start) if !start.is_empty() => Some((Ok(start), Some(Bytes::new()))),
            _ => {
                // Lets what came before reach the wire first.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(Cut), None))
            }
        }
    });
    Response::from_parts(head, Body::from_stream(parts))
}

async fn whole(response: Response<Body>) -> (axum::http::response::Parts, Bytes) {
    let (head, body) = response.into_parts();
    let body = pin!(body.collect()).await.map(|body| body.to_bytes()).unwrap_or_default();
    (head, body)
}
