//! Encrypted connections, made by the host on a component's behalf.

use std::sync::Arc;

use lockstep_host::{HostError, Role, Session};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::guests::{connection, echo};

/// An encrypted server with a certificate for `db.example.com`; its port and its issuer's certificate.
pub async fn server() -> (u16, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an issuer");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["db.example.com".to_owned()])
        .expect("parameters")
        .signed_by(&key, &issuer)
        .expect("a certificate");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate breaks off here.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a line");
            let answer = format!("encrypted {line}");
            stream.write_all(answer.as_bytes()).await.expect("an answer");
            stream.flush().await.expect("an answer");
        }
    });
    (port, issuer.pem())
}

async fn session(port: u16, verify: &str, name: &str, root: Option<&str>) -> Session {
    let config = format!(r#"{{"connect":"127.0.0.1:{port}","tls":"{verify}","name":"{name}"}}"#);
    let mut connection = connection(&config);
    connection.grants = vec![format!("tcp:127.0.0.1:{port}")];
    connection.root_certificates_pem = root.map(|pem| pem.as_bytes().to_vec());
    echo().await.open(Role::Read, connection).await.expect("a session")
}

#[tokio::test]
async fn each_way_to_verify_accepts_what_it_says_and_no_more() {
    let (port, root) = server().await;
    let (right, wrong) = ("db.example.com", "other.example.com");
    for (verify, name, root, accepted) in [
        ("none", wrong, None, true),
        ("ca", wrong, Some(root.as_str()), true),
        ("ca", right, None, false),
        ("full", right, Some(root.as_str()), true),
        ("full", wrong, Some(root.as_str()), false),
        ("full", right, None, false),
    ] {
        let checked = session(port, verify, name, root).await.check(&[]).await;
        let case = format!("{verify} {name} {}: {checked:?}", root.is_some());
        match checked {
            Ok(items) => {
                assert!(accepted, "{case}");
                assert_eq!(items[0].message, "encrypted hello", "{case}");
                assert_eq!(items[1].message, "32 bytes", "{case}");
            }
            Err(HostError::Guest(error)) => {
                assert!(!accepted, "{case}");
                assert!(error.message.contains("TLS with"), "{case}");
            }
            Err(_) => panic!("{case}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_never_answers_the_handshake_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let config = format!(r#"{{"connect":"127.0.0.1:{port}","tls":"none"}}"#);
    let mut connection = connection(&config);
    connection.grants = vec![format!("tcp:127.0.0.1:{port}")];
    connection.limits = Some(lockstep_host::Limits { tls_handshake_ms_max: 50, ..Default::default() });
    let session = echo().await.open(Role::Read, connection).await.expect("a session");
    let error = session.check(&[]).await.expect_err("a time-out");
    assert!(error.to_string().contains("the handshake took longer than 50 ms"), "{error}");
}

#[tokio::test]
async fn a_root_certificate_that_is_none_is_refused() {
    let mut connection = connection("{}");
    connection.root_certificates_pem = Some(b"hello".to_vec());
    let error = echo().await.open(Role::Read, connection).await.err().expect("a refusal");
    assert!(matches!(error, HostError::Config { .. }));
}
