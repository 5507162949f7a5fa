//! Sessions with real components: calls, bounds, crashes and what follows them.

use std::sync::Arc;

use lockstep_core::{
    change::{ChangeKind, Cursor, Selection},
    key::Key,
    value::{Timestamp, Value},
    webhook::Webhook,
    write::{Action, Intent, Outcome, WriteRequest},
};
use lockstep_host::{ChangesRequest, FetchRequest, HostError, PageRequest, Role, Version};

use crate::guests::{connection, echo};

fn selection(columns: &[&str]) -> Selection {
    Selection { object: "items".into(), columns: columns.iter().map(|name| (*name).to_owned()).collect() }
}

fn names(columns: &[&str]) -> Arc<[String]> {
    columns.iter().map(|name| (*name).to_owned()).collect()
}

fn changes_after(cursor: Cursor, columns: &[&str]) -> ChangesRequest {
    ChangesRequest {
        selections: vec![selection(columns)].into(),
        after: cursor.clone(),
        durable: cursor,
        records_max: 100,
        bytes_max: 1 << 20,
        wait_ms: 0,
    }
}

#[tokio::test]
async fn a_connector_says_what_it_is_before_anything_is_open() {
    let component = echo().await;
    let spec = component.spec().await.expect("a spec");
    assert_eq!(spec.name, "echo");
    assert_eq!(component.anatomy().contract, Version(0, 2, 0));
    assert!(component.anatomy().imports.iter().any(|name| name.starts_with("lockstep:connector/host@")));
}

#[tokio::test]
async fn rows_cross_page_by_page_with_their_values() {
    let session = echo().await.open(Role::Read, connection(r#"{"rows":5}"#)).await.expect("a session");
    let mut request = PageRequest {
        selection: selection(&["id", "email", "amount", "token"]),
        after: Arc::from([]),
        rows_max: 2,
        bytes_max: 1 << 20,
    };
    let mut rows = Vec::new();
    loop {
        let page = session.read(&request).await.expect("a page");
        rows.extend(page.rows);
        if page.next.is_empty() {
            break;
        }
        request.after = page.next;
    }
    assert_eq!(rows.len(), 5);
    let third = &rows[2];
    assert_eq!(third.key, Key::new(vec![Value::Int(3)]));
    let expected = [Value::Int(3), Value::text("person3@example.com"), Value::Decimal("3.50".into()), Value::Uuid(3)];
    assert_eq!(third.cells, expected.map(Some));
    assert_eq!(session.metrics().rows_received, 5);
}

#[tokio::test]
async fn a_write_comes_back_as_an_outcome_and_as_a_change() {
    let session = echo().await.open(Role::Write, connection("{}")).await.expect("a session");
    let start = session.start(&[selection(&["id", "name"])]).await.expect("a position");
    let key = Key::new(vec![Value::Int(7)]);
    let write = |action, key, name: Option<&str>, expected: Option<&str>| WriteRequest {
        object: "items".into(),
        columns: names(&["id", "name"]),
        intents: vec![Intent {
            action,
            key,
            cells: vec![Some(Value::Int(7)), name.map(Value::text)],
            expected: vec![None, expected.map(Value::text)],
        }],
        returning: names(&["name"]),
    };
    let created = session.write(&write(Action::Create, None, Some("a"), None)).await.expect("outcomes");
    assert!(matches!(&created[..], [Outcome::Applied(row)] if row.cells == [Some(Value::text("a"))]));
    let stale = session.write(&write(Action::Update, Some(key.clone()), Some("c"), Some("b"))).await.expect("outcomes");
    assert!(matches!(&stale[..], [Outcome::Conflict(row)] if row.cells == [Some(Value::text("a"))]));
    let fetch = FetchRequest {
        selection: selection(&["name"]),
        by: vec!["id".into()],
        keys: vec![Key::new(vec![Value::Int(1)]), key.clone()],
    };
    let found = session.fetch(&fetch).await.expect("rows");
    assert_eq!(found.iter().map(|it| it.index).collect::<Vec<_>>(), [1]);
    let changes = session.changes(&changes_after(start, &["id", "name"])).await.expect("changes");
    assert_eq!(changes.batches.len(), 1);
    assert_eq!(changes.batches[0].kind, ChangeKind::Upsert);
    assert_eq!(changes.batches[0].rows[0].key, key);
    let again = session.changes(&changes_after(changes.cursor.clone(), &["id"])).await.expect("changes");
    assert_eq!((again.batches.len(), again.cursor), (0, changes.cursor));
}

#[tokio::test]
async fn a_connectors_own_error_keeps_its_code_and_the_instance() {
    let session = echo().await.open(Role::Tail, connection("{}")).await.expect("a session");
    let beyond = Cursor(99_u64.to_be_bytes().to_vec().into());
    let error = session.changes(&changes_after(beyond, &["id"])).await.expect_err("an error");
    assert!(matches!(&error, HostError::Guest(error) if error.code == "cursor-invalid"), "{error:?}");
    assert_eq!(session.metrics().restarts, 0);
    let ensured = session
        .ensure(&lockstep_host::EnsureRequest { object: "x".into(), columns: vec![], key: vec![], dry_run: true })
        .await
        .expect_err("an error");
    assert!(matches!(&ensured, HostError::Guest(error) if error.code == "unsupported"), "{ensured:?}");
}

#[tokio::test]
async fn clones_of_a_session_share_one_instance() {
    let session = echo().await.open(Role::Write, connection("{}")).await.expect("a session");
    let clones: Vec<_> = (0..20)
        .map(|id| {
            let session = session.clone();
            tokio::spawn(async move {
                let request = WriteRequest {
                    object: "items".into(),
                    columns: names(&["id"]),
                    intents: vec![Intent {
                        action: Action::Create,
                        key: None,
                        cells: vec![Some(Value::Int(id))],
                        expected: vec![None],
                    }],
                    returning: names(&[]),
                };
                session.write(&request).await
            })
        })
        .collect();
    for clone in clones {
        let outcomes = clone.await.expect("a task").expect("outcomes");
        assert!(matches!(&outcomes[..], [Outcome::Applied(_)]));
    }
    assert_eq!(session.metrics().calls, 20);
}

#[tokio::test]
async fn a_reference_never_reaches_a_connector() {
    let session = echo().await.open(Role::Write, connection("{}")).await.expect("a session");
    let nested = Value::List(vec![Value::List(vec![].into())].into());
    let request =
        FetchRequest { selection: selection(&["id"]), by: vec!["id".into()], keys: vec![Key::new(vec![nested])] };
    assert!(matches!(session.fetch(&request).await, Err(HostError::Request { call: "fetch", .. })));
}

#[tokio::test]
async fn a_webhook_is_verified_and_what_it_tells_crosses() {
    let session = echo().await.open(Role::Ingest, connection("{}")).await.expect("a session");
    let mut webhook = Webhook {
        method: "POST".into(),
        path: "/webhooks/test?x=1".into(),
        url: "https://hooks.example.com/in?x=1".into(),
        headers: vec![("x-signature".into(), "bad".into())],
        body: br#"[{"id":7,"name":"Ann"},{"id":8}]"#.to_vec(),
        received_at: Timestamp(5),
    };
    let refused = session.ingest(&webhook).await.expect("an answer");
    assert_eq!((refused.status, refused.batches.len()), (401, 0));
    webhook.headers = vec![("x-signature".into(), "good".into())];
    let taken = session.ingest(&webhook).await.expect("an answer");
    assert!(taken.is_taken());
    assert_eq!(taken.body, b"taken at https://hooks.example.com/in?x=1");
    let kinds: Vec<ChangeKind> = taken.batches.iter().map(|batch| batch.kind).collect();
    assert_eq!(kinds, [ChangeKind::Upsert, ChangeKind::Invalidate]);
    assert_eq!(taken.batches[0].rows[0].cells, vec![Some(Value::Int(7)), Some(Value::text("Ann"))]);
    assert!(session.meter().read().calls >= 2);
}
