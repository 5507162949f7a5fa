//! What absorbing one side's rows makes of a record: base, each side, result.

#![allow(clippy::unwrap_used)]

mod world;

use lockstep_core::{
    delta::Delta,
    plan::{Absorbed, Phase, Planner, Refs, Settled, Workset, intent, wants},
    record::{FieldId, RecordId, SideId},
    spec::SyncSpec,
    value::{Timestamp, Value},
    write::{Action, Outcome},
};
use world::{row, spec, upsert};

const A: SideId = SideId(0);
const B: SideId = SideId(1);
const FIRST: RecordId = RecordId(1);

/// Runs verbs in one plan after the other on one set of records.
struct Bench {
    spec: SyncSpec,
    refs: Refs,
    set: Workset,
    next: (u64, u64),
    now: i64,
}

impl Bench {
    fn new(spec: SyncSpec) -> Self {
        Bench { spec, refs: Refs::default(), set: Workset::default(), next: (1, 1), now: 0 }
    }

    fn plan<T>(&mut self, work: impl FnOnce(&mut Planner<'_>, &mut Workset) -> T) -> (T, Delta) {
        self.now += 1_000_000;
        let mut planner =
            Planner::new(&self.spec, &self.refs, Timestamp(self.now), Phase::Live, self.next.0, self.next.1);
        let result = work(&mut planner, &mut self.set);
        self.next = (planner.next_record, planner.next_entry);
        let (delta, _) = planner.finish(&self.set);
        (result, delta)
    }

    fn tell(&mut self, side: SideId, id: i64, order: u64, values: &[&str]) -> (Absorbed, Delta) {
        let batch = upsert(&self.spec, side, &row(id, order, values));
        self.plan(|planner, set| planner.absorb(set, side, &batch, 0))
    }

    fn applied(&mut self, record: RecordId, side: SideId, id: i64, order: u64, values: &[&str]) -> Settled {
        let sent = intent(&self.spec, &self.refs, self.set.get(record).unwrap(), side).unwrap();
        let outcome = Outcome::Applied(row(id, order, values));
        self.plan(|planner, set| planner.settle(set, side, &sent, &outcome)).0
    }

    fn value(&self, record: RecordId, field: u16) -> Value {
        self.set.get(record).unwrap().field(FieldId(field)).unwrap().value.clone()
    }

    fn wants(&self, record: RecordId, side: SideId) -> Option<Action> {
        wants(&self.spec, &self.refs, self.set.get(record).unwrap(), side)
    }

    /// One record in step at two sides, all fields `v0`.
    fn linked(spec: SyncSpec) -> Self {
        let mut bench = Bench::new(spec);
        bench.tell(A, 1, 1, &["v0", "v0"]);
        bench.applied(FIRST, B, 11, 1, &["v0", "v0"]);
        bench
    }
}

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
