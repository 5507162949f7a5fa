//! Rate budgets: what a system allows is learned, shared and kept to.

use std::{sync::Arc, time::Duration};

use lockstep_host::{Limits, Role};

use crate::{
    guests::{connection, load},
    http::{ask, courier, tell},
    web::{Server, answer},
};

fn impatient() -> Option<Limits> {
    let mut limits = Limits::default();
    limits.http.budget_wait_ms_max = 50;
    Some(limits)
}

#[tokio::test]
async fn a_system_that_refuses_is_left_alone_for_as_long_as_it_says() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/full" => answer(429, "retry-after: 30\r\n", "too many"),
        _ => answer(200, "", "welcome"),
    })
    .await;
    let session = courier(&server, |connection| connection.limits = impatient()).await;
    assert_eq!(ask(&session, "GET /full").await, ("429".into(), "too many".into()));
    let item = tell(&session, &["GET /things"]).await.remove(0);
    assert_eq!(item.name, "429");
    assert!(item.remedy.contains("lockstep-answer: budget"), "{}", item.remedy);
    assert!(item.remedy.contains("retry-after: 30"), "{}", item.remedy);
    assert_eq!(server.asked().len(), 1);
    assert_eq!(session.metrics().limit_errors, 1);
}

#[tokio::test]
async fn what_a_connector_reports_holds_for_every_connection_of_the_account() {
    let server = Server::start(|_| answer(200, "", "welcome")).await;
    let component = load("courier").await;
    let open = async |name: &str, role| {
        let mut connection = connection(&format!(r#"{{"base_url":"{}"}}"#, server.url()));
        connection.name = name.into();
        connection.account = Some("shared".into());
        connection.grants = vec![server.grant()];
        connection.limits = impatient();
        component.open(role, connection).await.expect("a session")
    };
    let (one, other) = (open("one", Role::Write).await, open("other", Role::Read).await);
    assert_eq!(ask(&one, "limit burst 97 100 60000").await.0, "done");
    // The last fifth is not for reads.
    assert_eq!(ask(&other, "GET /").await.0, "429");
    for _ in 0..3 {
        assert_eq!(ask(&one, "GET /").await.0, "200");
    }
    assert_eq!(ask(&one, "GET /").await.0, "429");
    assert_eq!(server.asked().len(), 3);
    let budgets = component.host().budgets();
    let burst = &budgets[0].limits[0];
    assert_eq!((budgets[0].account.as_str(), burst.name.as_str(), burst.left), ("shared", "burst", 0));
    assert_eq!(budgets[0].throttled, 2);
}

#[tokio::test]
async fn a_request_waits_for_its_permit_when_it_comes_soon() {
    let server = Server::start(|_| answer(200, "", "welcome")).await;
    let session = Arc::new(courier(&server, |_| {}).await);
    assert_eq!(ask(&session, "limit burst 100 100 300").await.0, "done");
    let began = std::time::Instant::now();
    assert_eq!(ask(&session, "GET /").await.0, "200");
    assert!(began.elapsed() >= Duration::from_millis(250));
}
