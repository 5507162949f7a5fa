//! How long two wide objects take. Not run with the rest, as only a release
//! build says anything: `cargo test --release -p lockstep-core --test proposals
//! -- --ignored --nocapture`. The one place beside the core that reads a clock.
#![allow(clippy::disallowed_methods)]

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use lockstep_core::{
    propose::{Decided, Described, propose},
    schema::Object,
    value::Value,
};

use crate::schemas::object;

const FIELDS: usize = 300;
/// What a person waits for without wondering whether it still runs.
const PATIENCE: Duration = Duration::from_secs(5);
const ROWS: usize = 500;

/// Rows of the same records at both sides, a third of the columns with few values.
fn rows(object: &Object, salt: usize) -> Vec<Vec<Value>> {
    let value = |column: usize, row: usize| match column % 3 {
        0 => Value::text(format!("choice {}", (row * 7 + column * salt) % 5)),
        1 => Value::text(format!("value {} of {column}", row * 31 % 499)),
        _ => Value::text(format!("row{}@column{column}.example.org", row * salt)),
    };
    (0..object.columns.len()).map(|column| (0..ROWS).map(|row| value(column, row)).collect()).collect()
}

/// One object with the columns of several, as wide as grown CRM objects are.
fn wide(texts: &[&str]) -> Object {
    let mut parts = texts.iter().map(|text| object(text));
    let mut whole = parts.next().expect("an object");
    let mut names: BTreeSet<String> = whole.columns.iter().map(|column| column.name.clone()).collect();
    for part in parts {
        for mut column in part.columns {
            if !names.insert(column.name.clone()) {
                column.name = format!("{}_{}", part.name, column.name);
                column.label = format!("{} {}", part.label, column.label);
                names.insert(column.name.clone());
            }
            whole.columns.push(column);
        }
    }
    assert!(whole.columns.len() >= FIELDS, "{} has {} columns only", whole.name, whole.columns.len());
    whole.columns.truncate(FIELDS);
    whole
}

#[test]
#[ignore = "only a release build says anything about time"]
fn two_objects_of_300_fields_are_mapped_while_one_waits() {
    let a = wide(&[
        include_str!("schemas/salesforce-account.txt"),
        include_str!("schemas/salesforce-contact.txt"),
        include_str!("schemas/salesforce-lead.txt"),
        include_str!("schemas/salesforce-opportunity.txt"),
        include_str!("schemas/salesforce-case.txt"),
        include_str!("schemas/salesforce-user.txt"),
    ]);
    let b = wide(&[
        include_str!("schemas/hubspot-contacts.txt"),
        include_str!("schemas/hubspot-companies.txt"),
        include_str!("schemas/hubspot-deals.txt"),
    ]);
    for (what, rows_a, rows_b) in [
        ("without values", Vec::new(), Vec::new()),
        ("with rows", rows(&a, 1), rows(&b, 1)),
        ("with rows that differ", rows(&a, 1), rows(&b, 3)),
    ] {
        let sides = [
            Described { side: "a", object: &a, samples: &rows_a },
            Described { side: "b", object: &b, samples: &rows_b },
        ];
        timed(what, &sides);
    }
}

fn timed(what: &str, sides: &[Described<'_>]) {
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let found = propose(sides, &Decided::default());
        times.push(begun.elapsed());
        assert!(!found.proposals.is_empty());
    }
    times.sort();
    println!("{FIELDS} fields against {FIELDS}, {what}: {times:?}");
    assert!(times[times.len() / 2] < PATIENCE, "{times:?}");
}
