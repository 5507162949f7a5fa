//! What people can do with a sync that runs, and with one that does not.

use lockstep_core::value::Value;
use lockstep_engine::operations::{Decision, Filter, RecordName};
use lockstep_simulation::{
    bench::Bench,
    people::{person, system},
    system::System,
};
use lockstep_state::{QueryLimits, Store};

const CONFIG: &str = r#"
[connections.a]
connector = "memory"
[connections.b]
connector = "memory"

[syncs.people]
sides = { a = "people", b = "people" }
match = ["email"]
conflict = "hold"

[syncs.people.fields]
id = { a = "id", b = "id" }
email = { a = "email", b = "email" }
name = { a = "name", b = "name" }
"#;

fn name_of(system: &System, id: i64) -> Option<Value> {
    Some(system.row("people", &[Value::Int(id)])?[2].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_counts_what_would_be_done_and_writes_nothing() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    a.put("people", person(2, "bob"));
    b.put("people", person(2, "bob"));
    b.put("people", person(3, "cid"));
    let bench = Bench::idle(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    let plan = bench.plan(None).await.unwrap();
    let sync = &plan.syncs[0];
    assert_eq!((sync.matched, sync.first_copy), (1, true));
    let creates: Vec<u64> = sync.sides.iter().map(|side| side.creates).collect();
    assert_eq!(creates, [1, 1]);
    assert_eq!((a.writes(), b.writes()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_file_calls_sensitive_is_masked_for_sql() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    let config = CONFIG.replace("b = \"name\" }", "b = \"name\", sensitive = true }");
    let store = Store::in_memory().unwrap();
    let bench = Bench::start(&config, &[("a", &a), ("b", &b)], store.clone());
    bench.until("the row is at both", || name_of(&b, 1).is_some()).await;
    let answer = store.query_read_only("SELECT * FROM fields", &QueryLimits::default()).unwrap();
    let shown = format!("{:?}", answer.rows);
    assert!(shown.contains("p1@example.org") && !shown.contains("ann"), "{shown}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_conflict_keeps_both_values_until_a_person_decides() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    b.put("people", person(1, "anna"));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("read", || true).await;
    let held = bench.operations.conflicts(None, &Filter::default(), false).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].contenders.len(), 2);
    assert_eq!(name_of(&a, 1), Some(Value::text("ann")));

    let decision = Decision::Side("b".to_owned());
    let done = bench.operations.resolve("people", &Filter::default(), &decision, "mo", false).await.unwrap();
    assert_eq!((done.done, done.skipped.len()), (1, 0));
    bench.until("decided", || name_of(&a, 1) == Some(Value::text("anna"))).await;
    let told = bench.operations.explain("people", &RecordName::parse("a:1").unwrap(), Some("name")).await.unwrap();
    assert_eq!(told.fields[0].value.as_deref(), Some("anna"));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_unseen_is_found_by_an_audit_and_repaired() {
    let (a, b) = (system(), system());
    for id in 0..20 {
        a.put("people", person(id, "ann"));
    }
    let store = Store::in_memory().unwrap();
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], store.clone());
    bench.until("copied", || b.rows("people").len() == 20).await;
    bench.stop().await;
    a.set("people", &[Value::Int(3)], "name", Value::text("eve"));
    b.delete("people", &[Value::Int(4)]);
    a.forget_log();
    b.forget_log();

    let idle = Bench::idle(CONFIG, &[("a", &a), ("b", &b)], store.clone());
    let audit = idle.audit("people", false).await.unwrap();
    assert_eq!((audit.sides[0].changed, audit.sides[1].missing), (1, 1));

    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], store);
    bench
        .until("the lost streams were made good by a full compare", || {
            name_of(&b, 3) == Some(Value::text("eve")) && a.rows("people").len() == 19
        })
        .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_storm_waits_for_consent() {
    let (a, b) = (system(), system());
    for id in 0..300 {
        a.put("people", person(id, "ann"));
    }
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("copied", || b.rows("people").len() == 300).await;
    for id in 0..200 {
        a.delete("people", &[Value::Int(id)]);
    }
    bench.until_status("asked", |sync| sync.phase == "paused").await;
    assert!(b.rows("people").len() > 150);
    bench.operations.resume("people", None, "mo").await.unwrap();
    bench.until("let through", || b.rows("people").len() == 100).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_sync_writes_nothing_and_catches_up_when_it_is_resumed() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("copied", || b.rows("people").len() == 1).await;
    bench.operations.pause("people", None, "mo").await.unwrap();
    a.put("people", person(2, "bob"));
    bench.until_status("paused", |sync| sync.phase == "paused").await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(b.rows("people").len(), 1);
    bench.operations.resume("people", None, "mo").await.unwrap();
    bench.until("caught up", || b.rows("people").len() == 2).await;
    bench.stop().await;
}
