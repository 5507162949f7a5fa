//! What a stream forgot before it was told of: found by looking, as far as that goes.

use lockstep_core::value::Value;
use lockstep_engine::operations::Filter;
use lockstep_simulation::{
    bench::Bench,
    people::{person, system},
    system::System,
};
use lockstep_state::Store;

const CONFIG: &str = r#"
[connections.a]
connector = "memory"
[connections.b]
connector = "memory"

[syncs.people]
sides = { a = "people", b = "people" }
match = ["email"]
conflict = { prefer = "a" }
deletes = "update-wins"

[syncs.people.fields]
email = { a = "email", b = "email" }
name = { a = "name", b = "name" }
"#;

fn names(system: &System) -> Vec<Value> {
    system.rows("people").into_iter().map(|row| row[2].clone()).collect()
}

/// Two people at both sides; then, while nothing runs, what is done, and `a` forgets it.
async fn after(done: impl FnOnce(&System, &System)) -> (System, System, Bench) {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    a.put("people", person(2, "bob"));
    let store = Store::in_memory().expect("a state in memory");
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], store.clone());
    bench.until("copied", || b.rows("people").len() == 2).await;
    bench.stop().await;
    done(&a, &b);
    a.forget_log();
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], store);
    (a, b, bench)
}

fn delete(system: &System, name: &str) {
    let row = system.rows("people").into_iter().find(|row| row[2] == Value::text(name)).expect("such a row");
    system.delete("people", &row[..1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_whose_new_key_was_forgotten_is_deleted_with_its_record() {
    let (a, b, bench) = after(|a, b| {
        a.rekey("people", &[Value::Int(1)], &[Value::Int(77)]);
        delete(b, "ann");
    })
    .await;
    bench.until("deleted", || names(&a) == [Value::text("bob")]).await;
    bench.until("at rest", || names(&b) == [Value::text("bob")]).await;
    let all = Filter { limit: 100, ..Filter::default() };
    let entries = bench.operations.journal("people", &all).await.unwrap();
    assert!(entries.iter().any(|entry| entry.kind == "rekeyed"), "{entries:#?}");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_of_a_row_whose_new_key_was_forgotten_meets_the_delete_elsewhere() {
    let (a, b, bench) = after(|a, b| {
        a.rekey("people", &[Value::Int(1)], &[Value::Int(77)]);
        a.set("people", &[Value::Int(77)], "name", Value::text("anna"));
        delete(b, "ann");
    })
    .await;
    bench.until("kept", || names(&b).contains(&Value::text("anna"))).await;
    assert_eq!(a.row("people", &[Value::Int(77)]).map(|row| row[2].clone()), Some(Value::text("anna")));
    let told = bench.operations.conflicts(None, &Filter::default(), true).await.unwrap();
    assert!(told.iter().any(|one| one.field.is_none()), "{told:#?}");
    bench.stop().await;
}
