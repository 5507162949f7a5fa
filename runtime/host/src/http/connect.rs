//! Opening a connection to a place: look the name up, check every address it
//! leads to, and connect to one that passed, so that nothing can change in between.

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::io::TokioIo;

use super::{failure::Failure, limits::HttpLimits, place::Place};
use crate::network::{Denial, Policy, Protocol, Resolver, Roots, request_config};

/// Requests wait in here before they are framed.
pub(crate) type Body = Full<Bytes>;

/// A way to send requests over an open connection.
pub(crate) enum Sender {
    /// One request at a time.
    One(http1::SendRequest<Body>),
    /// Many: HTTP/2.
    Many(http2::SendRequest<Body>),
}

/// Opens connections for one Lockstep connection.
pub(crate) struct Connector {
    pub(crate) policy: Arc<Policy>,
    pub(crate) roots: Arc<Roots>,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) connect_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) response_head_bytes_max: usize,
    pub(crate) response_headers_max: usize,
    tls: tokio::sync::OnceCell<Arc<ClientConfig>>,
}

impl Connector {
    pub(crate) fn new(
        policy: Arc<Policy>,
        roots: Arc<Roots>,
        resolver: Arc<dyn Resolver>,
        limits: &crate::limits::Limits,
        http: &HttpLimits,
    ) -> Self {
        Connector {
            policy,
            roots,
            resolver,
            connect_timeout: Duration::from_millis(limits.connect_ms_max),
            handshake_timeout: Duration::from_millis(limits.tls_handshake_ms_max),
            response_head_bytes_max: http.response_head_bytes_max,
            response_headers_max: http.response_headers_max,
            tls: tokio::sync::OnceCell::new(),
        }
    }

    /// Whether requests may go there at all.
    pub(crate) fn allows(&self, place: &Place) -> Result<(), Denial> {
        self.policy.may_request(place.protocol, &place.host, place.port)
    }

    /// Open a connection.
    pub(crate) async fn open(&self, place: &Place) -> Result<Sender, Failure> {
        self.allows(place).map_err(Failure::Denied)?;
        let addresses = self.addresses(&place.host).await?;
        let usable =
            self.policy.may_request_at(place.protocol, &place.host, place.port, &addresses).map_err(Failure::Denied)?;
        let stream = self.reach(place, &usable).await?;
        match place.protocol {
            Protocol::Http | Protocol::Tcp => self.speak(stream, false).await,
            Protocol::Https => {
                let (stream, is_h2) = self.encrypt(place, stream).await?;
                self.speak(stream, is_h2).await
            }
        }
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        if host == "localhost" {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let found = self.resolver.addresses(host).await;
        let found = found.map_err(|why| Failure::NotSent(format!("{host} cannot be looked up: {why}")))?;
        if found.is_empty() {
            return Err(Failure::NotSent(format!("{host} has no address")));
        }
        Ok(found)
    }

    /// The first address that answers, all of them within one time.
    async fn reach(&self, place: &Place, addresses: &[IpAddr]) -> Result<TcpStream, Failure> {
        let mut last = format!("{place} has no address that may be reached");
        let attempts = async {
            for address in addresses {
                let address = SocketAddr::new(*address, place.port);
                match TcpStream::connect(address).await {
                    Ok(stream) => return Some(stream),
                    Err(error) => last = format!("connecting to {place}: {error}"),
                }
            }
            None
        };
        match tokio::time::timeout(self.connect_timeout, attempts).await {
            Ok(Some(stream)) => {
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            Ok(None) => Err(Failure::NotSent(last)),
            Err(_) => {
                let ms = self.connect_timeout.as_millis();
                Err(Failure::kept_back("connect_timeout", format!("connecting to {place} took longer than {ms} ms")))
            }
        }
    }

    async fn encrypt(
        &self,
        place: &Place,
        stream: TcpStream,
    ) -> Result<(tokio_rustls::client::TlsStream<TcpStream>, bool), Failure> {
        let not_sent = |why: String| Failure::NotSent(format!("encryption with {place}: {why}"));
        let name = ServerName::try_from(place.host.clone())
            .map_err(|_| not_sent("this is no name for a certificate".into()))?;
        let roots = Arc::clone(&self.roots);
        // Reading the system's roots touches the disk.
        let load = || async {
            let config = tokio::task::spawn_blocking(move || request_config(&roots)).await;
            config.map_err(|error| error.to_string()).and_then(|config| config.map(Arc::new))
        };
        let config = self.tls.get_or_try_init(load).await.map_err(not_sent)?;
        let connecting = TlsConnector::from(Arc::clone(config)).connect(name, stream);
        let stream = tokio::time::timeout(self.handshake_timeout, connecting)
            .await
            .map_err(|_| {
                let ms = self.handshake_timeout.as_millis();
                let words = format!("encryption with {place}: the handshake took longer than {ms} ms");
                Failure::kept_back("tls_timeout", words)
            })?
            .map_err(|error| not_sent(error.to_string()))?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((stream, is_h2))
    }

    /// HTTP over an open stream; its connection is driven by a task of its own,
    /// which ends with the last sender.
    async fn speak<S>(&self, stream: S, is_h2: bool) -> Result<Sender, Failure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let failed = |error: hyper::Error| Failure::NotSent(format!("beginning to speak HTTP: {error}"));
        let io = TokioIo::new(stream);
        if is_h2 {
            let head_bytes = u32::try_from(self.response_head_bytes_max).unwrap_or(u32::MAX);
            let (sender, connection) = http2::Builder::new(Tasks)
                .max_header_list_size(head_bytes)
                .max_concurrent_reset_streams(16)
                .handshake(io)
                .await
                .map_err(failed)?;
            tokio::spawn(connection);
            return Ok(Sender::Many(sender));
        }
        let (sender, connection) = http1::Builder::new()
            .max_headers(self.response_headers_max)
            .max_buf_size(self.response_head_bytes_max.max(8 * 1024))
            .handshake(io)
            .await
            .map_err(failed)?;
        tokio::spawn(connection);
        Ok(Sender::One(sender))
    }
}

/// Where an HTTP/2 connection puts its own work.
#[derive(Clone, Copy)]
struct Tasks;

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, work: F) {
        tokio::spawn(work);
    }
}
