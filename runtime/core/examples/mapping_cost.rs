//! What casts, notations and expressions cost a record: `cargo run --release -p
//! lockstep-core --example mapping_cost`. Each line is one field or expression,
//! lifted from one side and projected to the other, in nanoseconds; the last two
//! are a record of twelve fields, with and without notations.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures time and says what it took")]

use std::{collections::BTreeMap, hint::black_box, sync::Arc, time::Instant};

use lockstep_core::{
    config::Config,
    expression::{Expression, Variable},
    mapping::{Ids, compile},
    record::{FieldId, SideId},
    schema::{Column, ColumnType, Kind, Object},
    spec::SyncSpec,
    value::{Timestamp, Value},
};

const TURNS: u32 = 20_000;

fn object(types: &[ColumnType]) -> Object {
    let column = |name: String, column_type: &ColumnType, has_default: bool| Column {
        nullable: !has_default,
        has_default,
        ..Column::new(name, column_type.clone())
    };
    let mut columns = vec![column("id".into(), &ColumnType::of(Kind::Int), true)];
    columns.extend(types.iter().enumerate().map(|(at, one)| column(format!("c{at}"), one, false)));
    Object {
        name: "t".into(),
        label: String::new(),
        columns,
        key: vec!["id".into()],
        unique_keys: Vec::new(),
        rows_estimate: None,
        obstacle: String::new(),
    }
}

/// A field: `as` at the first side, its type there and at the second, and a value.
struct Case(&'static str, &'static str, ColumnType, ColumnType, Value);

fn cases() -> Vec<Case> {
    let decimal = |text: &str| Value::Decimal(Arc::from(text));
    let numeric = |precision, scale| ColumnType {
        precision: Some(precision),
        scale: Some(scale),
        ..ColumnType::of(Kind::Decimal)
    };
    let (text, at) = (ColumnType::of(Kind::Text), Value::Timestamp(Timestamp(1_714_566_615_000_000)));
    let seconds = ColumnType { scale: Some(0), ..ColumnType::of(Kind::Timestamp) };
    vec![
        Case("text", "", text.clone(), text.clone(), Value::text("Ada Lovelace")),
        Case(
            "text(80)",
            "",
            ColumnType { length: Some(80), ..text.clone() },
            text.clone(),
            Value::text("Ada Lovelace"),
        ),
        Case("int as json", "", ColumnType::of(Kind::Int), ColumnType::of(Kind::Json), Value::Int(1234)),
        Case("decimal as text", "", numeric(12, 2), text.clone(), decimal("1234.50")),
        Case("timestamp as text", "", ColumnType::of(Kind::Timestamp), text.clone(), at),
        Case("uuid as text", "", ColumnType::of(Kind::Uuid), text.clone(), Value::Uuid(7)),
        Case("phone", r#"as = { phone = "DE" }"#, text.clone(), text.clone(), Value::text("(030) 901820")),
        Case("country", r#"as = { country = "name" }"#, text.clone(), text.clone(), Value::text("Germany")),
        Case("number", r#"as = { number = "1.234,56" }"#, text.clone(), numeric(12, 2), Value::text("1.234,50")),
        Case(
            "date",
            r#"as = { date = "%d.%m.%Y" }"#,
            text.clone(),
            ColumnType::of(Kind::Date),
            Value::text("31.12.2026"),
        ),
        Case(
            "timestamp with a zone",
            r#"as = { timestamp = "%d.%m.%Y %H:%M:%S", zone = "Europe/Berlin" }"#,
            text.clone(),
            seconds,
            Value::text("31.12.2026 12:00:00"),
        ),
        Case(
            "values",
            r#"as = { values = { open = "New", won = "Closed Won" } }"#,
            text.clone(),
            text,
            Value::text("Closed Won"),
        ),
    ]
}

fn spec(cases: &[Case], notations: bool) -> Result<SyncSpec, String> {
    let fields: Vec<String> = cases
        .iter()
        .enumerate()
        .map(|(at, case)| {
            let notation = if case.1.is_empty() || !notations { String::new() } else { format!(", {}", case.1) };
            format!("f{at} = {{ a = {{ column = \"c{at}\"{notation} }}, b = \"c{at}\" }}\n")
        })
        .collect();
    let text = format!(
        "[connections.a]\nconnector = \"x\"\n[connections.b]\nconnector = \"x\"\n\
         [syncs.s]\nsides = {{ a = \"t\", b = \"t\" }}\nmatch = []\n[syncs.s.fields]\n{}",
        fields.concat()
    );
    let config = Config::parse(&text).map_err(|errors| format!("{errors:?}"))?;
    let ids = Ids {
        sides: BTreeMap::from([("a".into(), SideId(0)), ("b".into(), SideId(1))]),
        fields: (0..cases.len() as u16).map(|at| (format!("f{at}"), FieldId(at))).collect(),
    };
    let types = |pick: fn(&Case) -> &ColumnType| cases.iter().map(|case| pick(case).clone()).collect::<Vec<_>>();
    let objects = BTreeMap::from([
        ("a".to_owned(), object(&types(|case| &case.2))),
        ("b".to_owned(), object(&types(|case| &case.3))),
    ]);
    let sync = config.syncs.first().ok_or("no sync")?;
    compile(sync, &objects, &ids, 1).map(|compiled| compiled.spec).map_err(|errors| format!("{errors:?}"))
}

fn nanos(mut work: impl FnMut()) -> f64 {
    let rounds = (0..5).map(|_| {
        let started = Instant::now();
        (0..TURNS).for_each(|_| work());
        started.elapsed().as_nanos() as f64 / f64::from(TURNS)
    });
    let mut rounds: Vec<f64> = rounds.collect();
    rounds.sort_by(f64::total_cmp);
    rounds.get(2).copied().unwrap_or(0.0)
}

/// One field there, or `None` where it does not cast.
fn through(spec: &SyncSpec, field: FieldId, value: &Value) -> Option<Value> {
    let cast = |side: u8| spec.side(SideId(side)).and_then(|side| side.field(field)).map(|here| &here.cast);
    let canonical = cast(0)?.lift(value).ok()?;
    cast(1)?.project(&canonical).ok()
}

fn main() -> Result<(), String> {
    let cases = cases();
    let whole = spec(&cases, true)?;
    for (at, case) in cases.iter().enumerate() {
        let field = FieldId(at as u16);
        if through(&whole, field, &case.4).is_none() {
            return Err(format!("{} does not cast", case.0));
        }
        println!("{:<24} {:>8.0} ns", case.0, nanos(|| drop(black_box(through(&whole, field, &case.4)))));
    }
    let mut numbers = 1_000_000u32;
    let phone = FieldId(6);
    let first = nanos(|| {
        numbers += 1;
        drop(black_box(through(&whole, phone, &Value::text(format!("030 {numbers}")))));
    });
    println!("{:<24} {first:>8.0} ns", "phone, not seen before");
    let (text, number) = (ColumnType::of(Kind::Text), ColumnType::of(Kind::Decimal));
    let variables = [
        Variable { name: "name", id: FieldId(0), column_type: &text },
        Variable { name: "amount", id: FieldId(1), column_type: &number },
    ];
    let values = [Value::text("Ada"), Value::Decimal(Arc::from("12.50"))];
    for written in ["name == 'Ada'", "name != null && amount > 10", "name + ' ' + string(amount * 2)"] {
        let expression = Expression::compile(written, &variables).map_err(|problem| problem.message)?;
        let evaluate = || expression.evaluate(|field| values.get(usize::from(field.0)));
        println!("{written:<34} {:>6.0} ns", nanos(|| drop(black_box(evaluate()))));
    }
    let all = |spec: &SyncSpec, cases: &[Case]| {
        nanos(|| {
            for (at, case) in cases.iter().enumerate() {
                drop(black_box(through(spec, FieldId(at as u16), &case.4)));
            }
        })
    };
    println!("a record, notations      {:>8.0} ns", all(&whole, &cases));
    let plain: Vec<Case> = (0..12)
        .map(|_| Case("text", "", ColumnType::of(Kind::Text), ColumnType::of(Kind::Text), Value::text("Ada")))
        .collect();
    println!("a record, text only      {:>8.0} ns", all(&spec(&plain, false)?, &plain));
    Ok(())
}
