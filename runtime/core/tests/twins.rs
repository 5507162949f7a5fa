//! Rows that somebody makes at a side in the moment in which the runtime makes the same
//! record there: the two become one, or wait for a person; nothing is guessed.

#![allow(clippy::unwrap_used)]

mod world;

use lockstep_core::{
    change::Row,
    journal::What,
    plan::Maker,
    record::{Life, Presence, RecordId},
    value::Value,
    write::{Action, Outcome},
};
use world::{
    bench::{A, B, Bench, FIRST},
    key, row, spec,
};

const SECOND: RecordId = RecordId(FIRST.0 + 1);

/// A record of A whose create at B may have been sent.
fn made_unheard() -> Bench {
    let mut spec = spec(2, &["mail", "note"]);
    spec.sides.iter_mut().flatten().for_each(|side| side.refuses_twins = false);
    let mut bench = Bench::new(spec);
    bench.tell(A, 1, 1, &["m", "of a"]);
    bench
}

/// As above, with the stream telling of ours first.
#[test]
fn what_an_unheard_create_made_is_given_up_also_where_it_was_told_first() {
    let mut bench = made_unheard();
    let (theirs, ours) = (row(10, 1, &["m", "of b"]), row(11, 2, &["m", "of a"]));
    let sent = bench.plan(|planner, set| planner.create_before_row(set, B, &ours, |_| true)).0.unwrap();
    bench.tell(B, 11, 2, &["m", "of a"]);
    bench.plan(|planner, set| planner.give_up_made(set, B, &sent, &[&theirs, &ours]));
    assert_eq!(bench.set.by_key(B, &key(10)), Some(FIRST));
    assert!(bench.record(SECOND).is_stray());
}

/// A record of A of which B's row 11 was just made.
fn made() -> Bench {
    let mut bench = made_unheard();
    bench.applied(FIRST, B, 11, 2, &["m", "of a"]);
    bench
}

fn look(bench: &mut Bench, maker: &Maker, rows: &[Row]) {
    let rows: Vec<&Row> = rows.iter().collect();
    bench.plan(|planner, set| planner.absorb_twins(set, B, FIRST, (&key(11), maker), &rows));
}

/// B has told nothing of the record but what was written there.
const OURS: Maker = Maker::Runtime(Vec::new());

fn alone(bench: &Bench) -> bool {
    bench.set.get(SECOND).is_none()
}

#[test]
fn the_row_that_somebody_made_stays_and_ours_is_deleted() {
    let mut bench = made();
    look(&mut bench, &OURS, &[row(10, 1, &["m", "of b"]), row(11, 2, &["m", "of a"])]);
    assert_eq!(bench.set.by_key(B, &key(10)), Some(FIRST));
    // A's value is preferred; B's is kept by the journal and overwritten by an update.
    assert_eq!((bench.value(FIRST, 1), bench.wants(FIRST, B)), (Value::text("of a"), Some(Action::Update)));
    assert_eq!(bench.count(|what| matches!(what, What::Conflict { .. })), 1);
    assert!(bench.record(SECOND).is_stray());
    let sent = bench.sent(SECOND, B);
    assert_eq!((sent.intent.action, sent.intent.key), (Action::Delete, Some(key(11))));
    assert_eq!(sent.intent.expected[2], Some(Value::text("of a")), "only as it was made");
    // Nothing that appears elsewhere is taken for the row that goes.
    bench.tell(A, 2, 3, &["m", "another"]);
    assert_eq!(bench.set.by_key(A, &key(2)), Some(RecordId(SECOND.0 + 1)));
    bench.applied(SECOND, B, 11, 4, &["m", "of a"]);
    assert_eq!((bench.wants(SECOND, B), bench.wants(SECOND, A)), (None, None));
}

#[test]
fn a_row_that_was_edited_before_it_could_be_deleted_waits_for_a_person() {
    let mut bench = made();
    look(&mut bench, &OURS, &[row(10, 1, &["m", "of b"]), row(11, 2, &["m", "of a"])]);
    let edited = row(11, 5, &["m", "edited"]);
    bench.settle(SECOND, B, &Outcome::Conflict(edited));
    assert!(matches!(bench.record(SECOND).life, Life::Ambiguous { .. }));
    assert_eq!((bench.value(SECOND, 1), bench.wants(SECOND, A)), (Value::text("edited"), None));
}

#[test]
fn what_cannot_be_told_apart_or_may_not_be_deleted_is_held() {
    let twins = [row(10, 1, &["m", "of b"]), row(11, 2, &["m", "of a"])];
    let held = |bench: &mut Bench, maker: &Maker, rows: &[Row]| {
        look(bench, maker, rows);
        assert_eq!(bench.set.by_key(B, &key(11)), Some(FIRST));
        match &bench.record(SECOND).life {
            Life::Ambiguous { candidates, .. } => assert_eq!(candidates, &[FIRST]),
            other => panic!("{other:?}"),
        }
        assert_eq!((bench.wants(SECOND, A), bench.wants(SECOND, B)), (None, None));
    };
    held(&mut made(), &Maker::Unknown, &twins);
    // Somebody edited ours before it was looked.
    held(&mut made(), &OURS, &[twins[0].clone(), row(11, 3, &["m", "edited"])]);
    // Or that is known already, and agreed.
    let mut edited = made();
    edited.tell(B, 11, 3, &["m", "edited"]);
    held(&mut edited, &OURS, &[twins[0].clone(), row(11, 3, &["m", "edited"])]);
    let mut never_deletes = made();
    never_deletes.spec.sides[1].as_mut().unwrap().deletes = false;
    held(&mut never_deletes, &OURS, &twins);
    // Two besides ours.
    held(&mut made(), &OURS, &[twins[0].clone(), twins[1].clone(), row(12, 3, &["m", "third"])]);
}

#[test]
fn nothing_happens_where_there_is_no_other_or_it_is_anothers_or_ours_is_not_seen() {
    for rows in [
        vec![row(11, 2, &["m", "of a"])],
        vec![row(11, 2, &["m", "of a"]), row(12, 1, &["n", "another person"])],
        // Not in one look: the row may have got another key.
        vec![row(10, 1, &["m", "of b"])],
    ] {
        let mut bench = made();
        look(&mut bench, &OURS, &rows);
        assert!(alone(&bench), "{rows:?}");
        assert_eq!(bench.set.by_key(B, &key(11)), Some(FIRST));
    }
    // The other row has a record of its own that is at both.
    let mut bench = made();
    bench.tell(B, 20, 5, &["m2", "x"]);
    bench.applied(SECOND, A, 2, 6, &["m2", "x"]);
    look(&mut bench, &OURS, &[row(11, 2, &["m", "of a"]), row(20, 7, &["m", "x"])]);
    assert_eq!(bench.set.by_key(B, &key(20)), Some(SECOND));
    assert_eq!(bench.record(SECOND).life, Life::Live);
}

#[test]
fn a_row_that_was_told_of_before_the_look_is_taken_over() {
    let mut bench = made();
    bench.tell(B, 10, 3, &["m", "of b"]);
    assert_eq!(bench.set.by_key(B, &key(10)), Some(SECOND));
    look(&mut bench, &OURS, &[row(10, 3, &["m", "of b"]), row(11, 2, &["m", "of a"])]);
    assert_eq!(bench.set.by_key(B, &key(10)), Some(FIRST));
    // A create of it may have been sent to A: that is looked for, and never sent again.
    assert!(matches!(bench.record(SECOND).life, Life::Deleted { .. }));
    assert_eq!(bench.link(SECOND, A).presence, Presence::Uncertain);
    assert!(bench.record(RecordId(SECOND.0 + 1)).is_stray());
}

#[test]
fn what_an_unheard_create_made_is_given_up_for_the_row_that_was_told_first() {
    for (shown, gives_up) in [("Of A", true), ("of b too", false)] {
        let mut bench = made_unheard();
        let (theirs, ours) = (row(10, 1, &["m", "of b"]), row(11, 2, &["m", shown]));
        assert_eq!(bench.plan(|planner, set| planner.create_before_row(set, B, &theirs, |_| false)).0, None);
        let sent = bench.plan(|planner, set| planner.create_before_row(set, B, &theirs, |_| true)).0.unwrap();
        bench.tell(B, 10, 1, &["m", "of b"]);
        assert_eq!(bench.set.by_key(B, &key(10)), Some(FIRST));
        bench.plan(|planner, set| planner.give_up_made(set, B, &sent, &[&theirs, &ours]));
        assert_eq!(bench.set.by_key(B, &key(11)).is_some(), gives_up, "{shown}");
        if gives_up {
            assert_eq!((bench.record(SECOND).is_stray(), bench.wants(SECOND, B)), (true, Some(Action::Delete)));
        }
    }
}
