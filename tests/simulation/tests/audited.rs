//! A system that cannot make a write conditional: it looks, writes, and tells
//! afterwards what it overwrote. Nothing is lost when that telling is, nor when the
//! runtime dies between a webhook and the reading of what it named.

use std::{sync::Arc, time::Duration};

use lockstep_core::{
    schema::Kind,
    value::{Timestamp, Value},
    webhook::Webhook,
};
use lockstep_engine::{Connector, operations::Filter};
use lockstep_simulation::{
    bench::Bench,
    session::MemoryConnector,
    system::System,
    vendor::{Answers, Vendor},
};
use lockstep_state::Store;

const CONFIG: &str = r#"
[connections.crm]
connector = "vendor"
[connections.db]
connector = "memory"

[syncs.people]
sides = { crm = "people", db = "people" }
match = ["email"]
conflict = { prefer = "db" }
deletes = "update-wins"
bounces_max = 100

[syncs.people.fields]
id = { crm = "id", db = "id" }
email = { crm = "email", db = "email" }
name = { crm = "name", db = "name" }
"#;

fn system() -> System {
    let system = System::new();
    system.table("people", &[("id", Kind::Int), ("email", Kind::Text), ("name", Kind::Text)], &["id"]);
    system
}

fn key() -> [Value; 1] {
    [Value::Int(1)]
}

fn name(system: &System) -> Option<String> {
    system.row("people", &key()).map(|row| row[2].show())
}

fn start(crm: &Vendor, db: &System, store: &Store) -> Bench {
    let connectors: Vec<(&str, Arc<dyn Connector>)> =
        vec![("crm", Arc::new(crm.clone())), ("db", Arc::new(MemoryConnector(db.clone())))];
    Bench::over(CONFIG, connectors, store.clone())
}

/// One person, at both.
async fn copied(crm: &Vendor, db: &System, store: &Store) -> Bench {
    crm.system.put("people", vec![Value::Int(1), Value::text("p1@example.org"), Value::text("ann")]);
    let bench = start(crm, db, store);
    bench.until("copied", || db.rows("people").len() == 1).await;
    bench
}

/// A webhook that names the person; sent again until it is taken.
async fn ring(bench: &Bench) {
    ring_of(bench, "1").await;
}

async fn ring_of(bench: &Bench, named: &str) {
    let webhook = Webhook {
        method: "POST".into(),
        path: "/webhooks/crm".into(),
        url: "https://example.org/webhooks/crm".into(),
        headers: Vec::new(),
        body: named.as_bytes().to_vec(),
        received_at: Timestamp(0),
    };
    for _ in 0..50 {
        if bench.engine.ingest("crm", &webhook, Duration::from_secs(2)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never taken");
}

async fn wait(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

/// Once, between the look of a write and the write itself.
fn overwritten_once(crm: &Vendor, value: &'static str) {
    let mut done = false;
    crm.between_check_and_write(move |system| {
        if !std::mem::replace(&mut done, true) {
            system.set("people", &key(), "name", Value::text(value));
        }
    });
}

async fn expect_kept(bench: &Bench, values: &[&str]) {
    let all = bench.operations.conflicts(Some("people"), &Filter::default(), true).await.expect("conflicts");
    let kept = format!("{all:?}");
    for value in values {
        assert!(kept.contains(value), "{value} is not kept: {kept}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_on_top_of_a_write_whose_answer_was_lost_does_not_hide_what_that_overwrote() {
    let (crm, db, store) = (Vendor::told(system()), system(), Store::in_memory().expect("a store"));
    let bench = copied(&crm, &db, &store).await;
    overwritten_once(&crm, "overwritten");
    crm.answers(Answers::NextLost);
    let there = crm.system.clone();
    db.set("people", &key(), "name", Value::text("ours"));
    // Whoever edits on top has seen our value, not the one under it.
    let person = tokio::spawn(async move {
        wait("written", || name(&there).as_deref() == Some("ours")).await;
        there.set("people", &key(), "name", Value::text("on top"));
    });
    person.await.expect("edited");
    ring(&bench).await;
    bench.until("in step", || name(&crm.system) == name(&db)).await;
    expect_kept(&bench, &["overwritten"]).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runtime_killed_before_it_heard_what_it_overwrote_hears_it_before_it_reads_the_row() {
    let (crm, db, store) = (Vendor::told(system()), system(), Store::in_memory().expect("a store"));
    let bench = copied(&crm, &db, &store).await;
    overwritten_once(&crm, "overwritten");
    crm.answers(Answers::Held);
    db.set("people", &key(), "name", Value::text("ours"));
    wait("written", || name(&crm.system).as_deref() == Some("ours")).await;
    crm.system.set("people", &key(), "name", Value::text("on top"));
    // Acknowledged, though the row cannot be read while the write is in flight.
    ring(&bench).await;
    bench.abandon().await;
    crm.answers(Answers::Arrive);
    let bench = start(&crm, &db, &store);
    bench.until("in step", || name(&crm.system) == name(&db)).await;
    expect_kept(&bench, &["overwritten", "on top"]).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_acknowledged_before_its_row_is_read_and_a_kill_in_between_loses_nothing() {
    let (crm, db, store) = (Vendor::told(system()), system(), Store::in_memory().expect("a store"));
    let bench = copied(&crm, &db, &store).await;
    crm.hold_reads(true);
    crm.system.set("people", &key(), "name", Value::text("anna"));
    ring(&bench).await;
    assert_eq!(name(&db).as_deref(), Some("ann"));
    bench.abandon().await;
    // Nobody tells it again: the vendor was told that it is safe.
    crm.hold_reads(false);
    let bench = start(&crm, &db, &store);
    bench.until("arrived", || name(&db).as_deref() == Some("anna")).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_edit_is_read_before_the_echoes_of_what_a_first_copy_wrote() {
    const ROWS: i64 = 400;
    let (crm, db, store) = (Vendor::told(system()), system(), Store::in_memory().expect("a store"));
    for id in 1..=ROWS {
        let email = format!("p{id}@example.org");
        db.put("people", vec![Value::Int(id), Value::text(email), Value::text("ann")]);
    }
    let bench = start(&crm, &db, &store);
    bench.until("copied", || crm.system.rows("people").len() as i64 == ROWS).await;
    crm.read_takes(Duration::from_millis(8));
    let before = crm.fetched();
    let all: Vec<String> = (1..=ROWS).map(|id| id.to_string()).collect();
    // Some told as ours, some by nobody knows whom.
    let (ours, unknown) = all.split_at(200);
    ring_of(&bench, &format!("self:{}", ours.join(","))).await;
    ring_of(&bench, &unknown.join(",")).await;
    let last = [Value::Int(150)];
    crm.system.set("people", &last, "name", Value::text("anna"));
    ring_of(&bench, "person:150").await;
    let arrived = || db.row("people", &last).is_some_and(|row| row[2] == Value::text("anna"));
    wait("the edit", arrived).await;
    let read = crm.fetched() - before;
    assert!(read <= 250, "{read} rows were read before the one that a person changed");
    bench.until("all read", || crm.fetched() - before >= ROWS as u64).await;
    bench.stop().await;
}
