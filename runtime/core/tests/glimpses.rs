//! What was glimpsed of a row that is gone is journaled.

#![allow(clippy::unwrap_used)]

mod world;

use lockstep_core::{
    journal::What,
    record::{FieldId, SideId},
    value::Value,
};
use world::{
    bench::{A, B, Bench, FIRST},
    row, spec, upsert,
};

/// What a glimpse of the row `id` adds to the journal.
fn glimpsed(bench: &mut Bench, side: SideId, id: i64, values: &[&str]) -> Vec<Vec<(FieldId, Value)>> {
    let batch = upsert(&spec(2, &["mail", "note"]), side, &row(id, 0, values));
    let ((), delta) = bench.plan(|planner, set| planner.keep_glimpse(set, side, &batch, 0));
    let entries = delta.journal.into_iter().map(|entry| match entry.what {
        What::Deleted { last, .. } => last,
        other => panic!("{other:?}"),
    });
    entries.collect()
}

fn all(mail: &str, note: &str) -> Vec<(FieldId, Value)> {
    vec![(FieldId(0), Value::text(mail)), (FieldId(1), Value::text(note))]
}

#[test]
fn an_edit_glimpsed_after_its_rows_delete_is_known_is_kept() {
    let mut bench = Bench::linked(spec(2, &["mail", "note"]));
    bench.tell(A, 1, 2, &["a1", "v0"]);
    bench.applied(FIRST, B, 11, 3, &["a1", "v0"]);
    bench.delete(B, 11, 4);
    assert_eq!(glimpsed(&mut bench, B, 11, &["a1", "v0"]), Vec::<Vec<_>>::new());
    assert_eq!(glimpsed(&mut bench, B, 11, &["a1", "edited"]), [all("a1", "edited")]);
    let nothing: [Vec<(FieldId, Value)>; 0] = [];
    assert_eq!(glimpsed(&mut bench, B, 11, &["a1", "edited"]), nothing, "told once more, as after a restart");
}

#[test]
fn an_edit_glimpsed_of_a_row_whose_record_lives_on_under_another_key_is_kept() {
    let mut bench = Bench::linked(spec(2, &["mail", "note"]));
    bench.tell(A, 1, 2, &["a1", "v0"]);
    // B had not seen that: the record is made there anew.
    bench.delete(B, 11, 4);
    bench.applied(FIRST, B, 12, 5, &["a1", "v0"]);
    assert_eq!(glimpsed(&mut bench, B, 11, &["v0", "edited"]), [all("v0", "edited")]);
    let nothing: [Vec<(FieldId, Value)>; 0] = [];
    assert_eq!(glimpsed(&mut bench, B, 11, &["v0", "edited"]), nothing, "told once more");
}
