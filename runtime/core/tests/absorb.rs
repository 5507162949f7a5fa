//! What absorbing one side's rows makes of a record: base, each side, result.

#![allow(clippy::unwrap_used)]

mod world;

use std::sync::Arc;

use lockstep_core::{
    cast::Cast,
    change::{ChangeBatch, ChangeKind, Version},
    journal::What,
    plan::{Absorbed, Choice, Parent, Phase, Reverted, Settled, Unread, waits},
    record::{FieldId, HoldReason, Life, Presence, RecordId, SideId},
    spec::{DeletePolicy, Group, Policy},
    value::{Timestamp, Value},
    write::{Action, Outcome, Overwritten, Rejection},
};
use world::{
    bench::{A, B, Bench, FIRST},
    key, row, spec, text, upsert, version,
};

#[test]
fn a_new_row_is_created_elsewhere_and_its_echo_is_no_news() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    let (absorbed, delta) = bench.tell(A, 1, 1, &["x@y", "n"]);
    assert_eq!(absorbed, Absorbed::Done);
    assert_eq!(delta.marks.len(), 1);
    assert_eq!(bench.wants(FIRST, B), Some(Action::Create));
    bench.applied(FIRST, B, 11, 5, &["x@y", "n"]);
    assert_eq!(bench.wants(FIRST, B), None);
    let (absorbed, delta) = bench.tell(B, 11, 6, &["x@y", "n"]);
    assert_eq!((absorbed, delta.is_empty()), (Absorbed::Done, true));
}

#[test]
fn edits_of_different_fields_are_both_kept() {
    let mut bench = Bench::linked(spec(2, &["mail", "note"]));
    bench.tell(A, 1, 2, &["a1", "v0"]);
    bench.tell(B, 11, 2, &["v0", "b1"]);
    assert_eq!((bench.value(FIRST, 0), bench.value(FIRST, 1)), (Value::text("a1"), Value::text("b1")));
    assert_eq!(bench.wants(FIRST, A), Some(Action::Update));
    assert_eq!(bench.wants(FIRST, B), Some(Action::Update));
}

fn is_conflict(what: &What) -> bool {
    matches!(what, What::Conflict { .. })
}

fn two() -> Bench {
    Bench::linked(spec(2, &["mail", "note"]))
}

fn with(policy: Policy) -> Bench {
    let mut spec = spec(2, &["mail", "note"]);
    spec.conflict = policy;
    Bench::linked(spec)
}

#[test]
fn concurrent_edits_of_one_field_come_out_as_the_policy_says() {
    let latest = |otherwise: Policy| Policy::Latest { otherwise: Box::new(otherwise) };
    // policy, A's edit and second, B's edit and second, result (none: held)
    let table = [
        (Policy::Prefer(vec![A]), ("a", 10), ("b", 20), Some("a")),
        (Policy::Prefer(vec![B]), ("a", 10), ("b", 20), Some("b")),
        (latest(Policy::Hold), ("a", 10), ("b", 20), Some("b")),
        (latest(Policy::Hold), ("a", 20), ("b", 10), Some("a")),
        (latest(Policy::Hold), ("a", 10), ("b", 12), None),
        (latest(Policy::Prefer(vec![A])), ("a", 10), ("b", 12), Some("a")),
        (Policy::Hold, ("a", 10), ("b", 20), None),
        (Policy::Max, ("a", 10), ("b", 20), Some("b")),
        (Policy::Min, ("a", 10), ("b", 20), Some("a")),
        (Policy::Append, ("v0 a", 10), ("v0 b", 20), Some("v0 a b")),
        (Policy::Append, ("v0 a", 20), ("v0 b", 10), Some("v0 b a")),
    ];
    for (policy, (a, a_at), (b, b_at), result) in table {
        for a_first in [true, false] {
            let mut bench = with(policy.clone());
            let tell_a = |bench: &mut Bench| bench.tell(A, 1, a_at, &["v0", a]);
            let tell_b = |bench: &mut Bench| bench.tell(B, 11, b_at, &["v0", b]);
            if a_first {
                tell_a(&mut bench);
                tell_b(&mut bench);
            } else {
                tell_b(&mut bench);
                tell_a(&mut bench);
            }
            let state = bench.state(FIRST, 1);
            assert_eq!(bench.count(is_conflict), 1, "{policy:?}");
            match result {
                Some(result) => assert_eq!(state.value, Value::text(result), "{policy:?} {a_first}"),
                None => {
                    assert_eq!(state.hold.as_ref().unwrap().contenders.len(), 2, "{policy:?}");
                    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
                }
            }
        }
    }
}

#[test]
fn the_same_edit_on_both_sides_is_no_conflict() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "x"]);
    bench.tell(B, 11, 2, &["v0", "x"]);
    assert_eq!((bench.count(is_conflict), bench.wants(FIRST, B)), (0, None));
}

#[test]
fn a_decided_conflict_is_not_raised_again() {
    let mut bench = with(Policy::Prefer(vec![A]));
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.tell(B, 11, 2, &["v0", "b"]);
    bench.tell(B, 11, 3, &["v1", "b"]);
    assert_eq!(bench.count(is_conflict), 1);
    assert_eq!(bench.sent(FIRST, B).intent.expected, [None, None, text("b")]);
    bench.applied(FIRST, B, 11, 4, &["v1", "a"]);
    bench.tell(B, 11, 5, &["v1", "c"]);
    assert_eq!((bench.count(is_conflict), bench.value(FIRST, 1)), (1, Value::text("c")));
}

#[test]
fn a_hold_ends_by_itself_when_the_sides_come_to_agree() {
    let mut bench = with(Policy::Hold);
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.tell(B, 11, 2, &["v0", "b"]);
    bench.tell(A, 1, 3, &["v0", "a2"]);
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
    bench.tell(B, 11, 3, &["v0", "a2"]);
    assert!(bench.state(FIRST, 1).hold.is_none());
    assert_eq!(bench.value(FIRST, 1), Value::text("a2"));
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
}

#[test]
fn a_person_decides_a_held_field_and_can_take_it_back() {
    let mut bench = with(Policy::Hold);
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.tell(B, 11, 2, &["v0", "b"]);
    assert!(bench.decide(Some(0), Choice::Side(B)).is_err(), "it is not held");
    assert!(bench.decide(Some(1), Choice::Rule).is_err(), "the rule is to hold");
    bench.decide(Some(1), Choice::Side(B)).unwrap();
    assert_eq!(bench.value(FIRST, 1), Value::text("b"));
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (Some(Action::Update), None));
    bench.applied(FIRST, A, 1, 4, &["v0", "b"]);
    assert_eq!(bench.revert(|what| matches!(what, What::Operator { .. })), Reverted::Done);
    assert_eq!(bench.value(FIRST, 1), Value::text("a"));
    bench.tell(B, 11, 5, &["v0", "later"]);
    assert_eq!(bench.revert(|what| matches!(what, What::Operator { .. })), Reverted::EditedSince(vec![FieldId(1)]));
}

#[test]
fn a_held_field_can_be_given_a_third_value() {
    let mut bench = with(Policy::Hold);
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.tell(B, 11, 2, &["v0", "b"]);
    bench.decide(Some(1), Choice::Value(Value::text("c"))).unwrap();
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (Some(Action::Update), Some(Action::Update)));
}

#[test]
fn a_changed_rule_replays_old_decisions_and_lists_what_was_edited_since() {
    let mut bench = with(Policy::Prefer(vec![A]));
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.tell(B, 11, 2, &["v0", "b"]);
    assert_eq!(bench.replay(is_conflict), Reverted::Nothing);
    bench.spec.conflict = Policy::Prefer(vec![B]);
    assert_eq!(bench.replay(is_conflict), Reverted::Done);
    assert_eq!(bench.value(FIRST, 1), Value::text("b"));
    assert_eq!(bench.replay(is_conflict), Reverted::EditedSince(vec![FieldId(1)]));
}

#[test]
fn a_reverted_conflict_gives_back_what_it_displaced() {
    let mut bench = with(Policy::Prefer(vec![A]));
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.tell(B, 11, 2, &["v0", "b"]);
    assert_eq!(bench.revert(is_conflict), Reverted::Done);
    assert_eq!(bench.value(FIRST, 1), Value::text("b"));
    assert_eq!(bench.revert(|what| matches!(what, What::Reverted { .. })), Reverted::Done);
    assert_eq!(bench.value(FIRST, 1), Value::text("a"));
}

#[test]
fn a_group_is_decided_and_written_as_one_value() {
    let mut grouped = spec(2, &["mail", "street", "city"]);
    grouped.groups = vec![Group { name: Arc::from("address"), fields: vec![FieldId(1), FieldId(2)] }];
    for field in &mut grouped.fields[1..] {
        field.as_mut().unwrap().group = Some(0);
    }
    let mut bench = Bench::new(grouped);
    bench.tell(A, 1, 1, &["m", "s0", "c0"]);
    bench.applied(FIRST, B, 11, 1, &["m", "s0", "c0"]);
    bench.tell(A, 1, 2, &["m", "s1", "c0"]);
    assert_eq!(bench.sent(FIRST, B).intent.cells, [None, None, text("s1"), text("c0")]);
    assert_eq!(bench.sent(FIRST, B).intent.expected, [None, None, text("s0"), text("c0")]);
    bench.tell(B, 11, 2, &["m", "s0", "c1"]);
    assert_eq!((bench.value(FIRST, 1), bench.value(FIRST, 2)), (Value::text("s1"), Value::text("c0")));
    assert_eq!(bench.count(is_conflict), 1);
}

#[test]
fn a_side_that_stores_its_own_notation_is_not_written_to_again() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", " X "]);
    bench.applied(FIRST, B, 11, 2, &["v0", "x"]);
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
    bench.tell(B, 11, 3, &["v1", "x"]);
    assert_eq!(bench.value(FIRST, 1), Value::text(" X "));
    bench.tell(B, 11, 4, &["v1", "y"]);
    assert_eq!((bench.value(FIRST, 1), bench.count(is_conflict)), (Value::text("y"), 0));
}

#[test]
fn cells_that_were_not_told_keep_what_is_known() {
    let mut bench = two();
    let mut batch = upsert(&bench.spec, A, &row(1, 2, &["v1", "?"]));
    batch.rows[0].cells[2] = None;
    bench.plan(|planner, set| planner.absorb(set, A, &batch, 0));
    assert_eq!((bench.value(FIRST, 0), bench.value(FIRST, 1)), (Value::text("v1"), Value::text("v0")));
    batch.rows[0].key = key(2);
    batch.rows[0].cells[0] = Some(Value::Int(2));
    let (absorbed, _) = bench.plan(|planner, set| planner.absorb(set, A, &batch, 0));
    assert_eq!(absorbed, Absorbed::Fetch(key(2)));
}

#[test]
fn a_changed_key_is_followed_and_the_old_key_stays_gone() {
    let mut bench = two();
    let mut batch = upsert(&bench.spec, A, &row(2, 3, &["v0", "n"]));
    batch.rows[0].key = key(1);
    bench.plan(|planner, set| planner.absorb(set, A, &batch, 0));
    assert_eq!(bench.set.by_key(A, &key(2)), Some(FIRST));
    assert_eq!(bench.tell(A, 1, 1, &["v0", "v0"]).0, Absorbed::Stale);
    let (absorbed, _) = bench.plan(|planner, set| planner.absorb(set, A, &batch, 0));
    assert_eq!(absorbed, Absorbed::Stale);
    bench.tell(A, 1, 9, &["other", "row"]);
    assert_ne!(bench.set.by_key(A, &key(1)), Some(FIRST));
    assert_eq!(bench.value(FIRST, 0), Value::text("v0"));
}

#[test]
fn a_value_that_does_not_cast_is_held_and_let_go_when_corrected() {
    let mut bench = two();
    let integer = lockstep_core::schema::ColumnType {
        native: "int".into(),
        ..lockstep_core::schema::ColumnType::of(lockstep_core::schema::Kind::Int)
    };
    let words = lockstep_core::schema::ColumnType {
        kind: lockstep_core::schema::Kind::Text,
        native: "text".into(),
        ..integer.clone()
    };
    let cast = Cast::between(&words, &integer).lossy();
    assert_ne!(cast, Cast::Identity);
    bench.spec.sides[1].as_mut().unwrap().fields[1].as_mut().unwrap().cast = cast;
    bench.set = Default::default();
    bench.next = (1, 1);
    let numbers = |id: i64, order: u64, number: i64| {
        let mut row = row(id, order, &["m", ""]);
        row.cells[2] = Some(Value::Int(number));
        row
    };
    let told = numbers(1, 1, 5);
    bench.plan(|planner, set| planner.absorb_row(set, A, &told));
    bench.applied(FIRST, B, 11, 1, &["m", "5"]);
    bench.tell(B, 11, 2, &["m", "many"]);
    let hold = bench.state(FIRST, 1).hold.clone().unwrap();
    assert!(matches!(hold.reason, HoldReason::Uncastable { .. }));
    assert_eq!(hold.contenders[0].value, Value::text("many"));
    assert_eq!((bench.value(FIRST, 1), bench.wants(FIRST, A)), (Value::Int(5), None));
    bench.tell(B, 11, 3, &["m", "7"]);
    assert!(bench.state(FIRST, 1).hold.is_none());
    assert_eq!((bench.value(FIRST, 1), bench.wants(FIRST, A)), (Value::Int(7), Some(Action::Update)));
}

#[test]
fn a_delete_is_not_reverted_where_the_record_was_made_anew() {
    let mut bench = two();
    bench.delete(A, 1, 2);
    bench.settle(FIRST, B, &Outcome::Applied(row(11, 2, &["v0", "v0"])));
    bench.tell(A, 2, 3, &["v0", "new"]);
    let second = RecordId(FIRST.0 + 1);
    assert_eq!(bench.wants(second, B), Some(Action::Create));
    let is_delete = |what: &What| matches!(what, What::Deleted { .. });
    assert_eq!(bench.revert(is_delete), Reverted::LivesAs(second));
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
    bench.delete(A, 2, 4);
    let first = bench.journal.iter().find(|entry| is_delete(&entry.what)).unwrap().clone();
    assert_eq!(bench.plan(|planner, set| planner.revert(set, &first, "mo")).0, Reverted::Done);
    assert_eq!(bench.wants(FIRST, B), Some(Action::Create));
}

#[test]
fn an_answer_that_is_older_than_what_is_known_ends_a_write_that_changed_nothing() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "n x"]);
    bench.applied(FIRST, B, 11, 2, &["v0", "nx"]);
    bench.tell(B, 11, 9, &["m", "nx"]);
    assert_eq!(bench.wants(FIRST, B), None, "it stores what was written in its own way");
    bench.applied(FIRST, A, 1, 3, &["m", "n x"]);
    bench.tell(A, 1, 4, &["m", "nx"]);
    assert_eq!(bench.wants(FIRST, B), Some(Action::Update));
    bench.applied(FIRST, B, 11, 2, &["m", "nx"]);
    assert_eq!((bench.wants(FIRST, B), bench.wants(FIRST, A)), (None, None));
}

fn child() -> Bench {
    let mut spec = spec(2, &["mail", "owner"]);
    spec.fields[1].as_mut().unwrap().reference = Some(Arc::from("people"));
    Bench::new(spec)
}

#[test]
fn a_reference_waits_for_its_parent_and_the_rest_does_not() {
    let mut bench = child();
    bench.tell(A, 1, 1, &["m", "p1"]);
    assert_eq!(bench.sent(FIRST, B).intent.cells, [None, text("m"), None]);
    let waiting = waits(&bench.spec, &bench.refs, bench.record(FIRST));
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].parent, Parent::Key(lockstep_core::key::Key::new(vec![Value::text("p1")])));
    let mut stored = row(11, 1, &["m", ""]);
    stored.cells[2] = Some(Value::Null);
    bench.settle(FIRST, B, &Outcome::Applied(stored));
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));

    let (people, a, b) = (Arc::from("people"), Arc::from("a"), Arc::from("b"));
    let parent = |key: &str| lockstep_core::key::Key::new(vec![Value::text(key)]);
    bench.refs.link(&people, &a, parent("p1"), RecordId(77));
    let (_, delta) = bench.plan(|planner, set| planner.review(set, FIRST));
    assert_eq!(bench.value(FIRST, 1), Value::Ref(RecordId(77)));
    assert!(delta.marks.iter().all(|mark| mark.action.is_none()), "it has no row at the other side yet");
    let waiting = waits(&bench.spec, &bench.refs, bench.record(FIRST));
    assert_eq!(waiting[0].parent, Parent::Record(RecordId(77)));

    bench.refs.link(&people, &b, parent("q1"), RecordId(77));
    bench.plan(|planner, set| planner.review(set, FIRST));
    let sent = bench.sent(FIRST, B);
    assert_eq!((&sent.intent.cells[2], &sent.intent.expected[2]), (&text("q1"), &Some(Value::Null)));
}

#[test]
fn a_create_waits_for_a_parent_that_is_required() {
    let mut bench = child();
    bench.spec.sides[1].as_mut().unwrap().fields[1].as_mut().unwrap().required = true;
    bench.tell(A, 1, 1, &["m", "p1"]);
    assert_eq!(bench.wants(FIRST, B), None);
}

#[test]
fn a_refused_write_waits_and_a_later_edit_tries_again() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "too long"]);
    let rejection = Rejection {
        code: "22001".into(),
        class: "too-long".into(),
        message: "value too long".into(),
        columns: vec!["note".into()],
    };
    bench.settle(FIRST, B, &Outcome::Rejected(rejection));
    assert!(bench.link(FIRST, B).quarantined);
    assert_eq!(bench.wants(FIRST, B), None);
    bench.tell(A, 1, 3, &["v0", "short"]);
    assert_eq!((bench.wants(FIRST, B), bench.link(FIRST, B).quarantined), (Some(Action::Update), false));
}

#[test]
fn a_refused_create_is_tried_again_when_a_person_says_so() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.tell(A, 1, 1, &["m", "n"]);
    let rejection = Rejection { code: "42501".into(), class: "denied".into(), message: "no".into(), columns: vec![] };
    bench.settle(FIRST, B, &Outcome::Rejected(rejection));
    assert_eq!(bench.wants(FIRST, B), None);
    assert_eq!(bench.link(FIRST, B).presence, Presence::Barred);
    let (_, delta) = bench.plan(|planner, set| planner.retry(set, FIRST, B));
    assert_eq!((bench.wants(FIRST, B), delta.quarantine.len()), (Some(Action::Create), 1));
    assert!(bench.record(FIRST).link(B).is_none());
}

#[test]
fn a_duplicate_is_linked_or_named_as_a_clash() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.spec.match_on.clear();
    bench.tell(A, 1, 1, &["m", "a"]);
    bench.settle(FIRST, B, &Outcome::Duplicate(row(11, 1, &["m", "b"])));
    assert_eq!(bench.set.by_key(B, &key(11)), Some(FIRST));
    assert_eq!((bench.count(is_conflict), bench.value(FIRST, 1)), (1, Value::text("a")));
    bench.tell(A, 2, 2, &["m2", "a"]);
    bench.settle(RecordId(2), B, &Outcome::Duplicate(row(11, 2, &["m", "a"])));
    assert!(bench.link(RecordId(2), B).quarantined);
    assert_eq!(bench.count(|what| matches!(what, What::Clash { .. })), 1);
}

#[test]
fn an_update_and_a_delete_meet_as_the_rule_says_in_either_order() {
    for policy in [DeletePolicy::UpdateWins, DeletePolicy::DeleteWins, DeletePolicy::Hold] {
        for delete_first in [true, false] {
            let mut bench = two();
            bench.spec.deletes = policy;
            if delete_first {
                bench.delete(A, 1, 2);
                bench.tell(B, 11, 2, &["v0", "edit"]);
            } else {
                bench.tell(B, 11, 2, &["v0", "edit"]);
                bench.delete(A, 1, 2);
            }
            assert_eq!(bench.count(|what| matches!(what, What::DeleteConflict { .. })), 1);
            assert_eq!(bench.value(FIRST, 1), Value::text("edit"));
            let wants = (bench.wants(FIRST, A), bench.wants(FIRST, B));
            match policy {
                DeletePolicy::UpdateWins => assert_eq!(wants, (Some(Action::Create), None)),
                DeletePolicy::DeleteWins => assert_eq!(wants, (None, Some(Action::Delete))),
                DeletePolicy::Hold => {
                    assert_eq!(wants, (None, None));
                    bench.decide(None, Choice::Side(B)).unwrap();
                    assert_eq!(bench.wants(FIRST, A), Some(Action::Create));
                }
            }
        }
    }
}

#[test]
fn what_was_edited_while_a_delete_is_held_is_kept_when_its_row_goes_too() {
    let mut bench = Bench::linked(spec(3, &["mail", "note"]));
    bench.spec.deletes = DeletePolicy::Hold;
    let third = SideId(2);
    bench.applied(FIRST, third, 21, 1, &["v0", "v0"]);
    bench.delete(third, 21, 2);
    bench.tell(A, 1, 2, &["a", "v0"]);
    bench.tell(B, 11, 2, &["v0", "b"]);
    bench.delete(B, 11, 3);
    assert!(matches!(bench.record(FIRST).life, Life::HeldDelete { .. }));
    let kept = |what: &What| match what {
        What::Deleted { last, .. } => last.contains(&(FieldId(1), Value::text("b"))),
        _ => false,
    };
    assert!(bench.journal.iter().any(|entry| entry.side == Some(B) && kept(&entry.what)));
    bench.decide(None, Choice::Side(A)).unwrap();
    assert_eq!(bench.value(FIRST, 1), Value::text("b"));
}

#[test]
fn a_delete_is_conditional_and_can_be_reverted_and_reverted_again() {
    let mut bench = two();
    bench.delete(A, 1, 2);
    let sent = bench.sent(FIRST, B);
    assert_eq!((sent.intent.action, sent.intent.expected), (Action::Delete, vec![None, text("v0"), text("v0")]));
    bench.applied(FIRST, B, 11, 3, &["v0", "v0"]);
    assert_eq!(bench.revert(|what| matches!(what, What::Deleted { .. })), Reverted::Done);
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (Some(Action::Create), Some(Action::Create)));
    bench.applied(FIRST, A, 5, 6, &["v0", "v0"]);
    assert_eq!(bench.revert(|what| matches!(what, What::Reverted { .. })), Reverted::Done);
    assert_eq!(bench.wants(FIRST, A), Some(Action::Delete));
    // Nobody knows whether B has made it meanwhile: it is looked for.
    assert_eq!(bench.link(FIRST, B).presence, Presence::Uncertain);
}

#[test]
fn a_deleted_key_that_is_inserted_again_lives_again_and_replays_do_not() {
    let mut bench = two();
    bench.delete(A, 1, 5);
    bench.applied(FIRST, B, 11, 6, &["v0", "v0"]);
    assert_eq!(bench.tell(A, 1, 4, &["v0", "old"]).0, Absorbed::Stale);
    assert!(matches!(bench.record(FIRST).life, Life::Deleted { .. }));
    bench.tell(A, 1, 7, &["v0", "again"]);
    assert_eq!((bench.record(FIRST).life.clone(), bench.value(FIRST, 1)), (Life::Live, Value::text("again")));
    assert_eq!(bench.wants(FIRST, B), Some(Action::Create));
}

#[test]
fn an_outcome_does_not_undo_what_is_known_to_be_newer() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a"]);
    let sent = bench.sent(FIRST, B);
    bench.tell(B, 11, 9, &["v1", "a"]);
    let outcome = Outcome::Applied(row(11, 5, &["v0", "a"]));
    bench.plan(|planner, set| planner.settle(set, B, &sent, &outcome));
    assert_eq!(bench.value(FIRST, 0), Value::text("v1"));
    assert_eq!(bench.link(FIRST, B).version, version(9));
}

#[test]
fn columns_that_an_outcome_shows_changed_are_news() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.applied(FIRST, B, 11, 5, &["foreign", "a"]);
    assert_eq!((bench.value(FIRST, 0), bench.wants(FIRST, A)), (Value::text("foreign"), Some(Action::Update)));
}

#[test]
fn an_edit_while_a_write_is_under_way_is_written_next() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a1"]);
    let sent = bench.sent(FIRST, B);
    bench.tell(A, 1, 3, &["v0", "a2"]);
    let outcome = Outcome::Applied(row(11, 5, &["v0", "a1"]));
    let (_, delta) = bench.plan(|planner, set| planner.settle(set, B, &sent, &outcome));
    assert!(delta.marks.iter().any(|mark| mark.side == B && mark.action == Some(Action::Update)));
    let next = bench.sent(FIRST, B);
    assert_eq!((&next.intent.cells[2], &next.intent.expected[2]), (&text("a2"), &text("a1")));
}

#[test]
fn a_refuted_write_is_merged_before_anything_is_overwritten() {
    let mut bench = with(Policy::Prefer(vec![B]));
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.settle(FIRST, B, &Outcome::Conflict(row(11, 3, &["v0", "b"])));
    assert_eq!((bench.count(is_conflict), bench.value(FIRST, 1)), (1, Value::text("b")));
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (Some(Action::Update), None));
}

#[test]
fn a_conflict_that_nothing_explains_is_set_aside() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a"]);
    bench.settle(FIRST, B, &Outcome::Conflict(row(11, 3, &["v0", "v0"])));
    assert!(bench.link(FIRST, B).quarantined);
}

#[test]
fn an_overwritten_foreign_value_is_judged_after_the_fact() {
    for (winner, result) in [(A, "a"), (B, "foreign")] {
        let mut bench = with(Policy::Prefer(vec![winner]));
        bench.tell(A, 1, 2, &["v0", "a"]);
        let foreign = Overwritten {
            column: "note".into(),
            value: Value::text("foreign"),
            by: "someone".into(),
            at: Some(Timestamp(3_000_000)),
        };
        bench.settle(FIRST, B, &Outcome::Overwrote(row(11, 3, &["v0", "a"]), vec![foreign]));
        assert_eq!(bench.value(FIRST, 1), Value::text(result));
        assert_eq!(bench.wants(FIRST, B).is_some(), winner == B, "what won has to be there");
        assert_eq!(bench.count(|what| matches!(what, What::Overwrote { .. })), 1);
    }
}

#[test]
fn an_edit_on_top_of_our_write_had_not_seen_what_that_overwrote() {
    let mut bench = with(Policy::Prefer(vec![B]));
    bench.tell(A, 1, 2, &["v0", "a"]);
    let foreign = Overwritten {
        column: "note".into(),
        value: Value::text("foreign"),
        by: "someone".into(),
        at: Some(Timestamp(3_000_000)),
    };
    bench.settle(FIRST, B, &Outcome::Overwrote(row(11, 3, &["v0", "a"]), vec![foreign]));
    let before = bench.count(is_conflict);
    bench.tell(B, 11, 4, &["v0", "later"]);
    assert_eq!(bench.value(FIRST, 1), Value::text("later"));
    assert_eq!(bench.count(is_conflict), before + 1, "both values are on record");
    assert_eq!(bench.wants(FIRST, B), None);
}

#[test]
fn outcomes_that_wrote_nothing_leave_the_mark() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["v0", "a"]);
    let throttled = Outcome::Throttled { retry_after_ms: 70 };
    assert_eq!(bench.settle(FIRST, B, &throttled), Settled::Retry { after_ms: 70 });
    let unknown = Outcome::Unknown { reason: "broke".into() };
    assert_eq!(bench.settle(FIRST, B, &unknown), Settled::Refetch(Some(key(11))));
    assert_eq!(bench.wants(FIRST, B), Some(Action::Update));
    bench.plan(|planner, set| planner.absorb_row(set, B, &row(11, 4, &["v0", "a"])));
    assert_eq!(bench.wants(FIRST, B), None);
}

#[test]
fn two_systems_that_rewrite_each_other_are_stopped() {
    let mut spec = spec(2, &["mail", "note"]);
    spec.bounces_max = 3;
    let mut bench = Bench::linked(spec);
    let mut rounds = 0;
    while bench.state(FIRST, 1).hold.is_none() {
        rounds += 1;
        let order = rounds * 4;
        bench.tell(A, 1, order, &["v0", "UP"]);
        if bench.wants(FIRST, B).is_some() {
            bench.applied(FIRST, B, 11, order + 1, &["v0", "UP"]);
        }
        bench.tell(B, 11, order + 2, &["v0", "down"]);
        if bench.wants(FIRST, A).is_some() {
            bench.applied(FIRST, A, 1, order + 3, &["v0", "down"]);
        }
        assert!(rounds < 10, "it is never stopped");
    }
    assert_eq!(bench.state(FIRST, 1).hold.as_ref().unwrap().reason, HoldReason::PingPong);
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
}

#[test]
fn people_who_take_turns_at_a_field_are_not_taken_for_systems() {
    let mut bench = Bench::linked(spec(2, &["mail", "note"]));
    for round in 1..=250 {
        let order = round * 4;
        let (mine, yours) = (format!("mine {round}"), format!("yours {round}"));
        bench.tell(A, 1, order, &["v0", &mine]);
        bench.applied(FIRST, B, 11, order + 1, &["v0", &mine]);
        bench.tell(B, 11, order + 2, &["v0", &yours]);
        bench.applied(FIRST, A, 1, order + 3, &["v0", &yours]);
        assert!(bench.state(FIRST, 1).hold.is_none(), "held in round {round}");
        assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
    }
}

#[test]
fn several_matches_are_never_guessed_and_a_person_says_which() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.tell(A, 1, 1, &["m", "one"]);
    bench.tell(A, 2, 2, &["m", "two"]);
    bench.tell(B, 11, 1, &["m", "two"]);
    let held = RecordId(3);
    assert!(matches!(bench.record(held).life, Life::Ambiguous { .. }));
    assert_eq!((bench.wants(held, A), bench.wants(FIRST, B)), (None, Some(Action::Create)));
    let choice = Choice::Value(Value::Ref(RecordId(2)));
    bench.plan(|planner, set| planner.decide(set, held, None, &choice, "mo", "")).0.unwrap();
    assert_eq!(bench.set.by_key(B, &key(11)), Some(RecordId(2)));
    assert_eq!((bench.wants(RecordId(2), B), bench.wants(held, A)), (None, None));
}

#[test]
fn a_first_copy_marks_no_creates_and_sums_up_what_it_linked() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.phase = Phase::FirstCopy(Unread::ALL);
    let ((), delta) = bench.plan(|planner, set| {
        planner.absorb_row(set, A, &row(1, 1, &["m1", "x"]));
        planner.absorb_row(set, A, &row(2, 1, &["m2", "x"]));
        planner.absorb_row(set, B, &row(11, 1, &["M1 ", "x"]));
    });
    assert!(delta.marks.iter().all(|mark| mark.action != Some(Action::Create)));
    let copied = delta.journal.iter().find_map(|entry| match entry.what {
        What::Copied { linked, added } => Some((linked, added)),
        _ => None,
    });
    assert_eq!(copied, Some((1, 2)));
    bench.phase = Phase::Live;
    let (_, delta) = bench.plan(|planner, set| planner.review(set, RecordId(2)));
    assert!(delta.marks.iter().any(|mark| mark.side == B && mark.action == Some(Action::Create)));
}

#[test]
fn what_the_last_side_to_be_read_shows_is_created_elsewhere_at_once() {
    let mut bench = Bench::new(spec(3, &["mail", "note"]));
    bench.phase = Phase::FirstCopy([A].into_iter().collect());
    let (_, delta) = bench.plan(|planner, set| planner.absorb_row(set, A, &row(1, 1, &["m1", "x"])));
    let created: Vec<SideId> = delta.marks.iter().filter(|mark| mark.action.is_some()).map(|mark| mark.side).collect();
    assert_eq!(created, [B, SideId(2)]);
    let (_, delta) = bench.plan(|planner, set| planner.absorb_row(set, B, &row(2, 1, &["m2", "x"])));
    let created: Vec<SideId> = delta.marks.iter().filter(|mark| mark.action.is_some()).map(|mark| mark.side).collect();
    assert_eq!(created, [SideId(2)], "a row of A that is still to be read may be the same");
    bench.phase = Phase::FirstCopy([A, B].into_iter().collect());
    let (_, delta) = bench.plan(|planner, set| planner.absorb_row(set, A, &row(3, 1, &["m3", "x"])));
    assert!(delta.marks.iter().all(|mark| mark.action.is_none()), "{:?}", delta.marks);
}

#[test]
fn rows_of_kinds_without_values_are_fetched_or_left_to_others() {
    let mut bench = two();
    let mut batch: ChangeBatch = upsert(&bench.spec, A, &row(1, 2, &["x", "x"]));
    batch.kind = ChangeKind::Invalidate;
    let (absorbed, delta) = bench.plan(|planner, set| planner.absorb(set, A, &batch, 0));
    assert_eq!((absorbed, delta.is_empty()), (Absorbed::Fetch(key(1)), true));
    batch.kind = ChangeKind::Gap;
    let (absorbed, delta) = bench.plan(|planner, set| planner.absorb(set, A, &batch, 0));
    assert_eq!((absorbed, delta.is_empty()), (Absorbed::Done, true));
}

#[test]
fn a_row_known_to_be_gone_is_looked_for_before_a_change_without_version_revives_it() {
    let mut bench = two();
    bench.tell(A, 1, 2, &["m1", "x"]);
    let (_, delta) = bench.plan(|planner, set| planner.absorb_missing(set, A, &key(1), Timestamp(3)));
    assert!(!delta.is_empty());
    let mut batch: ChangeBatch = upsert(&bench.spec, A, &row(1, 2, &["m1", "x"]));
    batch.rows.iter_mut().for_each(|row| row.version = Version::default());
    let (absorbed, delta) = bench.plan(|planner, set| planner.absorb(set, A, &batch, 0));
    assert_eq!((absorbed, delta.is_empty()), (Absorbed::Fetch(key(1)), true));
}

#[test]
fn a_side_that_shows_a_former_value_lags_and_does_not_disagree() {
    let mut bench = with(Policy::Hold);
    bench.tell(A, 1, 2, &["v0", "a1"]);
    // Written to B, but the acknowledgement is lost; then A goes on.
    bench.tell(A, 1, 3, &["v0", "a2"]);
    bench.tell(B, 11, 2, &["v0", "a1"]);
    assert_eq!((bench.count(is_conflict), bench.value(FIRST, 1)), (0, Value::text("a2")));
    assert_eq!(bench.sent(FIRST, B).intent.expected[2], text("a1"));
}

#[test]
fn taking_an_edit_back_is_an_edit_and_not_lagging() {
    let mut bench = Bench::new({
        let mut spec = spec(3, &["mail", "note"]);
        spec.conflict = Policy::Hold;
        spec
    });
    const C: SideId = SideId(2);
    bench.tell(A, 1, 1, &["m", "v0"]);
    bench.applied(FIRST, B, 11, 1, &["m", "v0"]);
    bench.applied(FIRST, C, 21, 1, &["m", "v0"]);
    // C lags behind all along, so former values are remembered.
    bench.tell(A, 1, 2, &["m", "a1"]);
    bench.applied(FIRST, B, 11, 2, &["m", "a1"]);
    bench.tell(A, 1, 3, &["m", "a2"]);
    bench.tell(B, 11, 3, &["m", "v0"]);
    assert_eq!(bench.count(is_conflict), 1, "B went back to v0 without seeing a2");
}

#[test]
fn equal_increments_count_once_and_the_journal_says_so() {
    let mut bench = Bench::new({
        let mut spec = spec(2, &["mail", "count"]);
        spec.conflict = Policy::SumDeltas;
        spec
    });
    let count = |id: i64, order: u64, count: i64| {
        let mut row = row(id, order, &["m", ""]);
        row.cells[2] = Some(Value::Int(count));
        row
    };
    bench.plan(|planner, set| planner.absorb_row(set, A, &count(1, 1, 0)));
    bench.settle(FIRST, B, &Outcome::Applied(count(11, 1, 0)));
    bench.plan(|planner, set| planner.absorb_row(set, A, &count(1, 2, 1)));
    bench.plan(|planner, set| planner.absorb_row(set, B, &count(11, 2, 1)));
    assert_eq!((bench.value(FIRST, 1), bench.count(is_conflict)), (Value::Int(1), 1));
}

#[test]
fn an_edit_told_before_the_outcome_of_its_create_is_kept() {
    let mut bench = Bench::new(spec(2, &["mail", "note"]));
    bench.spec.match_on.clear();
    bench.tell(A, 1, 1, &["m", "n"]);
    let sent = bench.sent(FIRST, B);
    bench.tell(B, 11, 9, &["m", "edited"]);
    let outcome = Outcome::Applied(row(11, 5, &["m", "n"]));
    let needed = bench.plan(|planner, set| planner.settle(set, B, &sent, &outcome));
    assert_eq!((needed.0, bench.set.by_key(B, &key(11))), (Settled::Done, Some(FIRST)));
    assert_eq!((bench.value(FIRST, 1), bench.wants(FIRST, A)), (Value::text("edited"), Some(Action::Update)));
    assert_eq!(bench.wants(RecordId(2), A), None);
}
