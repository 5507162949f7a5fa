//! Systems without an ordered log: polled with rows that show late and old, told
//! of by thin webhooks, written to with a check and no condition. Nothing is lost.

use std::{sync::Arc, time::Duration};

use lockstep_core::{schema::Kind, value::Value, webhook::Webhook};
use lockstep_engine::{Connector, Refusal};
use lockstep_simulation::{bench::Bench, session::MemoryConnector, system::System, vendor::Vendor};
use lockstep_state::Store;

const CONFIG: &str = r#"
[connections.crm]
connector = "vendor"
[connections.db]
connector = "memory"

[syncs.people]
sides = { crm = "people", db = "people" }
match = ["email"]
conflict = { latest = true, else = { prefer = "crm" } }
deletes = "update-wins"
bounces_max = 100

[syncs.people.fields]
id = { crm = "id", db = "id" }
email = { crm = "email", db = "email" }
name = { crm = "name", db = "name" }
city = { crm = "city", db = "city" }
"#;

fn system() -> System {
    let system = System::new();
    let columns = [("id", Kind::Int), ("email", Kind::Text), ("name", Kind::Text), ("city", Kind::Text)];
    system.table("people", &columns, &["id"]);
    system
}

fn person(id: i64, name: &str) -> Vec<Value> {
    vec![Value::Int(id), Value::text(format!("p{id}@example.org")), Value::text(name), Value::text("here")]
}

fn key(id: i64) -> Vec<Value> {
    vec![Value::Int(id)]
}

fn start(crm: &Vendor, db: &System) -> Bench {
    let connectors: Vec<(&str, Arc<dyn Connector>)> =
        vec![("crm", Arc::new(crm.clone())), ("db", Arc::new(MemoryConnector(db.clone())))];
    Bench::over(CONFIG, connectors, Store::in_memory().expect("a store"))
}

fn webhook(keys: &[i64]) -> Webhook {
    let keys: Vec<String> = keys.iter().map(i64::to_string).collect();
    Webhook {
        method: "POST".into(),
        path: "/webhooks/crm".into(),
        url: "https://example.org/webhooks/crm".into(),
        headers: Vec::new(),
        body: keys.join(",").into_bytes(),
        received_at: lockstep_core::value::Timestamp(0),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_that_shows_rows_late_and_old_undoes_nothing_and_misses_nothing() {
    let crm = Vendor::polled(system());
    let db = system();
    for id in 0..20 {
        crm.system.put("people", person(id, "ann"));
    }
    let bench = start(&crm, &db);
    bench.until("copied", || db.rows("people").len() == 20).await;
    // Edits on both sides, different fields and rows, faster than the index follows.
    for round in 0..15 {
        for id in 0..20 {
            if (id + round) % 3 == 0 {
                crm.system.set("people", &key(id), "name", Value::text(format!("crm {round} of {id}")));
            } else {
                db.set("people", &key(id), "city", Value::text(format!("db {round} of {id}")));
            }
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    crm.system.put("people", person(100, "late"));
    crm.system.delete("people", &key(7));
    let name = |id: i64| (0..15).rev().find(|round| (id + round) % 3 == 0).map(|round| format!("crm {round} of {id}"));
    let city = |id: i64| (0..15).rev().find(|round| (id + round) % 3 != 0).map(|round| format!("db {round} of {id}"));
    bench
        .until("in step", || crm.system.rows("people") == db.rows("people") && db.row("people", &key(100)).is_some())
        .await;
    for id in (0..20).filter(|id| *id != 7) {
        let row = db.row("people", &key(id)).expect("a row");
        assert_eq!(row[2], Value::text(name(id).expect("a name")), "the last edit of the name of {id}");
        assert_eq!(row[3], Value::text(city(id).expect("a city")), "the last edit of the city of {id}");
    }
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thin_webhooks_in_disorder_and_many_times_are_fetched_and_acknowledged_when_safe() {
    let crm = Vendor::told(system());
    let db = system();
    for id in 0..10 {
        crm.system.put("people", person(id, "ann"));
    }
    let bench = start(&crm, &db);
    bench.until("copied", || db.rows("people").len() == 10).await;
    let (_, told) = crm.events_after(0);
    for round in 0..20 {
        for id in 0..10 {
            crm.system.set("people", &key(id), "name", Value::text(format!("crm {round} of {id}")));
            db.set("people", &key(id), "city", Value::text(format!("db {round} of {id}")));
        }
    }
    crm.system.put("people", person(50, "new"));
    let (mut events, _) = crm.events_after(told);
    // Newest first, everything twice, in requests of its own.
    events.reverse();
    let before = crm.fetched();
    let mut sent = Vec::new();
    for keys in events.chunks(40).chain(events.chunks(25)) {
        let (engine, webhook) = (bench.engine.clone(), webhook(keys));
        sent.push(tokio::spawn(async move { engine.ingest("crm", &webhook, Duration::from_secs(20)).await }));
    }
    for sent in sent {
        let answer = sent.await.expect("no panic").expect("taken");
        assert_eq!((answer.status, answer.batches.len()), (204, 0));
    }
    bench
        .until("in step", || {
            crm.system.rows("people") == db.rows("people")
                && db.row("people", &key(3)).is_some_and(|row| row[2] == Value::text("crm 19 of 3"))
                && db.row("people", &key(50)).is_some()
        })
        .await;
    let fetched = crm.fetched() - before;
    assert!(fetched < events.len() as u64, "{} events about 11 rows made {fetched} reads", 2 * events.len());
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_of_a_paused_sync_is_not_acknowledged_and_nothing_of_it_is_lost() {
    let crm = Vendor::told(system());
    let db = system();
    crm.system.put("people", person(1, "ann"));
    let bench = start(&crm, &db);
    bench.until("copied", || db.rows("people").len() == 1).await;
    bench.operations.pause("people", None, "test").await.expect("paused");
    crm.system.set("people", &key(1), "name", Value::text("anna"));
    let refused = bench.engine.ingest("crm", &webhook(&[1]), Duration::from_millis(800)).await;
    assert!(matches!(refused, Err(Refusal::NotSafe(_))), "{refused:?}");
    let nobody = bench.engine.ingest("db", &webhook(&[1]), Duration::from_millis(800)).await;
    assert!(matches!(nobody, Err(Refusal::Nobody(_))), "{nobody:?}");
    bench.operations.resume("people", None, "test").await.expect("resumed");
    let mut tries = 0;
    while bench.engine.ingest("crm", &webhook(&[1]), Duration::from_secs(4)).await.is_err() {
        tries += 1;
        assert!(tries < 50, "never taken");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bench.until("arrived", || db.row("people", &key(1)).is_some_and(|row| row[2] == Value::text("anna"))).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_overwritten_between_check_and_write_is_merged_back_and_journaled() {
    let crm = Vendor::polled(system());
    let db = system();
    crm.system.put("people", person(1, "ann"));
    let bench = start(&crm, &db);
    bench.until("copied", || db.rows("people").len() == 1).await;
    let mut done = false;
    crm.between_check_and_write(move |system| {
        if !std::mem::replace(&mut done, true) {
            system.set("people", &key(1), "name", Value::text("by a person"));
        }
    });
    db.set("people", &key(1), "name", Value::text("by us"));
    let filter = lockstep_engine::operations::Filter::default();
    let mut overwrote = Vec::new();
    for _ in 0..1_000 {
        overwrote = bench.operations.journal("people", &filter).await.expect("a journal");
        overwrote.retain(|entry| entry.kind == "overwrote");
        if !overwrote.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(overwrote.len(), 1, "the audit's finding is journaled");
    bench.until("in step", || crm.system.rows("people") == db.rows("people")).await;
    assert!(overwrote[0].text.contains("a person"), "{:?}", overwrote[0]);
    let conflicts = bench.operations.conflicts(Some("people"), &filter, true).await.expect("conflicts");
    let kept = format!("{conflicts:?}");
    assert!(kept.contains("by a person") && kept.contains("by us"), "both values are kept: {kept}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_a_stream_is_refused_is_said_all_the_time_while_a_copy_goes_on_beside_it() {
    let crm = Vendor::polled(system());
    let db = system();
    for id in 0..12_000 {
        crm.system.put("people", person(id, "ann"));
    }
    crm.page_takes(Duration::from_millis(150));
    crm.refuse_streams(true);
    let bench = start(&crm, &db);
    let trouble = async || {
        let status = bench.operations.status().await.expect("a status");
        let crm = status.connections.into_iter().find(|one| one.name == "crm").expect("a connection");
        crm.trouble
    };
    let told = async |what: &str| {
        let until = tokio::time::Instant::now() + Duration::from_secs(20);
        while trouble().await != what {
            assert!(tokio::time::Instant::now() < until, "nobody says {what:?} of the stream");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    told("the day's deliveries are used up").await;
    // Pages come meanwhile.
    for _ in 0..40 {
        let told = trouble().await;
        assert_eq!(told, "the day's deliveries are used up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    crm.refuse_streams(false);
    // Not until all is quiet: each poll shows what the look-back holds, here all 12,000 rows.
    bench.until_status("copied", |sync| sync.phase == "live" && sync.totals.written == 12_000).await;
    assert_eq!(db.rows("people").len(), 12_000);
    told("").await;
    bench.stop().await;
}
