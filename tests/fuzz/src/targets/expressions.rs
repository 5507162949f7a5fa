//! Filters and computed fields: read from the operator's file, evaluated over
//! values of any side.

use std::sync::Arc;

use lockstep_core::{
    expression::{Expression, Variable, names},
    record::FieldId,
    schema::{ColumnType, Kind},
    value::{Timestamp, Value},
};

pub const WORDS: &[&str] = &[
    "text",
    "number",
    "amount",
    "day",
    "moment",
    "items",
    "flag",
    " + ",
    " / ",
    " ? ",
    " : ",
    " == ",
    "matches(",
    ".size()",
    ".map(x, ",
    ".filter(x, ",
    "duration('1h')",
    "timestamp(",
    "9223372036854775807",
    "(((((((((",
    "null",
    "'\\x00'",
];

const VARIABLES: &[(&str, Kind)] = &[
    ("text", Kind::Text),
    ("number", Kind::Int),
    ("amount", Kind::Decimal),
    ("day", Kind::Date),
    ("moment", Kind::Timestamp),
    ("items", Kind::List),
    ("flag", Kind::Bool),
    ("share", Kind::Float),
];

/// At the edges of each type.
fn extreme(kind: Kind) -> Value {
    match kind {
        Kind::Int => Value::Int(i64::MIN),
        Kind::Decimal => Value::Decimal(Arc::from("-99999999999999999999999999.000000001")),
        Kind::Date => Value::Date(i32::MAX - 1),
        Kind::Timestamp => Value::Timestamp(Timestamp(i64::MAX - 1)),
        Kind::List => Value::List([Value::text(""), Value::text("é")].into()),
        Kind::Bool => Value::Bool(true),
        Kind::Float => Value::Float(f64::NAN),
        _ => Value::text("ﬀ\u{0}\u{1F469}\u{200D}\u{1F467}"),
    }
}

pub fn compile(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = names(&text);
    let types: Vec<ColumnType> = VARIABLES
        .iter()
        .map(|(_, kind)| ColumnType { element: (*kind == Kind::List).then_some(Kind::Text), ..ColumnType::of(*kind) })
        .collect();
    let numbered = VARIABLES.iter().zip(&types).zip(0_u16..);
    let variables: Vec<Variable<'_>> =
        numbered.map(|(((name, _), column_type), id)| Variable { name, id: FieldId(id), column_type }).collect();
    let Ok(expression) = Expression::compile(&text, &variables) else { return };
    let _ = (expression.column_type(), expression.is_condition());
    let extremes: Vec<Value> = VARIABLES.iter().map(|(_, kind)| extreme(*kind)).collect();
    let once = expression.evaluate(|id| extremes.get(usize::from(id.0)));
    let again = expression.evaluate(|id| extremes.get(usize::from(id.0)));
    assert_eq!(once, again, "an expression that says one thing and then another");
    let _ = expression.holds(|_| None);
}
