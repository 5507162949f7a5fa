//! What crosses is recorded within its bounds and without secrets, and plays again.

use std::time::Duration;

use lockstep_host::{
    About, Comparison, ConnectionConfig, HostError, Limits, RecordLimits, Recorder, Recording, Role, Session,
};
use zeroize::Zeroizing;

use crate::{
    guests::{connection, load},
    http::{ask, tell},
    tls,
    web::{Part, Server, answer},
};

const TOKEN: &str = "a-token-nobody-may-see";

async fn recorded(server: &Server, recorder: &Recorder, change: impl FnOnce(&mut ConnectionConfig)) -> Session {
    let mut connection = connection(&format!(r#"{{"base_url":"{}"}}"#, server.url()));
    connection.grants = vec![server.grant()];
    change(&mut connection);
    load("courier").await.open_recorded(Role::Read, connection, recorder).await.expect("a session")
}

fn content(recorder: &Recorder) -> String {
    String::from_utf8(recorder.write(About::default()).expect("something")).expect("text")
}

fn read(content: &str) -> Recording {
    Recording::read(content.as_bytes()).expect("a recording")
}

async fn replayed(content: &str) -> Comparison {
    load("courier").await.replay(&read(content)).await.expect("a replay").comparison
}

fn keys(connection: &mut ConnectionConfig) {
    let mut secrets = lockstep_host::Secrets::new();
    secrets.insert("token", Zeroizing::new(TOKEN.to_owned()));
    connection.secrets = secrets.into();
    connection.auth = Some("bearer".into());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_play_again_and_hold_no_secret() {
    let server = Server::start(|asked| {
        let echo = format!("{} {} {}", asked.header("authorization"), asked.body, TOKEN);
        answer(200, "x-kind: test\r\n", echo)
    })
    .await;
    let recorder = Recorder::new(RecordLimits::default());
    let session = recorded(&server, &recorder, keys).await;
    let commands = ["header x-from courier", "POST /things?page=2 {\"a\":1}", "GET /again", "timeout 50"];
    tell(&session, &commands).await;
    assert_eq!(ask(&session, "GET http://elsewhere.example.com/").await.0, "denied");
    assert_eq!(server.asked().len(), 2, "both left");
    drop(session);
    let content = content(&recorder);
    assert!(!content.contains(TOKEN), "{content}");
    assert!(!content.contains("authorization"), "what the host puts on the wire is not recorded: {content}");
    assert!(content.contains("x-from") && content.contains("/things?page=2"), "{content}");
    assert_eq!(replayed(&content).await, Comparison::Same);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_otherwise_is_the_first_difference() {
    let server = Server::start(|_| answer(200, "", "hello")).await;
    let recorder = Recorder::new(RecordLimits::default());
    let session = recorded(&server, &recorder, |_| {}).await;
    tell(&session, &["GET /one", "POST /two {\"a\":1}", "GET /three"]).await;
    drop(session);
    let content = content(&recorder);
    for (from, to, expected) in
        [("/two", "/deux", "/deux"), (r#"{\"a\":1}"#, r#"{\"a\":2}"#, r#"{"a":2}"#), ("hello", "good bye", "good bye")]
    {
        // In what was recorded of the requests, not in what the component is told to do.
        let lines: Vec<String> = content
            .lines()
            .map(|line| if line.contains(r#""what":"http""#) { line.replace(from, to) } else { line.to_owned() })
            .collect();
        let changed = lines.join("\n");
        assert_ne!(changed.trim(), content.trim(), "{from} is not there");
        let Comparison::Differs { call, difference, .. } = replayed(&changed).await else { panic!("{to} is the same") };
        assert_eq!(call, "check");
        let shown = format!("{} {}", difference.expected, difference.found);
        assert!(shown.contains(expected), "{difference:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_component_differs_and_does_not_hang() {
    let server = Server::start(|_| answer(200, "", "hello")).await;
    let recorder = Recorder::new(RecordLimits::default());
    let session = recorded(&server, &recorder, |_| {}).await;
    tell(&session, &["GET /one"]).await;
    drop(session);
    let recording = read(&content(&recorder));
    let other = load("echo").await.replay(&recording).await.expect("a replay");
    assert!(matches!(other.comparison, Comparison::Differs { .. }), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_goes_on_between_calls_plays_again() {
    let slow = |path: &str| match path {
        "/slow" => vec![Part::Pause(Duration::from_millis(200))],
        _ => Vec::new(),
    };
    let server =
        Server::start(move |asked| slow(&asked.path).into_iter().chain(answer(200, "", "at last")).collect()).await;
    let recorder = Recorder::new(RecordLimits::default());
    let session = recorded(&server, &recorder, |_| {}).await;
    tell(&session, &["start GET /slow", "wait 1"]).await;
    assert_eq!(ask(&session, "GET /other").await.0, "200");
    assert_eq!(ask(&session, "wait 20000").await.0, "200");
    // And one of which nothing is heard before the end.
    tell(&session, &["start GET /slow", "wait 1"]).await;
    drop(session);
    assert_eq!(replayed(&content(&recorder)).await, Comparison::Same);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_cut_off_or_stopped_plays_to_where_it_was() {
    let server = Server::start(|_| vec![Part::Pause(Duration::from_secs(60))]).await;
    let recorder = Recorder::new(RecordLimits::default());
    let session = recorded(&server, &recorder, |connection| {
        connection.limits = Some(Limits { call_ms_max: 2_000, ..Limits::default() });
    })
    .await;
    let error = session.check(&["GET /".to_owned()]).await.expect_err("a time-out");
    assert_eq!(error.code(), "LS-H012");
    let cut = tokio::time::timeout(Duration::from_millis(20), session.check(&["GET /".to_owned()])).await;
    assert!(cut.is_err());
    tell(&session, &["timeout 5"]).await;
    drop(session);
    assert_eq!(replayed(&content(&recorder)).await, Comparison::Same);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_room_is_cut_and_said_to_be() {
    let server = Server::start(|_| answer(200, "", "x".repeat(10_000))).await;
    let recorder = Recorder::new(RecordLimits { body_bytes_max: 1_000, ..RecordLimits::default() });
    let session = recorded(&server, &recorder, |_| {}).await;
    // A body that was sent is told apart by its digest.
    tell(&session, &["body 5000", "POST /"]).await;
    drop(session);
    let bodies = content(&recorder);
    assert!(bodies.len() < 12_000, "{} bytes", bodies.len());
    let line = bodies.lines().position(|line| line.contains(r#""what":"http""#)).expect("a request") + 1;
    assert_eq!(replayed(&bodies).await, Comparison::Cut { line });

    let recorder = Recorder::new(RecordLimits { bytes_max: 30_000, ..RecordLimits::default() });
    let session = recorded(&server, &recorder, |_| {}).await;
    for _ in 0..10 {
        assert_eq!(ask(&session, "GET /").await.0, "200");
    }
    drop(session);
    let whole = content(&recorder);
    assert!(whole.len() < 60_000, "{} bytes", whole.len());
    assert!(whole.contains(r#""what":"cut""#));
    assert!(matches!(replayed(&whole).await, Comparison::Cut { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_recording_is_refused_with_its_line() {
    let server = Server::start(|_| answer(200, "", "hello")).await;
    let recorder = Recorder::new(RecordLimits::default());
    let session = recorded(&server, &recorder, |_| {}).await;
    tell(&session, &["GET /"]).await;
    drop(session);
    let content = content(&recorder);
    let lines: Vec<&str> = content.lines().collect();
    let without_end = lines[..lines.len() - 1].join("\n");
    let without_line = [&lines[..3], &lines[4..]].concat().join("\n");
    let newer = content.replacen(r#""lockstep-recording":1"#, r#""lockstep-recording":2"#, 1);
    let half = &content[..content.len() / 2];
    for (damaged, words) in [
        ("", "line 1"),
        ("{}", "no recording's head"),
        (half, "line "),
        (without_end.as_str(), "its end is missing"),
        (without_line.as_str(), "lines are missing"),
        (newer.as_str(), "version 2"),
    ] {
        let error = Recording::read(damaged.as_bytes()).expect_err("a refusal");
        assert_eq!(error.code(), "LS-H026");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.remedy().is_empty());
    }
    let strange = content.replace(r#""call":"check""#, r#""call":"paint""#);
    let error = load("courier").await.replay(&read(&strange)).await.expect_err("a refusal");
    assert!(matches!(error, HostError::Recording { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_connection_plays_again() {
    let (port, root) = tls::server().await;
    let config = format!(r#"{{"connect":"127.0.0.1:{port}","tls":"full","name":"db.example.com"}}"#);
    let mut connection = connection(&config);
    connection.grants = vec![format!("tcp:127.0.0.1:{port}")];
    connection.root_certificates_pem = Some(root.into_bytes());
    let recorder = Recorder::new(RecordLimits::default());
    let echo = load("echo").await;
    let session = echo.open_recorded(Role::Read, connection, &recorder).await.expect("a session");
    assert_eq!(session.check(&[]).await.expect("items")[0].message, "encrypted hello");
    drop(session);
    let content = content(&recorder);
    assert!(content.contains("encrypted hello") && content.contains(r#""what":"encrypt""#), "{content}");
    let replay = echo.replay(&read(&content)).await.expect("a replay");
    assert_eq!(replay.comparison, Comparison::Same);
    assert!(replay.calls >= 2, "{} calls", replay.calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_sessions_that_did_something_since_are_written_and_each_whole() {
    let server = Server::start(|_| answer(200, "", "hello")).await;
    let recorder = Recorder::new(RecordLimits::default());
    let first = recorded(&server, &recorder, |_| {}).await;
    let second = recorded(&server, &recorder, |_| {}).await;
    tell(&first, &["GET /first"]).await;
    tell(&second, &["GET /second"]).await;
    recorder.turn();
    assert!(recorder.write(About::default()).is_none(), "nothing is new");
    tell(&second, &["GET /later"]).await;
    let content = content(&recorder);
    assert!(!content.contains("/first") && content.contains("/second") && content.contains("/later"), "{content}");
    assert_eq!(replayed(&content).await, Comparison::Same);
}
