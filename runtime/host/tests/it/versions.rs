//! Two versions of the contract served by one host.

use lockstep_core::{
    change::Selection,
    key::Key,
    value::Value,
    write::{Action, Intent, Outcome, WriteRequest},
};
use lockstep_host::{Component, Role, Session, Version};
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    sync::oneshot,
    time::{Duration, timeout},
};

use crate::guests::{connection, echo, host};

/// The test guest `echo` as it was built when version 0.1.0 was the only one.
const KEPT: &[u8] = include_bytes!("../kept/v0.1.0/echo.wasm");

async fn kept() -> Component {
    host().load(KEPT.to_vec(), None).await.expect("a component for 0.1.0")
}

fn create(id: i64) -> WriteRequest {
    WriteRequest {
        object: "items".into(),
        columns: ["id".to_owned()].into(),
        intents: vec![Intent {
            action: Action::Create,
            key: None,
            cells: vec![Some(Value::Int(id))],
            expected: vec![None],
        }],
        returning: ["id".to_owned(), "name".to_owned()].into(),
    }
}

#[tokio::test]
async fn a_component_of_the_first_version_is_served_beside_one_of_the_newest() {
    let host = host();
    let new = host.load(std::fs::read(crate::guests::path("echo")).expect("a file"), None).await.expect("the new one");
    let old = host.load(KEPT.to_vec(), None).await.expect("the old one");
    assert_eq!((old.anatomy().contract, new.anatomy().contract), (Version(0, 1, 0), Version(0, 2, 0)));
    let open = async |component: &Component| {
        component.open(Role::Write, connection(r#"{"rows":3}"#)).await.expect("a session")
    };
    let (old, new) = (open(&old).await, open(&new).await);
    for session in [&old, &new] {
        assert_eq!(session.spec().await.expect("a spec").name, "echo");
        assert_eq!(session.discover(&[]).await.expect("objects")[0].columns.len(), 12);
        let selection = Selection { object: "items".into(), columns: ["id".to_owned()].into() };
        session.start(&[selection]).await.expect("a position");
        let outcomes = session.write(&create(7)).await.expect("outcomes");
        assert!(matches!(&outcomes[..], [Outcome::Applied(row)] if row.key == Key::new(vec![Value::Int(7)])));
    }
    old.close().await;
    new.close().await;
}

/// Everything that one connection sends until it is closed.
async fn listener() -> (u16, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let (all, told) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        let _ = all.send(text);
    });
    (port, told)
}

async fn connected(component: &Component, port: u16) -> Session {
    let mut connection = connection(&format!(r#"{{"connect":"127.0.0.1:{port}"}}"#));
    connection.grants = vec![format!("tcp:127.0.0.1:{port}")];
    let session = component.open(Role::Read, connection).await.expect("a session");
    session.discover(&[]).await.expect("objects");
    session
}

async fn heard(told: oneshot::Receiver<String>) -> String {
    timeout(Duration::from_secs(30), told).await.expect("the connection ends").expect("what was sent")
}

#[tokio::test]
async fn a_session_that_is_let_go_says_goodbye_and_its_last_handle_does_the_same() {
    let (port, told) = listener().await;
    connected(&echo().await, port).await.close().await;
    assert_eq!(heard(told).await, "bye\n");

    let (port, told) = listener().await;
    let session = connected(&echo().await, port).await;
    let clone = session.clone();
    drop(session);
    clone.discover(&[]).await.expect("a clone keeps it");
    drop(clone);
    assert_eq!(heard(told).await, "bye\n");
}

#[tokio::test]
async fn a_component_of_the_first_version_ends_without_a_word() {
    let (port, told) = listener().await;
    connected(&kept().await, port).await.close().await;
    assert_eq!(heard(told).await, "");
}

#[tokio::test]
async fn after_a_session_is_closed_its_clones_have_none() {
    let session = echo().await.open(Role::Read, connection("{}")).await.expect("a session");
    let clone = session.clone();
    session.close().await;
    let error = clone.discover(&[]).await.expect_err("it is over");
    assert_eq!(error.code(), lockstep_host::HostError::Closed.code());
}
