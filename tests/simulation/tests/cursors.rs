//! Streams whose cursors are wrong: what is told again does no harm, and once the
//! stream is right again both sides are in step.

use lockstep_core::value::Value;
use lockstep_simulation::{
    bench::Bench,
    people::{person, system},
    system::Told,
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

const PEOPLE: i64 = 20;

/// Edits while a stream tells such cursors, and what is there in the end.
async fn survives(told: Told) {
    let (a, b) = (system(), system());
    for id in 0..PEOPLE {
        a.put("people", person(id, "ann"));
    }
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().expect("a state"));
    bench.until("copied", || b.rows("people").len() == PEOPLE as usize).await;
    a.tell_cursors(told);
    for name in ["bea", "cat", "dan"] {
        for id in 0..PEOPLE {
            a.set("people", &[Value::Int(id)], "name", Value::text(name));
        }
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    a.delete("people", &[Value::Int(0)]);
    a.tell_cursors(Told::Right);
    b.set("people", &[Value::Int(1)], "email", Value::text("new@example.com"));
    let settled = || {
        let rows = a.rows("people");
        let named = rows.iter().all(|row| row.contains(&Value::text("dan")));
        let edited = rows.iter().any(|row| row.contains(&Value::text("new@example.com")));
        rows.len() == PEOPLE as usize - 1 && named && edited && rows == b.rows("people")
    };
    bench.until(&format!("in step after {told:?}"), settled).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_repeats_does_no_harm() {
    survives(Told::Same).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_goes_backwards_does_no_harm() {
    survives(Told::Back(30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_of_another_stream_begins_anew_and_loses_nothing() {
    survives(Told::Foreign).await;
}
