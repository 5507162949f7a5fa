//! Servers and components that misbehave over HTTP: every bound holds, and names
//! lead nowhere that is not granted.

use std::{
    net::{IpAddr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use lockstep_host::{ConnectionConfig, Host, HostOptions, HttpLimits, Limits, Resolver, Role, Session};

use crate::{
    guests::{connection, path},
    http::{ask, courier, tell},
    web::{Part, Server, answer, raw},
};

fn limited(change: impl FnOnce(&mut HttpLimits)) -> impl FnOnce(&mut ConnectionConfig) {
    |connection| {
        let mut limits = Limits::default();
        change(&mut limits.http);
        connection.limits = Some(limits);
    }
}

/// Answers the same name with the next list each time, and the last for ever.
struct Flipping(Vec<Vec<IpAddr>>, AtomicUsize);

#[async_trait::async_trait]
impl Resolver for Flipping {
    async fn addresses(&self, _: &str) -> Result<Vec<IpAddr>, String> {
        let asked = self.1.fetch_add(1, Ordering::SeqCst);
        Ok(self.0[asked.min(self.0.len() - 1)].clone())
    }
}

/// A session that asks `api.example.com`, whose addresses these are.
async fn named(port: u16, grants: &[&str], addresses: &[&[&str]]) -> Session {
    let lists = addresses.iter().map(|list| list.iter().map(|text| text.parse().expect("an address")).collect());
    let options = HostOptions {
        cache_dir: Some(std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled")),
        resolver: Some(Arc::new(Flipping(lists.collect(), AtomicUsize::new(0)))),
        ..HostOptions::default()
    };
    let component = Host::new(options).expect("a host").load_file(&path("courier"), None).await.expect("a component");
    let mut connection = connection(&format!(r#"{{"base_url":"http://api.example.com:{port}"}}"#));
    connection.grants = grants.iter().map(|grant| grant.replace("PORT", &port.to_string())).collect();
    component.open(Role::Read, connection).await.expect("a session")
}

#[tokio::test]
async fn a_granted_name_that_leads_inside_is_not_followed() {
    let server = Server::start(|_| answer(200, "", "inside")).await;
    for inside in ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1", "fd00:ec2::254", "64:ff9b::7f00:1"] {
        let session = named(server.port, &["http:api.example.com:PORT"], &[&[inside]]).await;
        let (name, words) = ask(&session, "GET /").await;
        assert_eq!(name, "denied", "{inside}: {words}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_judged_anew_for_every_connection() {
    let server = Server::start(|_| {
        [answer(200, "connection: close\r\n", "hello"), vec![Part::End]].into_iter().flatten().collect()
    })
    .await;
    let grants = &["http:api.example.com:PORT", "http:127.0.0.1:PORT"];
    let session =
        named(server.port, grants, &[&["127.0.0.1"], &["169.254.169.254"], &["169.254.169.254", "127.0.0.1"]]).await;
    assert_eq!(ask(&session, "GET /").await.0, "200");
    assert_eq!(server.asked()[0].header("host"), format!("api.example.com:{}", server.port));
    assert_eq!(ask(&session, "GET /").await.0, "denied");
    // Of several addresses only those that may be reached are tried.
    assert_eq!(ask(&session, "GET /").await.0, "200");
}

#[tokio::test]
async fn what_frames_a_request_is_not_the_components_to_set() {
    let server = Server::start(|_| answer(200, "", "")).await;
    for header in [
        "host elsewhere.example.com",
        "transfer-encoding chunked",
        "connection upgrade",
        "te trailers",
        "content-length 5",
    ] {
        let session = courier(&server, |_| {}).await;
        let items = tell(&session, &[&format!("header {header}"), "POST / {}"]).await;
        assert_eq!(items[1].name, "not-sent", "{header}: {}", items[1].message);
    }
    let session = courier(&server, |_| {}).await;
    assert_eq!(ask(&session, "TRACE /").await.0, "not-sent");
    let url = server.url().replace("http://", "http://somebody@");
    assert_eq!(ask(&session, &format!("GET {url}/")).await.0, "not-sent");
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn an_answer_that_never_begins_is_given_up() {
    let server = Server::start(|_| vec![Part::Pause(Duration::from_secs(60))]).await;
    let session = courier(&server, limited(|http| http.first_byte_ms_max = 100)).await;
    let began = Instant::now();
    let (name, words) = ask(&session, "GET /").await;
    assert_eq!(name, "unknown");
    assert!(words.contains("did not answer within 100 ms"), "{words}");
    assert!(began.elapsed() < Duration::from_secs(10));
    let session = courier(&server, |_| {}).await;
    assert_eq!(tell(&session, &["timeout 0", "GET /"]).await[1].name, "unknown");
}

#[tokio::test]
async fn an_answer_that_drips_or_never_ends_is_given_up() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/stall" => vec![raw(format!("{head}1\r\nx\r\n")), Part::Pause(Duration::from_secs(60))],
        "/drip" => vec![raw(head), Part::Endless(b"1\r\nx\r\n".to_vec(), Duration::from_millis(20))],
        "/head" => vec![raw("HTTP/1.1 200 OK\r\n"), Part::Endless(b"x: y\r\n".to_vec(), Duration::from_millis(5))],
        _ => vec![
            raw(head),
            Part::Endless([b"4000\r\n".to_vec(), vec![b'x'; 0x4000], b"\r\n".to_vec()].concat(), Duration::ZERO),
        ],
    })
    .await;
    let session = courier(
        &server,
        limited(|http| {
            http.between_bytes_ms_max = 200;
            http.total_ms_max = 1_500;
            http.response_body_bytes_max = 1 << 20;
        }),
    )
    .await;
    for (path, words) in [("/stall", "too slowly"), ("/drip", "too slowly"), ("/endless", "more than 1048576 bytes")] {
        let (name, said) = ask(&session, &format!("GET {path}")).await;
        assert_eq!(name, "unknown", "{path}");
        assert!(said.contains(words), "{path}: {said}");
    }
    assert_eq!(ask(&session, "GET /head").await.0, "unknown");
}

#[tokio::test]
async fn a_head_without_end_is_not_read_to_it() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/many" => answer(200, &"x: y\r\n".repeat(40_000), ""),
        "/large" => answer(200, &format!("x: {}\r\n", "y".repeat(300_000)), ""),
        "/two" => vec![raw("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy")],
        _ => vec![raw("this is not HTTP\r\n\r\n")],
    })
    .await;
    let session = courier(&server, |_| {}).await;
    for path in ["/many", "/large", "/two", "/nonsense"] {
        let (name, words) = ask(&session, &format!("GET {path}")).await;
        assert_eq!(name, "unknown", "{path}: {words}");
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_is_not_sent() {
    let server = Server::start(|_| answer(200, "", "")).await;
    let session = courier(&server, limited(|http| http.request_body_bytes_max = 10_000)).await;
    let items = tell(&session, &["body 9000", "POST /fits", "body 2000000", "POST /large"]).await;
    assert_eq!((items[1].name.as_str(), items[3].name.as_str()), ("200", "not-sent"));
    let long = format!("GET /{}", "x".repeat(70_000));
    assert_eq!(ask(&session, &long).await.0, "not-sent");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn requests_are_counted_at_once_and_in_all() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/slow" => vec![Part::Pause(Duration::from_secs(60))],
        _ => answer(200, "", "hello"),
    })
    .await;
    let session = courier(
        &server,
        limited(|http| {
            http.requests_at_once_max = 1;
            http.queue_ms_max = 50;
            http.requests_per_call_max = 3;
        }),
    )
    .await;
    let items = tell(&session, &["GET /", "GET /", "GET /", "GET /"]).await;
    let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["200", "200", "200", "not-sent"]);
    let items = tell(&session, &["start GET /slow", "GET /"]).await;
    assert!(items[1].message.contains("1 requests are under way already"), "{}", items[1].message);
    // What is given up makes room.
    let items = tell(&session, &["start GET /", "wait 5000"]).await;
    assert_eq!(items[1].name, "200");
}

#[tokio::test]
async fn a_stalled_handshake_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let mut connection = connection(&format!(r#"{{"base_url":"https://127.0.0.1:{port}"}}"#));
    connection.grants = vec![format!("https:127.0.0.1:{port}")];
    connection.limits = Some(Limits { tls_handshake_ms_max: 50, ..Limits::default() });
    let component = crate::guests::load("courier").await;
    let session = component.open(Role::Read, connection).await.expect("a session");
    let (name, words) = ask(&session, "GET /").await;
    assert_eq!(name, "not-sent");
    assert!(words.contains("the handshake took longer than 50 ms"), "{words}");
}

#[tokio::test]
async fn a_connection_that_nobody_takes_is_given_up() {
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("an address");
    listener.listen(0).expect("a listener");
    let address = listener.local_addr().expect("an address").as_socket().expect("an address");
    // Nobody takes connections from its queue, which is soon full.
    let queued: Vec<_> = std::iter::from_fn(|| TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok())
        .take(1_000)
        .collect();
    assert!(queued.len() < 1_000, "the queue has no end here");
    let port = address.port();
    let mut connection = connection(&format!(r#"{{"base_url":"http://127.0.0.1:{port}"}}"#));
    connection.grants = vec![format!("http:127.0.0.1:{port}")];
    connection.limits = Some(Limits { connect_ms_max: 50, ..Limits::default() });
    let component = crate::guests::load("courier").await;
    let session = component.open(Role::Read, connection).await.expect("a session");
    let (name, words) = ask(&session, "GET /").await;
    assert_eq!(name, "not-sent");
    assert!(words.contains("took longer than 50 ms"), "{words}");
    assert!(session.meter().bounds().contains_key("connect_timeout"), "{:?}", session.meter().bounds());
}

#[tokio::test]
async fn no_more_connections_are_kept_and_none_for_longer_than_may_be() {
    let opened = async |change: fn(&mut HttpLimits)| {
        let server = Server::start(|_| answer(200, "", "hello")).await;
        let session = courier(&server, limited(change)).await;
        assert_eq!(ask(&session, "GET /").await.0, "200");
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(ask(&session, "GET /").await.0, "200");
        server.connections()
    };
    assert_eq!(opened(|_| {}).await, 1);
    assert_eq!(opened(|limits| limits.idle_connections_max = 0).await, 2);
    assert_eq!(opened(|limits| limits.idle_ms_max = 50).await, 2);
}
