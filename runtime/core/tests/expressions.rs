//! Expressions: what they say of a record's values, what is refused before it
//! runs, and that nothing in them can run away.

#![allow(clippy::disallowed_methods, reason = "one test measures how long the largest values take")]

use std::sync::Arc;

use lockstep_core::{
    expression::{Expression, LIST_ITEMS_MAX, Outcome, Variable},
    record::FieldId,
    schema::{ColumnType, Kind},
    value::{Timestamp, Value},
};

const FIELDS: [(&str, Kind); 9] = [
    ("name", Kind::Text),
    ("last", Kind::Text),
    ("amount", Kind::Decimal),
    ("count", Kind::Int),
    ("score", Kind::Float),
    ("active", Kind::Bool),
    ("born", Kind::Date),
    ("seen", Kind::Timestamp),
    ("tags", Kind::List),
];

fn compiled(text: &str) -> Result<Expression, String> {
    let types: Vec<ColumnType> = FIELDS.iter().map(|(_, kind)| ColumnType::of(*kind)).collect();
    let variables: Vec<Variable<'_>> = FIELDS
        .iter()
        .zip(&types)
        .enumerate()
        .map(|(id, ((name, _), column_type))| Variable { name, id: FieldId(id as u16), column_type })
        .collect();
    Expression::compile(text, &variables).map_err(|problem| problem.message)
}

fn decimal(text: &str) -> Value {
    Value::Decimal(Arc::from(text))
}

fn record() -> Vec<Value> {
    vec![
        Value::text("Ada"),
        Value::Null,
        decimal("12.50"),
        Value::Int(3),
        Value::Float(0.5),
        Value::Bool(true),
        Value::Date(0),
        Value::Timestamp(Timestamp(1_714_566_615_250_000)),
        Value::List(vec![Value::text("red"), Value::text("blue")].into()),
    ]
}

fn said(text: &str) -> Result<Outcome, String> {
    let record = record();
    let expression = compiled(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    expression.evaluate(|field| record.get(usize::from(field.0))).map_err(|problem| problem.message)
}

#[test]
fn values_are_worked_out_exactly() {
    for (text, value) in [
        ("name + ' ' + coalesce(last, '?')", Value::text("Ada ?")),
        ("amount + 0.1", decimal("12.60")),
        ("amount * 3", decimal("37.50")),
        ("-(amount - 12)", decimal("-0.50")),
        ("amount == 12.5 && amount > 12", Value::Bool(true)),
        ("string(amount)", Value::text("12.50")),
        ("decimal('0.1') + decimal('0.2')", decimal("0.3")),
        ("count % 2 == 1 ? 'odd' : 'even'", Value::text("odd")),
        ("double(count) * score", Value::Float(1.5)),
        ("name.lowerAscii().startsWith('a')", Value::Bool(true)),
        ("name.matches('^A.a$')", Value::Bool(true)),
        ("last == null", Value::Bool(true)),
        ("'red' in tags && size(tags) == 2", Value::Bool(true)),
        ("tags.exists(t, t.endsWith('ue'))", Value::Bool(true)),
        ("tags.map(t, t.upperAscii()).join('+')", Value::text("RED+BLUE")),
        ("tags.filter(t, t != 'red')", Value::List(vec![Value::text("blue")].into())),
        ("'a,b'.split(',')[1]", Value::text("b")),
        ("born < timestamp('1970-01-02T00:00:00Z')", Value::Bool(true)),
        ("seen + duration('24h')", Value::Timestamp(Timestamp(1_714_653_015_250_000))),
        ("seen.getFullYear()", Value::Int(2024)),
        ("active || last.contains('x')", Value::Bool(true)),
    ] {
        assert_eq!(said(text), Ok(Outcome::Value(value)), "{text}");
    }
}

#[test]
fn an_operand_without_a_value_leaves_nothing_to_say() {
    for text in ["name + last", "last.contains('x')", "last < 'a'", "last.contains('x') && active", "size(last) > 1"] {
        assert_eq!(said(text), Ok(Outcome::Missing), "{text}");
    }
}

#[test]
fn what_goes_wrong_is_said_without_the_values() {
    for (text, why) in [
        ("count / (count - 3)", "division by zero"),
        ("count * 9223372036854775807", "beyond 64 bits"),
        ("tags[7]", "no such element"),
        ("int(name)", "`int`"),
        ("timestamp(name)", "`timestamp`"),
    ] {
        let problem = said(text).expect_err(text);
        assert!(problem.contains(why) && !problem.contains("Ada"), "{text}: {problem}");
    }
}

#[test]
fn mistakes_are_found_before_anything_runs() {
    for (text, why) in [
        ("nam == 'x'", "did you mean `name`"),
        ("name == 1", "`==` is not for string and int"),
        ("1 < amount", "write the decimal first"),
        ("amount / 2", "do not divide exactly"),
        ("name + 1", "string(…)"),
        ("count + score", "int(…) or double(…)"),
        ("name && active", "between conditions"),
        ("active ? name : 1", "convert one of them"),
        ("name.startWith('A')", "did you mean `startsWith`"),
        ("count.contains('x')", "is not for int"),
        ("[1, 'a']", "keep to one type"),
        ("name.matches(last)", "has to be written out"),
        ("has(name.first)", "`name != null`"),
        ("{'a': 1}", "maps"),
        ("name.map(x, x)", "only lists"),
        ("1u + 1u", "unsigned"),
        ("name ==", "cannot be read"),
        ("now() > seen", "no function `now`"),
        ("((((((((((((((((((((((((((1))))))))))))))))))))))))))", "nested deeper"),
    ] {
        let problem = compiled(text).expect_err(text);
        assert!(problem.contains(why), "{text}: {problem}");
    }
    assert!(compiled(&"x".repeat(5_000)).is_err_and(|problem| problem.contains("longer than")));
}

/// Tests run on stacks of two megabytes, as what works expressions out does.
#[test]
fn no_text_is_so_deep_that_a_stack_runs_over() {
    let sum = |ones: usize| format!("{} == 1", vec!["1"; ones].join("+"));
    for text in [
        sum(2_000),
        format!("{}active", "active?active:".repeat(250)),
        format!("active{}", ".b".repeat(1_900)),
        vec!["active"; 450].join("=="),
        format!("'a'{} == 'a'", ".trim()".repeat(500)),
        format!("{}active", "active in ".repeat(350)),
        format!("[1]{}", ".map(x,x)".repeat(400)),
    ] {
        assert!(compiled(&text).is_err(), "{text}");
    }
    for text in [sum(30), vec!["active"; 400].join("&&"), format!("{}active", "!".repeat(4_000))] {
        assert!(matches!(said(&text), Ok(Outcome::Value(Value::Bool(_)))), "{text}");
    }
}

#[test]
fn nothing_that_could_run_away_is_let_in() {
    let doubled = "[name].map(a, a + a)".to_owned() + &".map(a, a + a)".repeat(12);
    for text in [
        doubled.as_str(),
        "tags.exists(a, tags.exists(b, tags.exists(c, a + b == c)))",
        "name.replace('a', name)",
        "name.split('').map(a, name + a)",
    ] {
        let problem = compiled(text).expect_err(text);
        assert!(problem.contains("too l"), "{text}: {problem}");
    }
    let long = Value::List((0..=LIST_ITEMS_MAX as i64).map(|n| Value::text(n.to_string())).collect::<Vec<_>>().into());
    let expression = compiled("'x' in tags").unwrap_or_else(|problem| panic!("{problem}"));
    assert!(expression.evaluate(|_| Some(&long)).is_err());
    let large = Value::text("x".repeat(70_000));
    let expression = compiled("name == 'x'").unwrap_or_else(|problem| panic!("{problem}"));
    assert!(expression.evaluate(|_| Some(&large)).is_err());
}

#[test]
fn the_largest_values_that_are_let_in_are_worked_through_while_one_waits() {
    let tags: Vec<Value> = (0..LIST_ITEMS_MAX).map(|n| Value::text(format!("{n:>40}"))).collect();
    let tags = Value::List(tags.into());
    let started = std::time::Instant::now();
    for text in
        ["tags.exists(a, a.contains('no'))", "tags.map(a, a.upperAscii()).join(',')", "tags.exists_one(a, a == 'no')"]
    {
        let expression = compiled(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert!(matches!(expression.evaluate(|_| Some(&tags)), Ok(Outcome::Value(_))), "{text}");
    }
    // Some hundred milliseconds in a debug build on an idle machine.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
