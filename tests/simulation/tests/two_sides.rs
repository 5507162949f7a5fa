//! Two systems kept in step by a whole engine.

use lockstep_core::value::Value;
use lockstep_simulation::{
    bench::Bench,
    people::{person, system},
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

[syncs.people.fields]
id = { a = "id", b = "id" }
email = { a = "email", b = "email" }
name = { a = "name", b = "name" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_sides_hold_at_first_is_matched_and_what_one_lacks_is_created() {
    let (a, b) = (system(), system());
    for id in 0..50 {
        a.put("people", person(id, "ann"));
    }
    for id in 40..90 {
        b.put("people", person(id, "ann"));
    }
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("both hold everyone", || a.rows("people").len() == 90).await;
    assert_eq!(a.rows("people"), b.rows("people"));
    assert_eq!((a.writes(), b.writes()), (40, 40));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_creates_and_deletes_travel_both_ways_and_are_written_once() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    a.put("people", person(2, "bob"));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("copied", || b.rows("people").len() == 2).await;

    a.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    b.set("people", &[Value::Int(2)], "name", Value::text("bert"));
    b.put("people", person(3, "cid"));
    bench.until("in step", || a.rows("people").len() == 3 && a.rows("people") == b.rows("people")).await;
    assert_eq!(a.row("people", &[Value::Int(2)]), Some(person(2, "bert")));
    assert_eq!(b.row("people", &[Value::Int(1)]), Some(person(1, "anna")));

    assert!(b.delete("people", &[Value::Int(1)]));
    bench.until("deleted", || a.rows("people").len() == 2).await;
    assert_eq!((a.writes(), b.writes()), (3, 3));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_while_it_is_stopped_is_taken_up_when_it_starts_again() {
    let (a, b) = (system(), system());
    let store = Store::in_memory().unwrap();
    a.put("people", person(1, "ann"));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], store.clone());
    bench.until("copied", || b.rows("people").len() == 1).await;
    bench.stop().await;

    a.put("people", person(2, "bob"));
    b.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], store);
    bench.until("in step", || b.rows("people").len() == 2 && a.rows("people") == b.rows("people")).await;
    assert_eq!(a.row("people", &[Value::Int(1)]), Some(person(1, "anna")));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_people_with_one_address_the_second_is_not_taken_for_the_first() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    let keys_of_their_own = CONFIG.replace("id = { a = \"id\", b = \"id\" }\n", "");
    let bench = Bench::start(&keys_of_their_own, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("copied", || b.rows("people").len() == 1).await;
    let address = a.rows("people")[0][1].clone();
    a.put("people", vec![Value::Int(2), address.clone(), Value::text("bob")]);
    bench.until("copied, too", || b.rows("people").len() == 2).await;
    let names: Vec<Value> = b.rows("people").into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(names, [Value::text("ann"), Value::text("bob")]);
    bench.stop().await;
}
