//! `lockstep sql`: what it shows, and what it refuses.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use lockstep_core::{
    delta::{Mark, QuarantineChange, Quarantined},
    record::{FieldId, RecordId},
    value::{Timestamp, Value},
    write::{Action, Rejection},
};
use lockstep_state::{Options, QueryLimits, StateError, Store};
use serde_json::{Value as Json, json};
use support::{LEFT, RIGHT, absorbed, added, claim};

fn filled(store: &Store) {
    let claim = claim(store, "contacts", 1);
    let mut commit = claim.commit(0);
    commit.delta = added(1, "Ada");
    commit.delta.journal = vec![absorbed(1, 1, "Ada")];
    commit.delta.marks = vec![Mark { record: RecordId(1), side: RIGHT, action: Some(Action::Update) }];
    commit.delta.quarantine = vec![QuarantineChange::Put(Quarantined {
        record: RecordId(1),
        side: LEFT,
        at: Timestamp(0),
        action: Action::Update,
        rejection: Rejection {
            code: "23505".to_owned(),
            class: "unique".to_owned(),
            message: "taken".to_owned(),
            columns: vec!["email".to_owned()],
        },
        signature: "left unique 23505 email".to_owned(),
        values: vec![(FieldId(0), Value::text("Ada"))],
        attempts: 1,
    })];
    store.commit_blocking(commit).unwrap();
}

fn rows(store: &Store, sql: &str) -> Vec<Vec<Json>> {
    store.query_read_only(sql, &QueryLimits::default()).unwrap().rows
}

fn check_views(store: &Store) {
    assert_eq!(
        rows(store, "SELECT sync, records, pending, held, quarantined FROM syncs"),
        [[json!("contacts"), json!(1), json!(1), json!(0), json!(1)]]
    );
    assert_eq!(
        rows(store, "SELECT record, field, value, side, held FROM fields"),
        [[json!(1), json!("text"), json!("Ada"), json!("left"), json!(0)]]
    );
    assert_eq!(
        rows(store, "SELECT side, presence, observed FROM links ORDER BY side"),
        [
            [json!("left"), json!("live"), json!(r#"{"text":"Ada"}"#)],
            [json!("right"), json!("live"), json!(r#"{"text":"Ada"}"#)],
        ]
    );
    assert_eq!(
        rows(store, "SELECT entry, kind, record, side, what ->> '$.changes[0].after' FROM journal"),
        [[json!(1), json!("absorbed"), json!(1), json!("left"), json!("Ada")]]
    );
    assert_eq!(rows(store, "SELECT side, record, action FROM pending"), [[json!("right"), json!(1), json!("update")]]);
    assert_eq!(
        rows(store, "SELECT side, at, action, class, code, \"values\" FROM quarantine"),
        [[
            json!("left"),
            json!("1970-01-01T00:00:00Z"),
            json!("update"),
            json!("unique"),
            json!("23505"),
            json!(r#"{"text":"Ada"}"#)
        ]]
    );
    assert_eq!(rows(store, "SELECT life, waits, entry FROM records"), [[json!("live"), json!(0), json!(1)]]);
    for view in ["cursors", "waiting", "conflicts", "rules", "operations"] {
        rows(store, &format!("SELECT * FROM {view}"));
    }
}

#[test]
fn the_views_show_what_was_committed_from_a_file_and_from_memory() {
    let memory = Store::in_memory().unwrap();
    filled(&memory);
    check_views(&memory);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let owner = Store::open(&path, &Options::default()).unwrap();
    filled(&owner);
    check_views(&owner);
    check_views(&Store::open_read_only(&path, &Options::default()).unwrap());
}

#[test]
fn sensitive_fields_are_masked_everywhere() {
    let store = Store::in_memory().unwrap();
    filled(&store);
    let sync = store.sync_id("contacts").unwrap().unwrap();
    store.set_sensitive(sync, &[FieldId(0)]).unwrap();
    for sql in ["SELECT * FROM fields", "SELECT * FROM links", "SELECT * FROM journal", "SELECT * FROM quarantine"] {
        let shown = format!("{:?}", rows(&store, sql));
        assert!(shown.contains("(sensitive)"), "{sql}: {shown}");
        assert!(!shown.contains("Ada"), "{sql}: {shown}");
    }
}

#[test]
fn everything_but_reading_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let store = Store::open(&path, &Options::default()).unwrap();
    filled(&store);
    let elsewhere = dir.path().join("elsewhere.db");
    for sql in [
        "DELETE FROM main.record",
        "UPDATE main.sync SET epoch = 0",
        "INSERT INTO main.counter VALUES (1, 1, 1, 1)",
        "DROP TABLE main.record",
        "CREATE TEMP TABLE t (x)",
        "DROP VIEW temp.fields",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version",
        "BEGIN",
        "SAVEPOINT s",
        "VACUUM",
        &format!("ATTACH '{}' AS other", elsewhere.display()),
        &format!("VACUUM INTO '{}'", elsewhere.display()),
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM main.record",
        "nonsense",
        "",
    ] {
        let answer = store.query_read_only(sql, &QueryLimits::default());
        assert!(matches!(answer, Err(StateError::QueryRefused { .. } | StateError::Query { .. })), "{sql}: {answer:?}");
    }
    assert!(!elsewhere.exists());
    check_views(&store);
}

#[test]
fn long_answers_are_cut_and_endless_ones_stopped() {
    let store = Store::in_memory().unwrap();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    let limits = QueryLimits { rows_max: 7, ..QueryLimits::default() };
    let answer = store.query_read_only(endless, &limits).unwrap();
    assert_eq!((answer.rows.len(), answer.truncated), (7, true));
    let limits = QueryLimits { time_max: Duration::from_millis(50), ..QueryLimits::default() };
    let counted = format!("SELECT count(*) FROM ({endless})");
    let stopped = store.query_read_only(&counted, &limits);
    assert!(matches!(stopped, Err(StateError::QueryTime { .. })), "{stopped:?}");
}
