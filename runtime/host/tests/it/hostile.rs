//! Components that misbehave: the host stays up and its neighbours untouched.

use std::{sync::Arc, time::Duration};

use lockstep_core::{
    change::{Cursor, Page, Selection},
    write::{Action, Intent, WriteRequest},
};
use lockstep_host::{ChangesRequest, HostError, Limits, PageRequest, Secrets, Session};

use crate::guests::hostile;

async fn read(session: &Session) -> Result<Page, HostError> {
    let selection = Selection { object: "x".into(), columns: vec!["a".into()] };
    session.read(&PageRequest { selection, after: Arc::from([]), rows_max: 10, bytes_max: 1000 }).await
}

async fn write(session: &Session, count: usize) -> HostError {
    let intent = Intent { action: Action::Create, key: None, cells: vec![], expected: vec![] };
    let request = WriteRequest {
        object: "x".into(),
        columns: Arc::from([]),
        intents: vec![intent; count],
        returning: Arc::from([]),
    };
    session.write(&request).await.expect_err("a failed write")
}

/// How many calls the present instance has had.
async fn calls(session: &Session) -> String {
    session.check(&[]).await.expect("a check")[0].message.clone()
}

/// The instance that failed is gone, and the next one works.
async fn assert_restarted(session: &Session) {
    assert_eq!(calls(session).await, "1");
    assert_eq!(calls(session).await, "2");
    assert_eq!(session.metrics().restarts, 1);
}

#[tokio::test]
async fn an_endless_loop_ends_when_it_has_computed_long_enough() {
    for mode in ["loop", "host-calls"] {
        let session = hostile(mode, |_| {}).await;
        let error = read(&session).await.expect_err("a time-out");
        assert_eq!(error, HostError::Timeout { call: "read", limit_ms: 300, bound: "compute_time" }, "{mode}");
        assert_restarted(&session).await;
    }
}

#[tokio::test]
async fn a_goodbye_that_never_ends_is_not_waited_for() {
    for mode in ["close-loop", "close-sleep", "close-trap"] {
        let session = hostile(mode, |_| {}).await;
        assert_eq!(calls(&session).await, "1");
        let closed = tokio::time::timeout(std::time::Duration::from_secs(30), session.close()).await;
        assert!(closed.is_ok(), "{mode}");
    }
    assert_eq!(calls(&hostile("", |_| {}).await).await, "1");
}

#[tokio::test]
async fn a_loop_does_not_keep_its_neighbours_waiting() {
    let looping = hostile("loop", |_| {}).await;
    let neighbour = hostile("", |_| {}).await;
    // One thread runs both: the loop must give it back.
    let (failed, answered) = tokio::join!(read(&looping), calls(&neighbour));
    assert!(failed.is_err());
    assert_eq!(answered, "1");
}

#[tokio::test]
async fn a_call_blocked_in_the_host_ends_at_its_wall_clock_limit() {
    let session = hostile("sleep", |connection| {
        connection.limits = Some(Limits { call_ms_max: 50, backoff_ms: 1, ..Limits::default() });
    })
    .await;
    // The first call also makes the instance; let that not count.
    let _ = session.check(&[]).await;
    let error = read(&session).await.expect_err("a time-out");
    assert_eq!(error, HostError::Timeout { call: "read", limit_ms: 50, bound: "call_timeout" });
}

#[tokio::test]
async fn a_cancelled_call_takes_its_instance_along_and_is_no_failure() {
    let session = hostile("sleep", |connection| {
        connection.limits = Some(Limits { failures_max: 1, ..Limits::default() });
    })
    .await;
    assert_eq!(calls(&session).await, "1");
    let cancelled = tokio::time::timeout(Duration::from_millis(50), read(&session)).await;
    assert!(cancelled.is_err());
    assert_restarted(&session).await;
}

#[tokio::test]
async fn a_memory_bomb_and_endless_recursion_trap() {
    for mode in ["memory", "stack"] {
        let session = hostile(mode, |connection| {
            if let Some(limits) = &mut connection.limits {
                limits.compute_ms_max = 20_000;
            }
        })
        .await;
        let error = read(&session).await.expect_err("a trap");
        assert!(matches!(error, HostError::Trap { call: "read", .. }), "{mode}: {error:?}");
        assert_restarted(&session).await;
    }
}

#[tokio::test]
async fn a_trap_in_the_middle_of_a_batch_says_that_the_writes_are_unknown() {
    let session = hostile("trap", |_| {}).await;
    let error = write(&session, 4).await;
    assert!(matches!(error, HostError::Trap { call: "write", .. }), "{error:?}");
    assert!(error.lost_the_instance());
    assert_restarted(&session).await;
}

#[tokio::test]
async fn a_wrong_number_of_outcomes_is_a_fault() {
    let session = hostile("outcomes", |_| {}).await;
    let error = write(&session, 4).await;
    assert!(matches!(&error, HostError::Fault { call: "write", reason, .. } if reason == "3 outcomes for 4 intents"));
    assert_restarted(&session).await;
}

#[tokio::test]
async fn a_huge_cursor_is_a_fault_and_never_seen() {
    let session = hostile("cursor", |_| {}).await;
    let request = ChangesRequest {
        selections: Arc::from([]),
        after: Cursor::default(),
        durable: Cursor::default(),
        records_max: 1,
        bytes_max: 1,
        wait_ms: 0,
    };
    let error = session.changes(&request).await.expect_err("a fault");
    assert!(matches!(error, HostError::Fault { call: "changes", .. }), "{error:?}");
    assert_restarted(&session).await;
}

#[tokio::test]
async fn rows_that_do_not_fit_their_columns_are_a_fault() {
    for mode in ["cells", "no-key"] {
        let session = hostile(mode, |_| {}).await;
        let error = read(&session).await.expect_err("a fault");
        assert!(matches!(error, HostError::Fault { call: "read", .. }), "{mode}: {error:?}");
        assert_restarted(&session).await;
    }
}

#[tokio::test]
async fn an_answer_larger_than_allowed_is_not_taken_over() {
    let session = hostile("huge", |connection| {
        if let Some(limits) = &mut connection.limits {
            (limits.answer_bytes_max, limits.memory_bytes_max) = (16 << 20, 256 << 20);
            limits.compute_ms_max = 20_000;
        }
    })
    .await;
    let error = read(&session).await.expect_err("too much");
    assert!(matches!(error, HostError::Trap { call: "read", .. }), "{error:?}");
    assert_restarted(&session).await;
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_off() {
    let session = hostile("log", |connection| {
        if let Some(limits) = &mut connection.limits {
            limits.compute_ms_max = 20_000;
        }
    })
    .await;
    read(&session).await.expect("an empty page");
    let metrics = session.metrics();
    assert!(metrics.log_lines < 1000, "{metrics:?}");
    assert!(metrics.log_lines_dropped > 190_000, "{metrics:?}");
}

#[tokio::test]
async fn what_was_not_granted_is_denied_with_the_line_to_add() {
    let session = hostile("elsewhere", |connection| {
        connection.config["host"] = "169.254.169.254".into();
        connection.config["port"] = 80.into();
    })
    .await;
    let Err(HostError::Guest(error)) = read(&session).await else { panic!("not denied") };
    assert_eq!(error.code, "denied");
    assert_eq!(error.remedy, r#"Add to the connection: grant = ["tcp:169.254.169.254:80"]"#);
    let denials = session.denials();
    assert_eq!(denials.len(), 1);
    assert_eq!(denials[0].line, "tcp:169.254.169.254:80");
}

#[tokio::test]
async fn names_that_were_not_asked_for_are_not_looked_up() {
    let session = hostile("lookup", |connection| connection.grants = vec!["tcp:*.example.com:80".into()]).await;
    let Err(HostError::Guest(error)) = read(&session).await else { panic!("not denied") };
    assert_eq!(error.code, "denied");
    assert_eq!(session.metrics().denials, 1);
}

#[tokio::test]
async fn a_secret_cannot_be_used_in_ways_that_were_not_asked_for() {
    let session = hostile("secret", |connection| {
        let mut secrets = Secrets::new();
        secrets.insert("password", "pencil".to_owned().into());
        connection.secrets = Arc::new(secrets);
    })
    .await;
    let Err(HostError::Guest(error)) = read(&session).await else { panic!("not refused") };
    assert_eq!(error.code, "config");
    assert!(!error.message.contains("pencil"));
}

#[tokio::test]
async fn a_connector_that_keeps_failing_is_parked_until_it_is_let_go() {
    let session = hostile("trap", |connection| {
        if let Some(limits) = &mut connection.limits {
            limits.failures_max = 3;
        }
    })
    .await;
    for _ in 0..3 {
        assert!(matches!(write(&session, 2).await, HostError::Trap { .. }));
    }
    assert!(matches!(write(&session, 2).await, HostError::Parked { failures: 3, .. }));
    assert!(session.check(&[]).await.is_err());
    session.unpark().await;
    assert_eq!(calls(&session).await, "1");
}

#[tokio::test]
async fn an_error_while_opening_is_the_connectors_own_and_a_trap_is_not() {
    let refused = hostile("open-error", |_| {}).await.check(&[]).await;
    assert!(matches!(&refused, Err(HostError::Guest(error)) if error.code == "unavailable"), "{refused:?}");
    let trapped = hostile("open-trap", |_| {}).await.check(&[]).await;
    assert!(matches!(&trapped, Err(HostError::Trap { call: "open", .. })), "{trapped:?}");
}
