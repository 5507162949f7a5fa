//! Rows that may have been made by a create of which nobody heard, of a record that
//! has died since; and answers that are older than what is known.

#![allow(clippy::unwrap_used)]

mod world;

use lockstep_core::{
    change::Row,
    journal::What,
    plan::Absorbed,
    record::{Life, Presence, RecordId},
    spec::Policy,
    value::Value,
    write::{Action, Outcome},
};
use world::{
    bench::{A, B, Bench, FIRST},
    key, row, spec,
};

const SECOND: RecordId = RecordId(FIRST.0 + 1);

/// A record that A made, edited and deleted while its create at B was under way.
fn dead() -> Bench {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.tell(A, 1, 1, &["m", "n0"]);
    bench.tell(A, 1, 2, &["m", "n1"]);
    bench.delete(A, 1, 3);
    assert!(matches!(bench.record(FIRST).life, Life::Deleted { .. }));
    assert_eq!(bench.link(FIRST, B).presence, Presence::Uncertain);
    bench
}

#[test]
fn the_row_of_a_create_that_shows_after_its_record_died_is_deleted_like_the_others() {
    for note in ["n1", "n0"] {
        let mut bench = dead();
        bench.tell(B, 11, 5, &["m", note]);
        assert_eq!(bench.set.by_key(B, &key(11)), Some(FIRST), "{note}");
        assert_eq!((bench.wants(FIRST, B), bench.wants(FIRST, A)), (Some(Action::Delete), None));
        assert!(bench.set.get(SECOND).is_none());
    }
}

#[test]
fn an_edit_of_such_a_row_meets_the_delete_by_the_rule() {
    let mut bench = dead();
    bench.tell(B, 11, 5, &["m", "edited"]);
    assert_eq!(bench.record(FIRST).life, Life::Live);
    assert_eq!(bench.count(|what| matches!(what, What::DeleteConflict { .. })), 1);
    assert_eq!(bench.wants(FIRST, A), Some(Action::Create));
}

#[test]
fn a_row_that_was_looked_for_and_is_not_there_is_not_looked_for_again() {
    let mut bench = dead();
    // What it is looked for by.
    assert_eq!(bench.sent(FIRST, B).intent.action, Action::Create);
    let ((), delta) = bench.plan(|planner, set| planner.absent(set, FIRST, B));
    assert_eq!(bench.wants(FIRST, B), None);
    assert!(bench.record(FIRST).link(B).is_none());
    assert!(delta.marks.iter().any(|mark| (mark.record, mark.side, mark.action) == (FIRST, B, None)));
    bench.tell(B, 11, 5, &["m", "n1"]);
    assert_eq!(bench.set.by_key(B, &key(11)), Some(SECOND), "somebody made it anew");
}

#[test]
fn the_answer_of_a_create_whose_record_has_died_is_followed_by_its_delete() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.tell(A, 1, 1, &["m", "n0"]);
    let sent = bench.sent(FIRST, B);
    bench.delete(A, 1, 3);
    bench.plan(|planner, set| planner.settle(set, B, &sent, &Outcome::Applied(row(11, 5, &["m", "n0"]))));
    assert_eq!(bench.wants(FIRST, B), Some(Action::Delete));
}

#[test]
fn a_row_made_anew_while_its_record_is_being_deleted_elsewhere_is_the_record_again() {
    let mut bench = Bench::linked(spec(2, &["mail", "note"]));
    bench.delete(B, 11, 5);
    assert_eq!(bench.wants(FIRST, A), Some(Action::Delete));
    bench.tell(B, 12, 6, &["v0", "again"]);
    assert_eq!((bench.set.by_key(B, &key(12)), bench.record(FIRST).life.clone()), (Some(FIRST), Life::Live));
    assert!(bench.set.get(SECOND).is_none_or(|old| old.fields.is_empty()));
}

#[test]
fn an_answer_older_than_what_is_known_still_tells_how_the_side_stores_a_value() {
    let mut bench = Bench::linked({
        let mut spec = spec(2, &["mail", "note"]);
        spec.conflict = Policy::Prefer(vec![A, B]);
        spec
    });
    bench.tell(B, 11, 9, &["v0", "b1"]);
    bench.tell(A, 1, 2, &["v0", "b 1"]);
    assert_eq!((bench.value(FIRST, 1), bench.wants(FIRST, B)), (Value::text("b 1"), Some(Action::Update)));
    // B takes blanks out, so nothing changes, and its answer is no newer than its stream.
    bench.applied(FIRST, B, 11, 8, &["v0", "b1"]);
    assert_eq!(bench.wants(FIRST, B), None);
}

#[test]
fn a_row_that_was_read_and_matches_a_record_with_another_row_there_is_unsure() {
    let mut bench = Bench::linked(spec(2, &["mail", "note"]));
    let found = |bench: &mut Bench, row: &Row| bench.plan(|planner, set| planner.unsure_holder(set, B, row)).0;
    assert_eq!(found(&mut bench, &row(12, 9, &["v0", "v0"])), Some((FIRST, key(11))));
    assert_eq!(found(&mut bench, &row(12, 9, &["w", "v0"])), None);
    assert_eq!(found(&mut bench, &row(11, 9, &["v0", "v0"])), None);
}

#[test]
fn a_told_row_that_matches_a_record_with_another_row_there_is_read_again_unless_it_is_newer() {
    let mut bench = Bench::linked(spec(2, &["mail", "note"]));
    assert_eq!(bench.tell(B, 12, 0, &["v0", "v0"]).0, Absorbed::Fetch(key(12)));
    assert_eq!(bench.tell(B, 12, 9, &["v0", "v0"]).0, Absorbed::Done);
    assert_eq!(bench.set.by_key(B, &key(12)), Some(SECOND));
}
