//! The shared server: it answers, it stops, and what goes wrong on demand goes
//! wrong on the wire.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use axum::{Router, routing::post};
use lockstep_simulators::{Fault, Listen, Rule, Server, Stage, control};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::json;

static EFFECTS: AtomicU32 = AtomicU32::new(0);

fn start(stage: &Stage) -> Result<Server> {
    let router = Router::new().route(
        "/write",
        post(|body: String| async move {
            EFFECTS.fetch_add(1, Ordering::SeqCst);
            format!("took {body}")
        }),
    );
    let router = router.merge(control::router(stage.clone()));
    Ok(Server::start(Listen::default(), stage.clone(), |_| router)?)
}

/// One request on a connection of its own; everything that came back.
fn post_raw(server: &Server, path: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn faults_happen_on_the_wire_and_are_recorded() -> Result<()> {
    let stage = Stage::default();
    let server = start(&stage)?;

    assert!(post_raw(&server, "/write", "one")?.ends_with("took one"));

    stage.faults.inject(Rule::next("/write", Fault::CutAfter));
    assert_eq!(post_raw(&server, "/write", "two")?, "", "no answer at all");
    assert_eq!(EFFECTS.load(Ordering::SeqCst), 2, "but it took effect");

    stage.faults.inject(Rule::next("/write", Fault::CutBefore));
    assert_eq!(post_raw(&server, "/write", "three")?, "");
    assert_eq!(EFFECTS.load(Ordering::SeqCst), 2, "and this one did not");

    let refused = Fault::Answer { status: 429, headers: vec![("retry-after".into(), "1".into())], body: json!({}) };
    stage.faults.inject(Rule::next("/write", refused).method("POST"));
    let answer = post_raw(&server, "/write", "four")?;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 1"), "{answer}");

    stage.faults.inject(Rule::next("/write", Fault::CutBody { after_bytes: 4 }));
    let answer = post_raw(&server, "/write", "five")?;
    assert!(answer.contains("took") && !answer.contains("five"), "{answer}");

    stage.faults.inject(Rule::next("/write", Fault::SlowBody { chunk_bytes: 2, ms: 10 }));
    let started = Instant::now();
    assert!(post_raw(&server, "/write", "six")?.contains("took"));
    assert!(started.elapsed() >= Duration::from_millis(40), "four pieces of two bytes");

    let statuses: Vec<u16> = stage.traffic.seen().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [200, 0, 0, 429, 200, 200]);
    assert_eq!(stage.traffic.count("POST", "/write"), 6);
    assert_eq!(stage.traffic.seen()[0].body, "one");
    Ok(())
}

#[test]
fn the_control_surface_works_and_is_neither_counted_nor_faulted() -> Result<()> {
    let stage = Stage::default();
    let server = start(&stage)?;
    stage.faults.inject(Rule::next("", Fault::CutBefore).times(100));
    let answer = post_raw(&server, "/__sim/clock", r#"{"stop_at":"2026-01-02T03:04:05Z"}"#)?;
    assert!(answer.contains("2026-01-02T03:04:05Z"), "{answer}");
    post_raw(&server, "/__sim/faults", r#"{"path":"/x","fault":"hang","times":2}"#)?;
    let rules = stage.faults.waiting();
    assert_eq!(rules.last().context("a rule")?.fault, Fault::Hang);
    assert_eq!(stage.traffic.total(), 0);
    Ok(())
}

#[test]
fn a_stopped_server_closes_its_connections_and_its_port() -> Result<()> {
    let stage = Stage::default();
    let server = start(&stage)?;
    stage.faults.inject(Rule::next("/write", Fault::Hang));
    let address = server.address();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(b"POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")?;
    while stage.faults.waiting().len() == 1 {
        std::thread::sleep(Duration::from_millis(2));
    }
    server.stop();
    let mut rest = Vec::new();
    // Closed, or reset: both end the read.
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    Ok(())
}

#[test]
fn tls_comes_with_a_certificate_to_trust() -> Result<()> {
    let stage = Stage::default();
    let routes = Router::new().route("/", axum::routing::get(|| async { "safe" }));
    let server = Server::start(Listen { port: 0, tls: true }, stage, |_| routes)?;
    assert!(server.url().starts_with("https://localhost:"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.certificate_pem().context("a certificate")?.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut session = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into()?)?;
    let mut socket = TcpStream::connect(server.address())?;
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    // The server may close without saying goodbye.
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("safe"), "{answer}");
    Ok(())
}
