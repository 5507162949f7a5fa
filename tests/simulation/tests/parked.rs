//! What a stream tells of rows while a write to them is in flight waits for its
//! outcome, and is taken in its order then.

use lockstep_core::value::Value;
use lockstep_simulation::{
    bench::Bench,
    people::{person, system},
    system::{Fault, System},
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
delete_storm = { count = 1, share = "100%" }

[syncs.people.fields]
email = { a = "email", b = "email" }
name = { a = "name", b = "name" }
"#;

fn emails_and_names(system: &System) -> Vec<(Value, Value)> {
    let mut rows: Vec<_> = system.rows("people").into_iter().map(|row| (row[1].clone(), row[2].clone())).collect();
    rows.sort_by_key(|(email, _)| email.show());
    rows
}

/// Long enough for what was done at a system to be told by its stream.
async fn told() {
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
}

/// The rows of `a`, copied to `b` under keys of its own.
async fn copied(a: &System, b: &System, rows: i64) -> Bench {
    for id in 1..=rows {
        a.put("people", person(id, "ann"));
    }
    let bench = Bench::start(CONFIG, &[("a", a), ("b", b)], Store::in_memory().expect("a state in memory"));
    bench.until("copied", || b.rows("people").len() as i64 == rows).await;
    bench
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_that_waited_for_a_write_counts_once_as_part_of_a_storm() {
    let (a, b) = (system(), system());
    let bench = copied(&a, &b, 6).await;
    b.hold_answers(true);
    a.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    told().await;
    let written = b.rows("people").into_iter().find(|row| row[2] == Value::text("anna")).unwrap();
    b.delete("people", &written[..1]);
    told().await;
    b.hold_answers(false);
    bench.until("deleted", || a.rows("people").len() == 5).await;
    assert_eq!(emails_and_names(&a), emails_and_names(&b));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_delete_of_a_row_whose_create_was_not_answered_yet_is_not_forgotten() {
    let (a, b) = (system(), system());
    let bench = copied(&a, &b, 2).await;
    b.hold_answers(true);
    a.put("people", person(3, "cid"));
    told().await;
    let made = b.rows("people").into_iter().find(|row| row[1] == Value::text("p3@example.org")).unwrap();
    b.delete("people", &made[..1]);
    told().await;
    b.hold_answers(false);
    bench.until("deleted", || a.rows("people").len() == 2).await;
    assert_eq!(emails_and_names(&a), emails_and_names(&b));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_under_a_new_key_does_not_overtake_the_change_of_the_key() {
    let (a, b) = (system(), system());
    let bench = copied(&a, &b, 2).await;
    b.hold_answers(true);
    a.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    told().await;
    let row = b.rows("people").into_iter().find(|row| row[1] == Value::text("p1@example.org")).unwrap();
    b.rekey("people", &row[..1], &[Value::Int(77)]);
    b.set("people", &[Value::Int(77)], "name", Value::text("beth"));
    told().await;
    b.hold_answers(false);
    bench
        .until("in step", || {
            let rows = emails_and_names(&a);
            rows.len() == 2 && rows[0].1 == Value::text("beth") && rows == emails_and_names(&b)
        })
        .await;
    let status = bench.operations.status().await.unwrap();
    assert_eq!(status.syncs[0].totals.conflicts, 0, "the second editor had seen the first edit");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_under_a_new_key_does_not_overtake_the_change_of_the_key() {
    let (a, b) = (system(), system());
    let bench = copied(&a, &b, 2).await;
    b.hold_answers(true);
    a.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    told().await;
    let row = b.rows("people").into_iter().find(|row| row[1] == Value::text("p1@example.org")).unwrap();
    b.rekey("people", &row[..1], &[Value::Int(77)]);
    b.delete("people", &[Value::Int(77)]);
    told().await;
    b.hold_answers(false);
    bench.until("deleted", || a.rows("people").len() == 1 && b.rows("people").len() == 1).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_made_anew_does_not_overtake_the_end_of_the_one_before_it() {
    let (a, b) = (system(), system());
    let bench = copied(&a, &b, 2).await;
    b.hold_answers(true);
    a.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    told().await;
    let row = b.rows("people").into_iter().find(|row| row[1] == Value::text("p1@example.org")).unwrap();
    b.delete("people", &row[..1]);
    b.put("people", vec![Value::Int(77), row[1].clone(), Value::text("beth")]);
    told().await;
    b.hold_answers(false);
    bench.until("in step", || emails_and_names(&a) == emails_and_names(&b) && a.rows("people").len() == 2).await;
    assert_eq!(emails_and_names(&a).len(), 2, "the row made anew is the same record's");
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_a_create_made_is_not_another_record_while_its_answer_is_awaited() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    // Nothing but the answer tells whose row it is.
    let unmatched = CONFIG.replace("match = [\"email\"]", "match = []");
    let bench = Bench::start(&unmatched, &[("a", &a), ("b", &b)], Store::in_memory().expect("a state in memory"));
    bench.until("copied", || b.rows("people").len() == 1).await;
    b.hold_answers(true);
    a.put("people", person(2, "bea"));
    told().await;
    assert_eq!((a.rows("people").len(), b.rows("people").len()), (2, 2));
    b.hold_answers(false);
    told().await;
    bench.until("in step", || emails_and_names(&a) == emails_and_names(&b)).await;
    assert_eq!(a.rows("people").len(), 2);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_waited_for_creates_of_an_earlier_process_are_taken_once_these_are_done() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    // Nothing but the answer tells whose row it is.
    let unmatched = CONFIG.replace("match = [\"email\"]", "match = []");
    let store = Store::in_memory().expect("a state in memory");
    let bench = Bench::start(&unmatched, &[("a", &a), ("b", &b)], store.clone());
    bench.until("copied", || b.rows("people").len() == 1).await;
    for _ in 0..1_000 {
        b.fail_next("write", Fault::Unavailable);
    }
    a.put("people", person(2, "bea"));
    told().await;
    bench.stop().await;
    assert_eq!(b.rows("people").len(), 1, "the create was never carried out");

    b.heal();
    let bench = Bench::start(&unmatched, &[("a", &a), ("b", &b)], store);
    b.put("people", person(3, "cyd"));
    bench.until("in step", || a.rows("people").len() == 3 && b.rows("people").len() == 3).await;
    assert_eq!(emails_and_names(&a), emails_and_names(&b));
    bench.stop().await;
}
