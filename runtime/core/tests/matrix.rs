//! The tables in docs/casts.md are what the code does.

use lockstep_core::{
    cast::Cast,
    schema::{ColumnType, Kind},
};

const KINDS: [(Kind, &str); 15] = [
    (Kind::Bool, "bool"),
    (Kind::Int, "int"),
    (Kind::Decimal, "decimal"),
    (Kind::Float, "float"),
    (Kind::Text, "text"),
    (Kind::Enum, "enum"),
    (Kind::Opaque, "opaque"),
    (Kind::Bytes, "bytes"),
    (Kind::Date, "date"),
    (Kind::Time, "time"),
    (Kind::Timestamp, "timestamp"),
    (Kind::LocalTimestamp, "local"),
    (Kind::Uuid, "uuid"),
    (Kind::Json, "json"),
    (Kind::List, "list"),
];

fn of(kind: Kind) -> ColumnType {
    let values = if kind == Kind::Enum { vec!["a".to_owned(), "b".to_owned()] } else { Vec::new() };
    ColumnType { kind, native: String::new(), length: None, precision: None, scale: None, values, element: None }
}

/// What becomes of values of one type on their way into another. A way alone tells
/// nothing of the way back, so both are asked and the pair is read apart.
fn mark(from: &ColumnType, to: &ColumnType) -> &'static str {
    let plan = Cast::between(from, to);
    match (plan.impossible, plan.lift_loses(), plan.lift_narrows()) {
        (true, ..) => "–",
        (false, true, _) => "loses",
        (false, false, true) => "some",
        (false, false, false) => "all",
    }
}

fn table(rows: &[(&str, ColumnType)]) -> String {
    let mut text = String::from("| from ↓ to → |");
    for (name, _) in rows {
        text.push_str(&format!(" {name} |"));
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(rows.len()));
    for (name, from) in rows {
        text.push_str(&format!("\n| **{name}** |"));
        for (_, to) in rows {
            text.push_str(&format!(" {} |", mark(from, to)));
        }
    }
    text.push('\n');
    text
}

fn kinds() -> Vec<(&'static str, ColumnType)> {
    KINDS.iter().map(|(kind, name)| (*name, of(*kind))).collect()
}

fn bounded() -> Vec<(&'static str, ColumnType)> {
    let length = |kind, length| ColumnType { length: Some(length), ..of(kind) };
    let scale = |kind, scale| ColumnType { scale: Some(scale), ..of(kind) };
    let numeric = |precision, scale| ColumnType { precision: Some(precision), scale: Some(scale), ..of(Kind::Decimal) };
    let list = |element| ColumnType { element: Some(element), ..of(Kind::List) };
    vec![
        ("int 16", length(Kind::Int, 16)),
        ("int 64", length(Kind::Int, 64)),
        ("decimal(12,2)", numeric(12, 2)),
        ("decimal(18,4)", numeric(18, 4)),
        ("float 32", length(Kind::Float, 32)),
        ("float 64", length(Kind::Float, 64)),
        ("text(40)", length(Kind::Text, 40)),
        ("whole seconds", scale(Kind::Timestamp, 0)),
        ("milliseconds", scale(Kind::Timestamp, 3)),
        ("microseconds", scale(Kind::Timestamp, 6)),
        ("list of int", list(Kind::Int)),
        ("list of text", list(Kind::Text)),
    ]
}

#[test]
fn the_documented_tables_are_what_the_code_does() {
    let page = include_str!("../../../docs/casts.md");
    for table in [table(&kinds()), table(&bounded())] {
        assert!(page.contains(&table), "docs/casts.md should hold:\n{table}");
    }
}
