//! What a side tells of rows that were made, changed or deleted while nobody could hear
//! of it, and that are gone or cannot be ordered.

#![allow(clippy::unwrap_used)]

mod world;

use lockstep_core::{
    change::{Row, Version},
    journal::What,
    plan::{Absorbed, Presumed},
    record::{FieldId, Life, Presence, RecordId},
    spec::SyncSpec,
    value::{Timestamp, Value},
    write::{Action, Outcome},
};
use world::{
    bench::{A, B, Bench, FIRST},
    delete, key, row, spec, upsert,
};

/// The first field is the key, and the sides share it.
fn shared() -> SyncSpec {
    let mut spec = spec(2, &["id", "note"]);
    for side in spec.sides.iter_mut().flatten() {
        side.fields[0].as_mut().unwrap().column = 0;
    }
    spec
}

fn presumed(bench: &mut Bench, may_have_sent: bool) -> bool {
    bench.plan(|planner, set| planner.presume_made(set, B, &key(7), |_| may_have_sent.then_some(Presumed::Sent))).0
}

fn missing(bench: &mut Bench) {
    bench.plan(|planner, set| planner.absorb_missing(set, B, &key(7), Timestamp(9)));
}

#[test]
fn the_delete_of_a_row_that_a_create_may_have_made_is_the_records() {
    let mut bench = Bench::new(shared());
    bench.tell(A, 7, 1, &["", "n0"]);
    assert!(!presumed(&mut bench, false), "nothing was sent");
    assert!(presumed(&mut bench, true));
    assert_eq!((bench.link(FIRST, B).presence, bench.wants(FIRST, B)), (Presence::Live, None));
    assert_eq!(bench.link(FIRST, B).observed(FieldId(1)), None, "it may be another's");
    missing(&mut bench);
    assert_eq!(bench.wants(FIRST, A), Some(Action::Delete));
    assert!(!presumed(&mut bench, true), "it is known by now");
}

#[test]
fn an_edit_made_after_such_a_create_meets_the_delete_by_the_rule() {
    let mut bench = Bench::new(shared());
    bench.tell(A, 7, 1, &["", "n0"]);
    bench.tell(A, 7, 2, &["", "n1"]);
    assert!(presumed(&mut bench, true));
    assert_eq!(bench.link(FIRST, B).observed(FieldId(1)), Some(&Value::text("n0")));
    missing(&mut bench);
    assert_eq!(bench.count(|what| matches!(what, What::DeleteConflict { .. })), 1);
    assert_eq!((bench.record(FIRST).life.clone(), bench.wants(FIRST, B)), (Life::Live, Some(Action::Create)));
}

#[test]
fn the_delete_of_a_row_that_a_lost_state_may_have_known_is_decided_and_journaled() {
    let mut bench = Bench::new(shared());
    bench.tell(A, 7, 1, &["", "n0"]);
    assert!(bench.plan(|planner, set| planner.presume_made(set, B, &key(7), |_| Some(Presumed::Regained))).0);
    missing(&mut bench);
    assert_eq!(bench.count(|what| matches!(what, What::DeleteConflict { .. })), 1);
    assert_eq!((bench.record(FIRST).life.clone(), bench.wants(FIRST, B)), (Life::Live, Some(Action::Create)));
}

#[test]
fn a_record_that_has_or_had_a_row_there_is_not_presumed_to_have_another() {
    let mut bench = Bench::new(shared());
    bench.tell(A, 7, 1, &["", "n0"]);
    bench.applied(FIRST, B, 7, 1, &["", "n0"]);
    assert!(!presumed(&mut bench, true));
    bench.delete(B, 7, 2);
    assert!(!presumed(&mut bench, true));
}

#[test]
fn keys_that_are_a_sides_own_tell_nothing() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.tell(A, 7, 1, &["m", "n0"]);
    assert!(!presumed(&mut bench, true));
}

#[test]
fn what_a_write_was_answered_of_a_row_known_to_be_gone_is_kept() {
    let mut bench = Bench::linked(spec(2, &["mail", "note"]));
    bench.tell(A, 1, 2, &["v0", "n1"]);
    let sent = bench.sent(FIRST, B);
    bench.delete(B, 11, 4);
    let conflict = Outcome::Conflict(row(11, 5, &["v0", "edited"]));
    bench.plan(|planner, set| planner.settle(set, B, &sent, &conflict));
    let kept = |bench: &Bench| {
        let entries = bench.journal.iter().filter(|entry| match &entry.what {
            What::Deleted { last, .. } => last.contains(&(FieldId(1), Value::text("edited"))),
            _ => false,
        });
        entries.count()
    };
    assert_eq!((kept(&bench), bench.value(FIRST, 1)), (1, Value::text("n1")));
    bench.plan(|planner, set| planner.settle(set, B, &sent, &conflict));
    assert_eq!(kept(&bench), 1, "answered once more");
}

#[test]
fn an_echo_does_not_make_what_was_told_before_it_newer_than_a_read() {
    let mut bench = Bench::linked(spec(2, &["mail", "note"]));
    let read = Row { version: Version::default(), ..row(11, 6, &["v0", "b2"]) };
    bench.plan(|planner, set| planner.absorb_row(set, B, &read));
    let edit = upsert(&bench.spec, A, &row(1, 2, &["m2", "v0"]));
    let echo = upsert(&bench.spec, B, &row(11, 4, &["v0", "b2"]));
    let older = upsert(&bench.spec, B, &row(11, 5, &["v0", "b1"]));
    let (absorbed, _) = bench.plan(|planner, set| {
        planner.absorb(set, A, &edit, 0);
        planner.absorb(set, B, &echo, 0);
        planner.absorb(set, B, &older, 0)
    });
    assert_eq!(absorbed, Absorbed::Fetch(key(11)));
}

#[test]
fn a_record_that_appears_and_dies_at_once_may_be_another_sides_too() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    let (made, gone) = (upsert(&bench.spec, B, &row(11, 1, &["m", "n"])), delete(11, 2));
    bench.plan(|planner, set| {
        planner.absorb(set, B, &made, 0);
        planner.absorb(set, B, &gone, 0);
    });
    assert_eq!(bench.link(FIRST, A).presence, Presence::Uncertain);
    bench.tell(A, 1, 1, &["m", "n"]);
    assert_eq!((bench.set.by_key(A, &key(1)), bench.wants(FIRST, A)), (Some(FIRST), Some(Action::Delete)));
    assert!(bench.set.get(RecordId(FIRST.0 + 1)).is_none());
}
