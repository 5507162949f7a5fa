//! Guests that misuse the host's way out, and servers that answer them with too much.
//! Names and addresses, redirects and framing are `tests/it/http_hostile.rs`' business.

use std::{io::Write as _, time::Duration};

use anyhow::{Result, ensure};
use lockstep_core::schema::CheckItem;
use lockstep_host::{ConnectionConfig, Limits, Role, Session};

use crate::{
    Run,
    guests::connection,
    place::{Place, expect, failed, narrow, read, works_again},
    runs,
    web::{Part, Server, answer, raw},
};

pub const RUNS: &[Run] = runs![
    forty_thousand_headers_in_a_request 64,
    a_million_writes_of_nothing 64,
    forty_thousand_headers_in_an_answer 64,
    an_answer_that_never_ends 64,
    an_answer_that_drips 64,
    a_gzip_bomb 64,
    more_requests_than_a_call_may_make 64,
];

fn to(server: &Server) -> impl Fn(&mut ConnectionConfig) {
    let (url, grant, port) = (server.url(), server.grant(), server.port);
    move |connection| {
        connection.config["base_url"] = url.clone().into();
        connection.config["host"] = "127.0.0.1".into();
        connection.config["port"] = port.into();
        connection.grants = vec![grant.clone()];
    }
}

/// A session with the guest that asks what it is told.
async fn courier(place: &Place, name: &str, server: &Server, change: impl FnOnce(&mut Limits)) -> Result<Session> {
    let mut connection = connection("{}");
    connection.name = name.into();
    to(server)(&mut connection);
    let mut limits = narrow();
    limits.compute_ms_max = 20_000;
    change(&mut limits);
    connection.limits = Some(limits);
    Ok(place.courier.open(Role::Read, connection).await?)
}

async fn ask(session: &Session, command: &str) -> Result<CheckItem> {
    Ok(session.check(&[command.to_owned()]).await?.remove(0))
}

async fn forty_thousand_headers_in_a_request(place: &Place) -> Result<()> {
    let session = place.session("headers", |_| {}).await?;
    let error = failed(read(&session).await)?;
    ensure!(["LS-H010", "LS-H011"].contains(&error.code()), "{error:?}");
    if error.lost_the_instance() {
        works_again(&session).await?;
        place.told("headers", "LS-H011", "request_head_bytes")?;
    }
    Ok(())
}

async fn a_million_writes_of_nothing(place: &Place) -> Result<()> {
    let server = Server::start(|_| answer(200, "", "")).await;
    let session = place.session("empty-writes", to(&server)).await?;
    let ended = tokio::time::timeout(Duration::from_secs(30), read(&session)).await?;
    // Pieces that nobody asked for are a misuse of the stream, and the end of the instance.
    let error = failed(ended)?;
    expect(&error, "LS-H011", "")?;
    place.told("empty-writes", "LS-H011", "")?;
    works_again(&session).await
}

async fn forty_thousand_headers_in_an_answer(place: &Place) -> Result<()> {
    let server = Server::start(|_| answer(200, &"x: y\r\n".repeat(40_000), "")).await;
    let session = courier(place, "many headers", &server, |_| {}).await?;
    ensure!(ask(&session, "GET /").await?.name == "unknown");
    reached(&session, "response_headers")
}

async fn an_answer_that_never_ends(place: &Place) -> Result<()> {
    let chunk = [b"4000\r\n".to_vec(), vec![b'x'; 0x4000], b"\r\n".to_vec()].concat();
    let server = Server::start(move |_| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        vec![raw(head), Part::Endless(chunk.clone(), Duration::ZERO)]
    })
    .await;
    let session = courier(place, "endless", &server, |limits| limits.http.response_body_bytes_max = 8 << 20).await?;
    ensure!(ask(&session, "GET /").await?.name == "unknown");
    reached(&session, "response_bytes")
}

async fn an_answer_that_drips(place: &Place) -> Result<()> {
    let server = Server::start(|_| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        vec![raw(head), Part::Endless(b"1\r\nx\r\n".to_vec(), Duration::from_millis(10))]
    })
    .await;
    let session = courier(place, "drip", &server, |limits| limits.http.total_ms_max = 500).await?;
    ensure!(ask(&session, "GET /").await?.name == "unknown");
    reached(&session, "request_timeout")
}

async fn a_gzip_bomb(place: &Place) -> Result<()> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..1024 {
        encoder.write_all(&vec![0; 1 << 20])?;
    }
    let bomb = encoder.finish()?;
    ensure!(bomb.len() < 2 << 20);
    let server = Server::start(move |_| answer(200, "content-encoding: gzip\r\n", &bomb)).await;
    let session = courier(place, "gzip", &server, |limits| limits.http.response_body_bytes_max = 8 << 20).await?;
    ensure!(ask(&session, "GET /").await?.name == "unknown");
    reached(&session, "response_bytes")
}

async fn more_requests_than_a_call_may_make(place: &Place) -> Result<()> {
    let server = Server::start(|_| answer(200, "", "")).await;
    let session = courier(place, "requests", &server, |limits| limits.http.requests_per_call_max = 5).await?;
    let commands = vec!["GET /".to_owned(); 8];
    let refused = session.check(&commands).await?.iter().filter(|item| item.name == "not-sent").count();
    ensure!(refused == 3 && server.asked().len() == 5, "{refused} were refused");
    reached(&session, "requests_per_call")
}

/// The metric tells it, and every request is in the audit log.
fn reached(session: &Session, bound: &str) -> Result<()> {
    let bounds = session.meter().bounds();
    ensure!(bounds.contains_key(bound), "{bound} is not among {bounds:?}");
    ensure!(!session.sent().is_empty(), "the audit log is empty");
    Ok(())
}
