//! What stands after rows go, writes are refused and answers come late: each rule here
//! was once broken on purpose, and nothing else noticed.

#![allow(clippy::unwrap_used)]

mod world;

use lockstep_core::{
    change::Row,
    journal::What,
    plan::{Absorbed, Choice, Phase, Reverted, Unread, affirm, needs},
    record::{FieldId, Life, Link, RecordId},
    spec::{DeletePolicy, Policy},
    value::Value,
    write::{Action, Outcome, Overwritten, Rejection},
};
use world::{
    bench::{A, B, Bench, FIRST},
    key, row, spec, text, upsert,
};

fn two() -> Bench {
    Bench::linked(spec(2, &["mail", "note"]))
}

fn rejected() -> Outcome {
    Outcome::Rejected(Rejection {
        code: "refused".into(),
        class: "check".into(),
        message: "it is not wanted here".into(),
        columns: Vec::new(),
    })
}

fn overwrote(id: i64, order: u64, values: &[&str], foreign: &str) -> Outcome {
    let foreign = Overwritten { column: "note".into(), value: Value::text(foreign), by: String::new(), at: None };
    Outcome::Overwrote(row(id, order, values), vec![foreign])
}

fn is_conflict(what: &What) -> bool {
    matches!(what, What::Conflict { .. })
}

#[test]
fn a_write_of_which_nobody_heard_is_asked_about_where_nothing_is_wanted_any_more() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a1"]);
    let lost = bench.sent(FIRST, B);
    bench.tell(A, 1, 3, &["v0", "v0"]);
    assert_eq!(bench.wants(FIRST, B), None);
    let fields: Vec<FieldId> = lost.fields.iter().map(|(field, ..)| *field).collect();
    let asked = affirm(&bench.spec, bench.record(FIRST), B, &fields, None).unwrap();
    assert_eq!((&asked.intent.cells[2], &asked.intent.expected[2]), (&text("v0"), &text("v0")));
    assert_eq!((&asked.intent.cells[1], asked.intent.key.as_ref()), (&None, Some(&key(11))));
    // Ours had taken effect over an edit, and the question restored what is agreed.
    bench.plan(|planner, set| planner.settle(set, B, &asked, &overwrote(11, 3, &["v0", "v0"], "b1")));
    assert_eq!(bench.count(is_conflict) + bench.count(|what| matches!(what, What::Overwrote { .. })), 1);

    bench.tell(A, 1, 4, &["m", "v0"]);
    let both = affirm(&bench.spec, bench.record(FIRST), B, &fields, Some(bench.sent(FIRST, B)));
    assert_eq!(both.unwrap().fields.len(), 2, "what is wanted is sent with it");
    bench.delete(A, 1, 5);
    let delete = bench.sent(FIRST, B);
    let sent = affirm(&bench.spec, bench.record(FIRST), B, &fields, Some(delete.clone()));
    assert_eq!(sent, Some(delete), "it expects every value already");
}

#[test]
fn an_edit_that_loses_where_a_write_was_refused_has_the_write_tried_again() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.settle(FIRST, B, &rejected());
    assert_eq!(bench.wants(FIRST, B), None);
    bench.tell(B, 11, 2, &["v0", "b"]);
    assert_eq!((bench.value(FIRST, 1), bench.wants(FIRST, B)), (Value::text("a"), Some(Action::Update)));
}

#[test]
fn a_delete_older_than_what_is_known_of_the_row_deletes_nothing() {
    let mut bench = two();
    bench.tell(A, 1, 5, &["v0", "a"]);
    assert_eq!(bench.delete(A, 1, 3), Absorbed::Stale);
    assert!(matches!(bench.record(FIRST).life, Life::Live));
    assert!(bench.link(FIRST, A).is_live());
}

#[test]
fn a_page_read_before_a_delete_does_not_bring_its_row_back_in_a_first_copy() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.phase = Phase::FirstCopy(Unread::ALL);
    bench.delete(A, 1, 5);
    bench.plan(|planner, set| planner.absorb_row(set, A, &row(1, 3, &["m", "n"])));
    let lives = bench.set.by_key(A, &key(1)).is_some_and(|id| bench.link(id, A).is_live());
    assert!(!lives, "the row was deleted after the page showed it");
}

#[test]
fn a_held_delete_is_a_delete_once_the_last_row_is_gone() {
    let mut bench = two();
    bench.spec.deletes = DeletePolicy::Hold;
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.delete(B, 11, 2);
    assert!(matches!(bench.record(FIRST).life, Life::HeldDelete { .. }));
    bench.delete(A, 1, 3);
    assert!(matches!(bench.record(FIRST).life, Life::Deleted { by: Some(B), .. }));
}

#[test]
fn a_revert_that_its_only_side_had_not_seen_meets_the_delete_by_the_rule() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.tell(A, 1, 1, &["m", "n"]);
    bench.tell(A, 1, 2, &["m", "edited"]);
    assert_eq!(bench.revert(|what| matches!(what, What::Absorbed { .. })), Reverted::Done);
    bench.delete(A, 1, 3);
    assert!(matches!(bench.record(FIRST).life, Life::Live), "an update wins");
    assert_eq!(bench.value(FIRST, 1), Value::text("n"));
}

#[test]
fn an_edit_that_a_delete_of_ours_displaced_meets_the_delete_by_the_rule() {
    let mut bench = two();
    bench.delete(A, 1, 2);
    assert_eq!(bench.wants(FIRST, B), Some(Action::Delete));
    bench.settle(FIRST, B, &overwrote(11, 3, &["v0", "b"], "b"));
    assert!(matches!(bench.record(FIRST).life, Life::Live), "an update wins");
    assert_eq!((bench.value(FIRST, 1), bench.wants(FIRST, A)), (Value::text("b"), Some(Action::Create)));
}

#[test]
fn a_change_made_before_our_delete_and_told_after_it_revives_nothing() {
    let mut bench = two();
    bench.delete(A, 1, 2);
    bench.applied(FIRST, B, 11, 9, &["v0", "v0"]);
    assert_eq!(bench.tell(B, 11, 5, &["v0", "b"]).0, Absorbed::Stale);
    assert!(matches!(bench.record(FIRST).life, Life::Deleted { .. }));
}

#[test]
fn the_answer_to_a_delete_that_is_older_than_what_is_known_of_the_row_makes_nothing_news_again() {
    let mut bench = two();
    bench.delete(A, 1, 2);
    let sent = bench.sent(FIRST, B);
    bench.tell(B, 11, 12, &["v0", "b"]);
    let outcome = Outcome::Applied(row(11, 9, &["v0", "v0"]));
    bench.plan(|planner, set| planner.settle(set, B, &sent, &outcome));
    assert_eq!(bench.tell(B, 11, 10, &["v0", "older"]).0, Absorbed::Stale);
}

#[test]
fn an_update_whose_row_is_gone_meets_the_delete_by_the_rule() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.settle(FIRST, B, &Outcome::Gone);
    assert!(!bench.link(FIRST, B).is_live());
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, Some(Action::Create)));
}

#[test]
fn a_create_does_not_take_the_row_of_a_record_that_has_rows_elsewhere() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.spec.match_on.clear();
    let second = RecordId(2);
    bench.tell(A, 1, 1, &["m", "n"]);
    bench.tell(B, 11, 1, &["m", "n"]);
    bench.applied(second, A, 2, 2, &["m", "n"]);
    bench.applied(FIRST, B, 11, 1, &["m", "n"]);
    assert!(matches!(bench.record(second).life, Life::Live));
    assert_eq!(bench.set.by_key(B, &key(11)), Some(second));
    assert!(bench.record(second).links.iter().all(Link::is_live));
}

#[test]
fn a_value_that_our_write_displaced_is_judged_as_seen_before_it_though_the_write_was_told_first() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a"]);
    let sent = bench.sent(FIRST, B);
    bench.tell(B, 11, 3, &["v0", "a"]);
    let outcome = overwrote(11, 3, &["v0", "a"], "b");
    bench.plan(|planner, set| planner.settle(set, B, &sent, &outcome));
    assert_eq!((bench.count(is_conflict), bench.value(FIRST, 1)), (1, Value::text("a")));
}

#[test]
fn a_record_whose_key_the_row_of_another_took_has_no_live_row_there() {
    let mut bench = two();
    let second = RecordId(2);
    bench.tell(A, 2, 1, &["m", "n"]);
    bench.applied(second, B, 12, 1, &["m", "n"]);
    let moved = upsert(&bench.spec, B, &Row { key: key(12), ..row(11, 2, &["m", "n"]) });
    bench.plan(|planner, set| planner.absorb(set, B, &moved, 0));
    assert_eq!(bench.set.by_key(B, &key(11)), Some(second));
    assert!(!bench.link(FIRST, B).is_live());
    assert_eq!(bench.count(|what| matches!(what, What::Clash { .. })), 1);
}

#[test]
fn the_key_a_record_had_before_its_row_was_made_anew_stays_gone() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.delete(B, 11, 5);
    bench.settle(FIRST, B, &Outcome::Duplicate(row(12, 6, &["v0", "a"])));
    assert_eq!(bench.set.by_key(B, &key(12)), Some(FIRST));
    assert_eq!(bench.tell(B, 11, 3, &["other", "row"]).0, Absorbed::Stale);
}

#[test]
fn a_delete_whose_record_lives_again_is_not_reverted_over_later_edits() {
    let mut bench = two();
    bench.delete(A, 1, 2);
    let deleted = |what: &What| matches!(what, What::Deleted { .. });
    assert_eq!(bench.revert(deleted), Reverted::Done);
    bench.tell(B, 11, 3, &["v0", "later"]);
    assert_eq!(bench.revert(deleted), Reverted::EditedSince(Vec::new()));
    assert_eq!(bench.value(FIRST, 1), Value::text("later"));
}

#[test]
fn a_held_field_decided_for_what_stands_has_a_refused_write_tried_again() {
    let mut bench = two();
    bench.spec.conflict = Policy::Hold;
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.tell(B, 11, 2, &["v0", "b"]);
    bench.tell(A, 1, 3, &["m1", "a"]);
    bench.settle(FIRST, B, &rejected());
    assert_eq!(bench.wants(FIRST, B), None);
    bench.decide(Some(1), Choice::Side(A)).unwrap();
    assert_eq!(bench.wants(FIRST, B), Some(Action::Update));
}

#[test]
fn a_key_in_use_again_while_its_record_is_deleted_elsewhere_lets_the_record_go_on() {
    let mut bench = two();
    bench.delete(A, 1, 2);
    bench.tell(A, 1, 5, &["v0", "n"]);
    assert!(bench.link(FIRST, B).is_live());
    assert_eq!((bench.value(FIRST, 1), bench.wants(FIRST, B)), (Value::text("n"), Some(Action::Update)));
    assert_eq!(bench.count(|what| matches!(what, What::Released { .. })), 1);
    assert_eq!(bench.count(|what| matches!(what, What::Appeared { .. })), 1);
}

#[test]
fn a_delete_meets_an_edit_that_waits_in_a_conflict_by_the_rule() {
    let mut bench = two();
    bench.spec.conflict = Policy::Hold;
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.tell(B, 11, 2, &["v0", "b"]);
    bench.delete(B, 11, 3);
    assert!(matches!(bench.record(FIRST).life, Life::Live), "an update wins");
    assert_eq!(bench.count(|what| matches!(what, What::DeleteConflict { updated_by: Some(A), .. })), 1);
}

#[test]
fn a_row_under_a_key_that_was_given_up_just_before_it_is_read_again_where_nobody_looked_for_its_match() {
    let mut bench = two();
    let moved = upsert(&bench.spec, A, &Row { key: key(1), ..row(2, 2, &["v0", "v0"]) });
    let taken = upsert(&bench.spec, A, &row(1, 3, &["other", "n"]));
    // As it is gathered for both: the key is linked, so no match is looked for.
    let needs = needs(&bench.spec, A, &taken);
    needs.matches_unless_linked.into_iter().for_each(|(_, matched)| bench.set.leave_unsought(matched));
    let ((first, second), _) =
        bench.plan(|planner, set| (planner.absorb(set, A, &moved, 0), planner.absorb(set, A, &taken, 0)));
    assert_eq!((first, second), (Absorbed::Done, Absorbed::Fetch(key(1))));
}
