//! Encrypted requests: certificates are verified against the system's issuers
//! and the operator's own, and HTTP/2 is spoken where the server speaks it.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn, service::service_fn};
use lockstep_host::{Role, Session};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wasmtime_wasi_http::io::TokioIo;

use crate::{
    guests::{connection, load},
    http::ask,
};

/// A server for `localhost` that says which version of HTTP it was asked in, and how many connections it
/// has had; its port and its issuer's certificate.
async fn server(protocols: &[&[u8]]) -> (u16, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an issuer");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a configuration");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let mut connections = 0;
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate breaks off here.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            connections += 1;
            let number = connections;
            tokio::spawn(async move {
                let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let serve = service_fn(move |request| answer(request, number));
                let io = TokioIo::new(stream);
                match is_h2 {
                    true => conn::http2::Builder::new(Tasks).serve_connection(io, serve).await,
                    false => conn::http1::Builder::new().serve_connection(io, serve).await,
                }
            });
        }
    });
    (port, issuer.pem())
}

async fn answer(request: Request<Incoming>, connection: u32) -> Result<Response<Full<Bytes>>, Infallible> {
    let version = format!("{:?}", request.version());
    let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let length = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
    Ok(Response::new(Full::from(format!("{version} {authority} {length} on {connection}"))))
}

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

async fn session(port: u16, root: Option<&str>) -> Session {
    let mut connection = connection(&format!(r#"{{"base_url":"https://localhost:{port}"}}"#));
    connection.grants = vec![format!("https:localhost:{port}")];
    connection.root_certificates_pem = root.map(|pem| pem.as_bytes().to_vec());
    load("courier").await.open(Role::Read, connection).await.expect("a session")
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_over_one_connection_each() {
    for (protocols, version) in
        [(&[b"h2".as_slice(), b"http/1.1"][..], "HTTP/2.0"), (&[b"http/1.1".as_slice()], "HTTP/1.1")]
    {
        let (port, root) = server(protocols).await;
        let session = session(port, Some(&root)).await;
        for body in ["", "hello"] {
            let (name, words) = ask(&session, &format!("POST /things {body}")).await;
            assert_eq!(name, "200", "{words}");
            assert!(words.starts_with(version) && words.ends_with(&format!("{} on 1", body.len())), "{words}");
        }
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_issuer_is_not_accepted() {
    let (port, _) = server(&[b"http/1.1"]).await;
    let session = session(port, None).await;
    let (name, words) = ask(&session, "GET /").await;
    assert_eq!(name, "not-sent");
    assert!(words.contains("certificate"), "{words}");
}
