//! Starting again from an older state.

use lockstep_core::value::Value;
use lockstep_engine::operations::Filter;
use lockstep_simulation::{
    bench::Bench,
    people::{person, system},
};
use lockstep_state::{Options, Store};

const CONFIG: &str = r#"
[connections.a]
connector = "memory"
[connections.b]
connector = "memory"

[syncs.people]
sides = { a = "people", b = "people" }
match = ["email"]
conflict = { prefer = "b" }
deletes = "update-wins"

[syncs.people.fields]
id = { a = "id", b = "id" }
email = { a = "email", b = "email" }
name = { a = "name", b = "name" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_of_a_row_deleted_before_the_stream_began_anew_is_on_record() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    let store = Store::in_memory().unwrap();
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], store.clone());
    bench.until("copied", || b.rows("people").len() == 1).await;
    let yesterday = store.fork().unwrap();
    b.set("people", &[Value::Int(1)], "name", Value::text("bea"));
    bench.until("arrived", || a.row("people", &[Value::Int(1)]) == Some(person(1, "bea"))).await;
    bench.stop().await;
    // What was taken over is forgotten at the sources; what follows is not.
    a.forget_log();
    b.forget_log();
    a.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    a.delete("people", &[Value::Int(1)]);

    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], yesterday);
    bench.until("compared", || a.rows("people") == b.rows("people")).await;
    let all = bench.operations.conflicts(None, &Filter::default(), true).await.unwrap();
    let on_record = |name: &str| {
        let kept = all.iter().flat_map(|one| &one.contenders).filter_map(|one| one.value.as_deref());
        kept.chain(all.iter().filter_map(|one| one.result.as_deref())).any(|value| value.contains(name))
    };
    assert!(on_record("anna"), "{all:#?}");
    assert_eq!(a.rows("people"), [person(1, "bea")]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_on_a_file_that_starts_again_writes_once_the_disk_has_what_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(&folder.path().join("state"), &Options::default()).unwrap();
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], open());
    bench.until("copied", || b.rows("people").len() == 1).await;
    bench.stop().await;
    b.set("people", &[Value::Int(1)], "name", Value::text("bea"));

    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], open());
    bench.until("arrived", || a.row("people", &[Value::Int(1)]) == Some(person(1, "bea"))).await;
    bench.stop().await;
}
