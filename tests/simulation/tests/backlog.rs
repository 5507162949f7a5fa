//! What one side did while nothing was delivered is known late: nothing that
//! the other side did meanwhile may be written over it.

use lockstep_core::value::Value;
use lockstep_simulation::{
    bench::Bench,
    people::system,
    system::{Fault, System},
};
use lockstep_state::Store;

const SIDES: &str = r#"
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

fn shared_keys() -> String {
    format!("{SIDES}id = {{ a = \"id\", b = \"id\" }}\n")
}

fn person(id: i64, email: &str, name: &str) -> Vec<Value> {
    vec![Value::Int(id), Value::text(email), Value::text(name)]
}

/// The stream of this system comes later than everything else.
fn slow_stream(system: &System) {
    for _ in 0..2 {
        system.fail_next("changes", Fault::Unavailable);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_added_at_both_sides_while_it_was_stopped_are_one_record_each() {
    let (a, b) = (system(), system());
    let store = Store::in_memory().unwrap();
    a.put("people", person(1, "first", "ann"));
    let bench = Bench::start(SIDES, &[("a", &a), ("b", &b)], store.clone());
    bench.until("copied", || b.rows("people").len() == 1).await;
    bench.stop().await;

    for n in 0..20 {
        a.put("people", person(100 + n, &format!("new {n}"), "by a"));
        b.put("people", person(200 + n, &format!("new {n}"), "by b"));
    }
    slow_stream(&b);
    let bench = Bench::start(SIDES, &[("a", &a), ("b", &b)], store);
    bench.until("linked", || b.rows("people").iter().filter(|row| row[2] == Value::text("by a")).count() == 20).await;
    assert_eq!((a.rows("people").len(), b.rows("people").len()), (21, 21));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_made_before_a_delete_that_an_update_wins_over_is_not_lost_with_the_row() {
    let (a, b) = (system(), system());
    let store = Store::in_memory().unwrap();
    a.put("people", person(1, "ann@old", "ann"));
    let bench = Bench::start(&shared_keys(), &[("a", &a), ("b", &b)], store.clone());
    bench.until("copied", || b.rows("people").len() == 1).await;
    bench.stop().await;

    a.set("people", &[Value::Int(1)], "email", Value::text("ann@new"));
    b.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    b.delete("people", &[Value::Int(1)]);
    slow_stream(&b);
    let bench = Bench::start(&shared_keys(), &[("a", &a), ("b", &b)], store);
    let merged = vec![person(1, "ann@new", "anna")];
    bench.until("both edits live", || a.rows("people") == merged && b.rows("people") == merged).await;
    bench.stop().await;
}
