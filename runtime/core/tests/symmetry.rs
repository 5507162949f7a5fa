//! Policies that make one value of several give the same one whatever order the
//! edits arrive in, and however often writes go out in between.
#![allow(clippy::unwrap_used)]

mod world;

use std::sync::Arc;

use lockstep_core::{
    change::Row,
    record::{RecordId, SideId},
    spec::Policy,
    value::Value,
    write::Outcome,
};
use proptest::prelude::*;
use world::{
    bench::{Bench, FIRST},
    row, spec, upsert,
};

fn tell(bench: &mut Bench, side: u8, order: u64, value: &Value) {
    let batch = upsert(&bench.spec, SideId(side), &shown(side, order, value));
    bench.plan(|planner, set| planner.absorb(set, SideId(side), &batch, 0));
}

fn shown(side: u8, order: u64, value: &Value) -> Row {
    let mut row = row(i64::from(side) + 1, order, &["m", ""]);
    row.cells[2] = Some(value.clone());
    row
}

/// Three sides in step on `base`.
fn three(policy: &Policy, base: &Value) -> Bench {
    let mut spec = spec(3, &["mail", "value"]);
    spec.conflict = policy.clone();
    let mut bench = Bench::new(spec);
    tell(&mut bench, 0, 1, base);
    for side in 1..3 {
        bench.settle(FIRST, SideId(side), &Outcome::Applied(shown(side, 1, base)));
    }
    bench
}

fn result(bench: &Bench) -> Value {
    bench.value(RecordId(1), 1)
}

/// Every order of three edits, each by its own side, with its own time.
fn in_every_order(policy: &Policy, base: &Value, edits: &[Value; 3]) -> Vec<Value> {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    orders
        .iter()
        .map(|order| {
            let mut bench = three(policy, base);
            for side in order {
                tell(&mut bench, *side, 100 + 10 * u64::from(*side), &edits[usize::from(*side)]);
            }
            result(&bench)
        })
        .collect()
}

fn all_equal(results: &[Value]) {
    for result in results {
        assert_eq!(result, &results[0], "{results:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_greatest_and_the_least_win_in_every_order(a in -9..9i64, b in -9..9i64, c in -9..9i64, base in -9..9i64) {
        let edits = [Value::Int(a), Value::Int(b), Value::Int(c)];
        all_equal(&in_every_order(&Policy::Max, &Value::Int(base), &edits).iter().map(moved(base, &edits)).collect::<Vec<_>>());
        all_equal(&in_every_order(&Policy::Min, &Value::Int(base), &edits).iter().map(moved(base, &edits)).collect::<Vec<_>>());
    }

    #[test]
    fn lists_are_united_in_every_order(lists in prop::collection::vec(prop::collection::vec(0..6i64, 0..4), 3), base in prop::collection::vec(0..6i64, 0..3)) {
        let list = |values: &Vec<i64>| Value::List(values.iter().copied().map(Value::Int).collect());
        let base = list(&base);
        let edits = [list(&lists[0]), list(&lists[1]), list(&lists[2])];
        let members = |value: &Value| match value {
            Value::List(list) => list.iter().map(|v| format!("{v:?}")).collect::<std::collections::BTreeSet<_>>(),
            other => panic!("not a list: {other:?}"),
        };
        // Whatever anybody added, without what anybody took away.
        let before = members(&base);
        let edited: Vec<_> = edits.iter().map(members).collect();
        let mut expected: std::collections::BTreeSet<String> =
            edited.iter().flatten().filter(|element| !before.contains(*element)).cloned().collect();
        expected.extend(before.iter().filter(|element| edited.iter().all(|edit| edit.contains(*element))).cloned());
        for result in in_every_order(&Policy::Union, &base, &edits) {
            prop_assert_eq!(members(&result), expected.clone());
        }
    }

    #[test]
    fn every_counted_difference_counts_once_in_every_order(base in 0..1000i64, a in 1..9i64, b in 1..9i64, c in 1..9i64) {
        // Sums of some never equal another side's value: equal values count once.
        let edits = [Value::Int(base + a), Value::Int(base + b * 10), Value::Int(base + c * 100)];
        let results = in_every_order(&Policy::SumDeltas, &Value::Int(base), &edits);
        all_equal(&results);
        prop_assert!(results[0].same_meaning(&Value::Int(base + a + b * 10 + c * 100)));
    }
}

/// What is left of a result when nobody's edit moved it.
fn moved(base: i64, edits: &[Value; 3]) -> impl Fn(&Value) -> Value + '_ {
    move |result| match edits.iter().all(|edit| *edit == Value::Int(base)) {
        true => Value::Int(base),
        false => result.clone(),
    }
}

#[test]
fn decimals_are_added_exactly() {
    let decimal = |text: &str| Value::Decimal(Arc::from(text));
    let edits = [decimal("10.01"), decimal("10.20"), decimal("13.00")];
    for result in in_every_order(&Policy::SumDeltas, &decimal("10.00"), &edits) {
        assert!(result.same_meaning(&decimal("13.21")), "{result:?}");
    }
}
