//! Filters, computed fields and defaults in the merge: who takes part, what
//! becomes of rows that no longer do, and that no edit is lost on the way.

#![allow(clippy::unwrap_used)]

mod world;

use lockstep_core::{
    cast::Cast,
    expression::{Expression, Variable},
    journal::What,
    plan::{Belonging, belonging},
    record::{FieldId, HoldReason, Life, Presence, SideId},
    schema::{ColumnType, Kind},
    spec::{Computed, Filter, Leaving, Maker, SyncSpec},
    value::Value,
    write::{Action, Outcome},
};
use world::{
    bench::{A, B, Bench, FIRST},
    row, spec,
};

const C: SideId = SideId(2);

fn expression(text: &str) -> Expression {
    let column_type = ColumnType::of(Kind::Text);
    let variables: Vec<Variable<'_>> = ["land", "note"]
        .iter()
        .enumerate()
        .map(|(id, name)| Variable { name, id: FieldId(id as u16), column_type: &column_type })
        .collect();
    Expression::compile(text, &variables).unwrap()
}

fn filtered(sides: u8, leaving: Leaving) -> SyncSpec {
    let mut spec = spec(sides, &["land", "note"]);
    spec.match_on = Vec::new();
    spec.filter = Some(Filter { expression: Some(expression("land == 'DE'")), leaving });
    spec
}

fn in_step(leaving: Leaving) -> Bench {
    let mut bench = Bench::new(filtered(2, leaving));
    bench.tell(A, 1, 1, &["DE", "n0"]);
    bench.applied(FIRST, B, 11, 1, &["DE", "n0"]);
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
    bench
}

#[test]
fn a_record_that_is_out_is_created_nowhere_until_it_is_in() {
    let mut bench = Bench::new(filtered(2, Leaving::Keep));
    bench.tell(A, 1, 1, &["FR", "n0"]);
    assert_eq!(belonging(&bench.spec, bench.record(FIRST)), Belonging::Out);
    assert_eq!(bench.wants(FIRST, B), None);
    let (_, delta) = bench.tell(A, 1, 2, &["DE", "n0"]);
    assert_eq!(bench.wants(FIRST, B), Some(Action::Create));
    assert_eq!(delta.marks.len(), 1);
}

#[test]
fn kept_rows_stay_in_step_when_their_record_leaves() {
    let mut bench = in_step(Leaving::Keep);
    bench.tell(A, 1, 2, &["FR", "n1"]);
    assert_eq!(bench.wants(FIRST, B), Some(Action::Update));
    assert_eq!(bench.sent(FIRST, B).fields.len(), 2);
}

#[test]
fn an_unlinked_row_hears_why_and_then_nothing_until_its_record_is_back() {
    let mut bench = in_step(Leaving::Unlink);
    bench.tell(A, 1, 2, &["FR", "n1"]);
    let sent = bench.sent(FIRST, B);
    assert_eq!(sent.fields.iter().map(|(field, ..)| *field).collect::<Vec<_>>(), [FieldId(0)]);
    bench.applied(FIRST, B, 11, 2, &["FR", "n0"]);
    bench.tell(A, 1, 3, &["FR", "n2"]);
    assert_eq!(bench.wants(FIRST, B), None);
    // The other side brings it back: what happened meanwhile goes there.
    bench.tell(B, 11, 3, &["DE", "n0"]);
    assert_eq!(bench.wants(FIRST, A), Some(Action::Update));
    let sent = bench.sent(FIRST, B);
    assert_eq!(sent.fields, [(FieldId(1), Value::text("n2"), Value::text("n2"))]);
}

#[test]
fn edits_of_both_sides_while_unlinked_are_a_conflict_and_none_is_lost() {
    let mut bench = in_step(Leaving::Unlink);
    bench.tell(A, 1, 2, &["FR", "n0"]);
    bench.applied(FIRST, B, 11, 2, &["FR", "n0"]);
    bench.tell(A, 1, 3, &["FR", "from a"]);
    bench.tell(B, 11, 3, &["FR", "from b"]);
    assert_eq!(bench.count(|what| matches!(what, What::Conflict { .. })), 1);
}

#[test]
fn an_unlinked_row_that_is_deleted_takes_nothing_with_it() {
    let mut bench = in_step(Leaving::Unlink);
    bench.tell(A, 1, 2, &["FR", "n0"]);
    bench.applied(FIRST, B, 11, 2, &["FR", "n0"]);
    bench.delete(B, 11, 3);
    assert_eq!((bench.record(FIRST).life.clone(), bench.wants(FIRST, A)), (Life::Live, None));
    bench.tell(A, 1, 4, &["DE", "n0"]);
    assert_eq!(bench.wants(FIRST, B), Some(Action::Create));
}

#[test]
fn a_row_is_deleted_where_others_are_not_kept_and_only_there() {
    let mut bench = in_step(Leaving::Delete(vec![B]));
    bench.tell(A, 1, 2, &["FR", "n1"]);
    let sent = bench.sent(FIRST, B);
    assert_eq!(sent.intent.action, Action::Delete);
    // Only while it is what was last seen there.
    assert!(sent.intent.expected.contains(&Some(Value::text("n0"))));
    bench.settle(FIRST, B, &Outcome::Applied(row(11, 2, &["DE", "n0"])));
    assert_eq!(bench.link(FIRST, B).presence, Presence::Deleted);
    assert_eq!((bench.record(FIRST).life.clone(), bench.wants(FIRST, A)), (Life::Live, None));
    bench.tell(A, 1, 3, &["DE", "n2"]);
    assert_eq!(bench.wants(FIRST, B), Some(Action::Create));
}

#[test]
fn an_edit_that_moves_a_record_out_reaches_a_side_that_keeps_it_first() {
    let mut bench = in_step(Leaving::Delete(vec![B]));
    bench.tell(B, 11, 2, &["FR", "from b"]);
    // A has not got it yet: the only row that shows it stays.
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (Some(Action::Update), None));
    bench.applied(FIRST, A, 1, 2, &["FR", "from b"]);
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, Some(Action::Delete)));
}

#[test]
fn an_edit_made_while_its_row_is_being_deleted_is_merged() {
    let mut bench = in_step(Leaving::Delete(vec![B]));
    bench.tell(A, 1, 2, &["FR", "n0"]);
    bench.settle(FIRST, B, &Outcome::Conflict(row(11, 3, &["DE", "late"])));
    assert_eq!(bench.value(FIRST, 1), Value::text("late"));
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (Some(Action::Update), Some(Action::Update)));
    bench.applied(FIRST, A, 1, 4, &["FR", "late"]);
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, Some(Action::Delete)));
}

#[test]
fn a_delete_whose_acknowledgement_was_lost_deletes_nothing_else() {
    let mut bench = in_step(Leaving::Delete(vec![B]));
    bench.tell(A, 1, 2, &["FR", "n0"]);
    // The stream tells of our own delete as of anybody's.
    bench.delete(B, 11, 3);
    assert_eq!((bench.record(FIRST).life.clone(), bench.wants(FIRST, A)), (Life::Live, None));
}

#[test]
fn the_only_row_of_a_record_is_never_deleted_by_a_filter() {
    let mut bench = Bench::new(filtered(2, Leaving::Delete(vec![B])));
    bench.tell(B, 11, 1, &["FR", "only here"]);
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
}

#[test]
fn a_record_that_nobody_can_decide_is_left_as_it_is() {
    let mut bench = in_step(Leaving::Delete(vec![B]));
    bench.spec.filter = Some(Filter { expression: None, leaving: Leaving::Delete(vec![B]) });
    bench.tell(A, 1, 2, &["FR", "n1"]);
    assert_eq!(bench.wants(FIRST, B), Some(Action::Update));
    let mut bench = Bench::new(bench.spec);
    bench.tell(A, 1, 1, &["DE", "n"]);
    assert_eq!(bench.wants(FIRST, B), None);
}

/// Field `note` is computed from `land`.
fn computed(text: &str) -> SyncSpec {
    let mut spec = spec(3, &["land", "note"]);
    let from = Computed { by: Maker::Expression(expression(text)), cast: Cast::Identity };
    spec.fields[1].as_mut().unwrap().from = Some(from);
    for side in spec.sides.iter_mut().flatten() {
        side.fields[1].as_mut().unwrap().reads = false;
    }
    spec.sides[0].as_mut().unwrap().fields[1] = None;
    spec
}

#[test]
fn a_computed_field_follows_what_it_is_computed_from() {
    let mut bench = Bench::new(computed("'in ' + land"));
    bench.tell(A, 1, 1, &["DE", "ignored"]);
    assert_eq!(bench.value(FIRST, 1), Value::text("in DE"));
    assert_eq!(bench.sent(FIRST, B).intent.cells[2], Some(Value::text("in DE")));
    bench.applied(FIRST, B, 11, 1, &["DE", "in DE"]);
    bench.applied(FIRST, C, 21, 1, &["DE", "in DE"]);
    bench.tell(B, 11, 2, &["FR", "in DE"]);
    assert_eq!(bench.value(FIRST, 1), Value::text("in FR"));
    assert_eq!(bench.sent(FIRST, C).fields.len(), 2);
    // What somebody writes there instead is replaced, and is in the journal.
    bench.applied(FIRST, C, 21, 2, &["FR", "in FR"]);
    bench.tell(C, 21, 3, &["FR", "mine"]);
    assert_eq!(bench.sent(FIRST, C).fields, [(FieldId(1), Value::text("in FR"), Value::text("in FR"))]);
    bench.applied(FIRST, C, 21, 4, &["FR", "in FR"]);
    let displaced = bench.journal.iter().any(|entry| {
        matches!(&entry.what, What::Written { changes, .. } if changes.iter().any(|one| one.before == Some(Value::text("mine"))))
    });
    assert!(displaced);
}

#[test]
fn a_computed_field_that_cannot_be_worked_out_waits_and_the_rest_flows() {
    let mut bench = Bench::new(computed("string(int(land) + 1)"));
    bench.tell(A, 1, 1, &["many", ""]);
    let hold = bench.state(FIRST, 1).hold.clone().unwrap();
    assert!(matches!(&hold.reason, HoldReason::Uncastable { message } if message.contains("`int`")), "{hold:?}");
    let sent = bench.sent(FIRST, B);
    assert_eq!((sent.intent.cells[1].clone(), sent.intent.cells[2].clone()), (Some(Value::text("many")), None));
    bench.tell(A, 1, 2, &["7", ""]);
    assert_eq!((bench.state(FIRST, 1).hold.is_none(), bench.value(FIRST, 1)), (true, Value::text("8")));
}

#[test]
fn a_default_fills_a_new_row_and_is_nobodys_value() {
    let mut spec = spec(2, &["land", "note"]);
    let default = Computed { by: Maker::Expression(expression("'new in ' + land")), cast: Cast::Identity };
    spec.fields[1].as_mut().unwrap().default = Some(default);
    let mut bench = Bench::new(spec);
    let mut told = row(1, 1, &["DE", ""]);
    told.cells[2] = Some(Value::Null);
    bench.plan(|planner, set| planner.absorb_row(set, A, &told));
    assert_eq!(bench.sent(FIRST, B).intent.cells[2], Some(Value::text("new in DE")));
    bench.applied(FIRST, B, 11, 1, &["DE", "new in DE"]);
    assert_eq!(bench.value(FIRST, 1), Value::Null);
    assert_eq!((bench.wants(FIRST, A), bench.wants(FIRST, B)), (None, None));
    let (_, delta) = bench.tell(B, 11, 2, &["DE", "new in DE"]);
    assert!(delta.is_empty());
    bench.tell(B, 11, 3, &["DE", "edited"]);
    assert_eq!(bench.wants(FIRST, A), Some(Action::Update));
}
