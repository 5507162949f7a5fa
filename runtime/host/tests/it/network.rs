//! What a component may reach, and that nothing else can be reached.

use lockstep_host::{HostError, Role};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::guests::{connection, echo};

/// A server that answers one line; its port.
async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut line = String::new();
            BufReader::new(read).read_line(&mut line).await.expect("a line");
            write.write_all(format!("you said {line}").as_bytes()).await.expect("an answer");
        }
    });
    port
}

#[tokio::test]
async fn a_granted_address_is_reached_and_what_crosses_is_counted() {
    let port = server().await;
    for host in ["127.0.0.1", "localhost"] {
        let mut connection = connection(&format!(r#"{{"connect":"{host}:{port}"}}"#));
        connection.grants = vec![format!("tcp:{host}:{port}")];
        let session = echo().await.open(Role::Read, connection).await.expect("a session");
        let items = session.check(&[]).await.expect("an answer");
        assert_eq!(items[0].message, "you said hello", "{host}");
        let metrics = session.metrics();
        assert_eq!((metrics.bytes_sent, metrics.bytes_received, metrics.connections_opened), (6, 15, 1));
    }
}

#[tokio::test]
async fn this_machine_is_not_reached_for_being_configured() {
    let port = server().await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let connection = connection(&format!(r#"{{"connect":"{host}:{port}"}}"#));
        let session = echo().await.open(Role::Read, connection).await.expect("a session");
        let error = session.check(&[]).await.expect_err("a denial");
        let HostError::Guest(error) = error else { panic!("{error:?}") };
        assert_eq!(error.code, "denied", "{host}");
        assert!(error.remedy.ends_with(&format!(":{port}\"]")), "{host}: {}", error.remedy);
        assert_eq!(session.metrics().connections_opened, 0);
    }
}

#[tokio::test]
async fn a_grant_that_cannot_be_read_is_refused() {
    let mut connection = connection("{}");
    connection.grants = vec!["everything".into()];
    let error = echo().await.open(Role::Read, connection).await.err().expect("a refusal");
    assert!(matches!(error, HostError::Config { .. }));
}
