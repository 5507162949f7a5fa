//! Sessions that fail, lose answers or vanish: nothing is lost, nothing is made twice.

use lockstep_core::value::Value;
use lockstep_simulation::{
    bench::Bench,
    people::{person, system},
    system::Fault,
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
async fn a_create_whose_answer_was_lost_is_found_again_and_not_repeated() {
    let (a, b) = (system(), system());
    b.fail_next("write", Fault::AnswerLost);
    for id in 0..30 {
        a.put("people", person(id, "ann"));
    }
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("created once", || b.rows("people").len() == 30).await;
    assert_eq!((a.writes(), b.writes()), (0, 30));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_whose_answer_was_lost_is_not_taken_for_somebody_elses_edit() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("copied", || b.rows("people").len() == 1).await;
    b.fail_next("write", Fault::AnswerLost);
    a.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    bench.until("arrived", || b.row("people", &[Value::Int(1)]) == Some(person(1, "anna"))).await;
    let status = bench.operations.status().await.unwrap();
    assert_eq!(status.syncs[0].totals.conflicts, 0);
    assert_eq!((a.writes(), b.writes()), (0, 2));
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_is_away_for_a_while_is_written_to_when_it_is_back() {
    let (a, b) = (system(), system());
    a.put("people", person(1, "ann"));
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("copied", || b.rows("people").len() == 1).await;
    for fault in [Fault::Unavailable, Fault::Crash, Fault::Unavailable] {
        b.fail_next("write", fault);
        b.fail_next("changes", fault);
        a.fail_next("changes", fault);
    }
    a.set("people", &[Value::Int(1)], "name", Value::text("anna"));
    b.put("people", person(2, "bob"));
    bench.until("in step", || a.rows("people").len() == 2 && a.rows("people") == b.rows("people")).await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_copy_that_is_broken_off_goes_on_where_it_stopped() {
    let (a, b) = (system(), system());
    for id in 0..5_000 {
        a.put("people", person(id, "ann"));
    }
    a.fail_next("read", Fault::Crash);
    a.fail_next("read", Fault::AnswerLost);
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("copied", || b.rows("people").len() == 5_000).await;
    assert_eq!(b.writes(), 5_000);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_does_not_reach_back_is_made_good_while_running() {
    let (a, b) = (system(), system());
    for id in 0..20 {
        a.put("people", person(id, "ann"));
    }
    let bench = Bench::start(CONFIG, &[("a", &a), ("b", &b)], Store::in_memory().unwrap());
    bench.until("copied", || b.rows("people").len() == 20).await;
    bench.operations.pause("people", None, "mo").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    a.set("people", &[Value::Int(3)], "name", Value::text("eve"));
    a.delete("people", &[Value::Int(4)]);
    a.forget_log();
    bench.operations.resume("people", None, "mo").await.unwrap();
    bench
        .until("compared", || {
            b.rows("people").len() == 19 && b.row("people", &[Value::Int(3)]) == Some(person(3, "eve"))
        })
        .await;
    bench.stop().await;
}
