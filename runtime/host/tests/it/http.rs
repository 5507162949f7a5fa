//! Requests over HTTP, made by the host on a component's behalf.

use std::time::Duration;

use lockstep_core::schema::CheckItem;
use lockstep_host::{ConnectionConfig, HostError, Limits, Role, Session};

use crate::{
    guests::{connection, load},
    web::{Server, answer, raw},
};

/// A session of the courier with this server; it may reach it.
pub async fn courier(server: &Server, change: impl FnOnce(&mut ConnectionConfig)) -> Session {
    let mut connection = connection(&format!(r#"{{"base_url":"{}"}}"#, server.url()));
    connection.grants = vec![server.grant()];
    change(&mut connection);
    load("courier").await.open(Role::Read, connection).await.expect("a session")
}

/// What became of each command.
pub async fn tell(session: &Session, commands: &[&str]) -> Vec<CheckItem> {
    let commands: Vec<String> = commands.iter().map(|command| (*command).to_owned()).collect();
    session.check(&commands).await.expect("items")
}

/// Name and words of one command's outcome.
pub async fn ask(session: &Session, command: &str) -> (String, String) {
    let item = tell(session, &[command]).await.remove(0);
    (item.name, item.message)
}

#[tokio::test]
async fn a_request_goes_out_and_its_answer_comes_back_whole() {
    let server =
        Server::start(|asked| answer(201, "x-kind: test\r\n", format!("{} {}", asked.method, asked.body))).await;
    let session = courier(&server, |_| {}).await;
    let items = tell(&session, &["header x-from courier", "POST /things?page=2 {\"a\":1}"]).await;
    assert_eq!((items[1].name.as_str(), items[1].message.as_str()), ("201", "POST {\"a\":1}"));
    assert!(items[1].remedy.contains("x-kind: test"), "{}", items[1].remedy);
    let asked = &server.asked()[0];
    assert_eq!((asked.path.as_str(), asked.header("x-from")), ("/things?page=2", "courier"));
    assert_eq!(asked.header("host"), format!("127.0.0.1:{}", server.port));
    assert!(asked.header("traceparent").starts_with("00-"));
    let sent = session.sent();
    assert_eq!((sent.len(), sent[0].path.as_str(), sent[0].status), (1, "/things", 201));
    assert_eq!((sent[0].bytes_sent, sent[0].bytes_received), (7, 12));
    assert_eq!(asked.header("traceparent").split('-').nth(1), Some(sent[0].trace.as_str()));
}

#[tokio::test]
async fn a_request_that_is_not_granted_is_denied_with_the_line_to_add() {
    let server = Server::start(|_| answer(200, "", "hello")).await;
    let session = courier(&server, |connection| connection.grants.clear()).await;
    let (name, words) = ask(&session, "GET /").await;
    assert_eq!(name, "denied");
    assert!(words.contains(&format!("grant = [\"{}\"]", server.grant())), "{words}");
    assert_eq!(session.denials()[0].line, server.grant());
    assert_eq!(server.connections(), 0);
    let (name, words) = ask(&session, "GET http://elsewhere.example.com/").await;
    assert_eq!(name, "denied");
    assert!(words.contains("did not ask for it"), "{words}");
    assert_eq!(session.sent().iter().filter(|sent| sent.failure == "denied").count(), 2);
}

#[tokio::test]
async fn a_long_poll_goes_on_between_two_calls() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/slow" => [vec![crate::web::Part::Pause(Duration::from_millis(300))], answer(200, "", "at last")]
            .into_iter()
            .flatten()
            .collect(),
        _ => answer(200, "", "at once"),
    })
    .await;
    let session = courier(&server, |_| {}).await;
    let items = tell(&session, &["start GET /slow", "wait 1"]).await;
    assert_eq!(items[1].name, "pending");
    assert_eq!(ask(&session, "GET /other").await, ("200".into(), "at once".into()));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(ask(&session, "wait 0").await.0, "200");
}

#[tokio::test]
async fn connections_are_used_again_and_by_all_sessions_of_a_connection() {
    let server = Server::start(|_| answer(200, "", "hello")).await;
    let component = load("courier").await;
    let mut connection = connection(&format!(r#"{{"base_url":"{}"}}"#, server.url()));
    connection.grants = vec![server.grant()];
    let tail = component.open(Role::Tail, connection.clone()).await.expect("a session");
    let write = component.open(Role::Write, connection).await.expect("a session");
    for session in [&tail, &write, &tail] {
        assert_eq!(ask(session, "GET /").await.0, "200");
    }
    assert_eq!(server.connections(), 1);
    let roles: Vec<&str> = write.sent().iter().map(|sent| sent.role).collect();
    assert_eq!(roles, ["tail", "write", "tail"]);
}

#[tokio::test]
async fn what_surely_was_not_sent_is_told_apart_from_what_may_have_been() {
    let server =
        Server::start(|_| vec![raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), crate::web::Part::End]).await;
    let session = courier(&server, |_| {}).await;
    assert_eq!(ask(&session, "POST / {}").await.0, "unknown");
    let mut nobody = server.clone();
    nobody.port = 1;
    let session = courier(&nobody, |_| {}).await;
    let (name, words) = ask(&session, "POST / {}").await;
    assert_eq!(name, "not-sent", "{words}");
}

#[tokio::test]
async fn an_answer_unfolds_to_no_more_than_it_may() {
    use std::io::Write;
    let pack = |text: &[u8]| {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(text).expect("packed");
        out.finish().expect("packed")
    };
    let (small, bomb) = (pack(b"hello hello"), pack(&vec![0; 64 << 20]));
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/bomb" => answer(200, "content-encoding: gzip\r\n", &bomb),
        _ => answer(200, "content-encoding: gzip\r\n", &small),
    })
    .await;
    let session = courier(&server, |connection| {
        let mut limits = Limits::default();
        limits.http.response_body_bytes_max = 1 << 20;
        connection.limits = Some(limits);
    })
    .await;
    assert_eq!(ask(&session, "GET /small").await, ("200".into(), "hello hello".into()));
    assert_eq!(server.asked()[0].header("accept-encoding"), "gzip, deflate, br");
    let (name, words) = ask(&session, "GET /bomb").await;
    assert_eq!(name, "unknown");
    assert!(words.contains("more than 1048576 bytes"), "{words}");
}

#[tokio::test]
async fn a_private_key_signs_without_being_seen() {
    let server = Server::start(|_| answer(200, "", "")).await;
    let session = courier(&server, |_| {}).await;
    let error = session.check(&["sign hello".to_owned()]).await.expect_err("no key");
    let HostError::Guest(error) = error else { panic!("{error:?}") };
    assert_eq!(error.message, "the connection has no secret \"private_key\"");
}

#[tokio::test]
async fn a_session_makes_any_number_of_requests_with_the_handles_it_has() {
    let server = Server::start(|_| answer(200, "", "hello")).await;
    let session = courier(&server, |connection| {
        connection.limits = Some(Limits { handles_max: 60, ..Limits::default() });
    })
    .await;
    let items = session.check(&vec!["POST / {}".to_owned(); 300]).await.expect("items");
    assert!(items.iter().all(|item| item.name == "200"));
    assert_eq!(server.connections(), 1);
}
