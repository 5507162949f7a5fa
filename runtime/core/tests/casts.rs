//! Casts: what converts, what is refused, and that nothing is altered silently.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    cast::{self, Cast, CastError},
    config::Config,
    mapping::{Compiled, Ids, MappingError, compile},
    record::{FieldId, SideId},
    schema::{Column, ColumnType, Kind, Object},
    value::{Timestamp, Value},
};
use proptest::prelude::*;

fn long(kind: Kind, length: u32) -> ColumnType {
    ColumnType { length: Some(length), ..ColumnType::of(kind) }
}

fn numeric(precision: u32, scale: i32) -> ColumnType {
    ColumnType { precision: Some(precision), scale: Some(scale), ..ColumnType::of(Kind::Decimal) }
}

fn fraction(kind: Kind, scale: i32) -> ColumnType {
    ColumnType { scale: Some(scale), ..ColumnType::of(kind) }
}

fn list(element: Kind) -> ColumnType {
    ColumnType { element: Some(element), ..ColumnType::of(Kind::List) }
}

fn listed(values: &[&str]) -> ColumnType {
    ColumnType { values: values.iter().map(|value| (*value).to_owned()).collect(), ..ColumnType::of(Kind::Enum) }
}

fn decimal(text: &str) -> Value {
    Value::Decimal(Arc::from(text))
}

fn json(text: &str) -> Value {
    Value::Json(Arc::from(text))
}

fn items(values: &[Value]) -> Value {
    Value::List(values.into())
}

/// 2024-05-01T12:30:15.25Z
const INSTANT: i64 = 1_714_566_615_250_000;

/// A value as the canonical type shows it: native, canonical, in, out.
#[test]
fn values_convert_exactly_both_ways() {
    for (native, canonical, value, lifted) in [
        (ColumnType::of(Kind::Bool), ColumnType::of(Kind::Text), Value::Bool(true), Value::text("true")),
        (ColumnType::of(Kind::Bool), ColumnType::of(Kind::Int), Value::Bool(false), Value::Int(0)),
        (ColumnType::of(Kind::Int), ColumnType::of(Kind::Text), Value::Int(-7), Value::text("-7")),
        (
            ColumnType::of(Kind::Int),
            ColumnType::of(Kind::Decimal),
            Value::Int(i64::MAX),
            decimal("9223372036854775807"),
        ),
        (ColumnType::of(Kind::Int), numeric(21, 2), Value::Int(5), decimal("5.00")),
        (numeric(12, 2), ColumnType::of(Kind::Decimal), decimal("1.50"), decimal("1.50")),
        (numeric(5, 2), numeric(12, 4), decimal("1.50"), decimal("1.5000")),
        (
            ColumnType::of(Kind::Decimal),
            ColumnType::of(Kind::Text),
            decimal("0.10000000000000000000001"),
            Value::text("0.10000000000000000000001"),
        ),
        (ColumnType::of(Kind::Float), ColumnType::of(Kind::Decimal), Value::Float(0.1), decimal("0.1")),
        (long(Kind::Float, 32), ColumnType::of(Kind::Float), Value::Float(0.1), Value::Float(0.1)),
        (long(Kind::Float, 32), ColumnType::of(Kind::Decimal), Value::Float(16_777_216.0), decimal("16777216")),
        (ColumnType::of(Kind::Float), ColumnType::of(Kind::Decimal), Value::Float(f64::INFINITY), decimal("Infinity")),
        (
            ColumnType::of(Kind::Float),
            ColumnType::of(Kind::Json),
            Value::Float(f64::NEG_INFINITY),
            json("\"-Infinity\""),
        ),
        (long(Kind::Text, 3), ColumnType::of(Kind::Text), Value::text("äöü"), Value::text("äöü")),
        (
            ColumnType::of(Kind::Bytes),
            ColumnType::of(Kind::Text),
            Value::Bytes(Arc::from([0, 255, 1])),
            Value::text("AP8B"),
        ),
        (ColumnType::of(Kind::Date), ColumnType::of(Kind::Text), Value::Date(19_844), Value::text("2024-05-01")),
        (
            ColumnType::of(Kind::Date),
            ColumnType::of(Kind::Timestamp),
            Value::Date(1),
            Value::Timestamp(Timestamp(86_400_000_000)),
        ),
        (
            ColumnType::of(Kind::Date),
            ColumnType::of(Kind::Timestamp),
            Value::Date(i32::MAX),
            Value::Timestamp(Timestamp(i64::MAX)),
        ),
        (
            ColumnType::of(Kind::Time),
            ColumnType::of(Kind::Text),
            Value::Time(45_015_250_000),
            Value::text("12:30:15.25"),
        ),
        (
            ColumnType::of(Kind::Timestamp),
            ColumnType::of(Kind::Text),
            Value::Timestamp(Timestamp(INSTANT)),
            Value::text("2024-05-01T12:30:15.25Z"),
        ),
        (
            ColumnType::of(Kind::Timestamp),
            ColumnType::of(Kind::Json),
            Value::Timestamp(Timestamp(0)),
            json("\"1970-01-01T00:00:00Z\""),
        ),
        (
            ColumnType::of(Kind::LocalTimestamp),
            ColumnType::of(Kind::Timestamp),
            Value::LocalTimestamp(INSTANT),
            Value::Timestamp(Timestamp(INSTANT)),
        ),
        (
            ColumnType::of(Kind::LocalTimestamp),
            ColumnType::of(Kind::Text),
            Value::LocalTimestamp(0),
            Value::text("1970-01-01T00:00:00"),
        ),
        (
            ColumnType::of(Kind::Uuid),
            ColumnType::of(Kind::Text),
            Value::Uuid(0xa0ee_bc99_9c0b_4ef8_bb6d_6bb9_bd38_0a11),
            Value::text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ),
        (ColumnType::of(Kind::Json), ColumnType::of(Kind::Text), json("{\"a\": 1}"), Value::text("{\"a\": 1}")),
        (ColumnType::of(Kind::Int), ColumnType::of(Kind::Json), Value::Int(3), json("3")),
        (
            ColumnType::of(Kind::Bytes),
            ColumnType::of(Kind::Json),
            Value::Bytes(Arc::from([0, 255, 1])),
            json("\"AP8B\""),
        ),
        (
            list(Kind::Int),
            list(Kind::Text),
            items(&[Value::Int(1), Value::Null]),
            items(&[Value::text("1"), Value::Null]),
        ),
        (list(Kind::Date), ColumnType::of(Kind::Json), items(&[Value::Date(0)]), json("[\"1970-01-01\"]")),
        (
            ColumnType::of(Kind::Text),
            list(Kind::Text),
            Value::text("a;b;;c"),
            items(&[Value::text("a"), Value::text("b"), Value::text(""), Value::text("c")]),
        ),
        (ColumnType::of(Kind::Text), list(Kind::Text), Value::text(""), items(&[])),
        (listed(&["x"]), ColumnType::of(Kind::Text), Value::text("x"), Value::text("x")),
        (ColumnType::of(Kind::Opaque), ColumnType::of(Kind::Text), Value::text("(1,2)"), Value::text("(1,2)")),
    ] {
        let cast = Cast::between(&native, &canonical).cast;
        assert_eq!(cast.lift(&value).as_ref(), Ok(&lifted), "{native:?}");
        assert_eq!(cast.project(&lifted).as_ref(), Ok(&value), "{canonical:?}");
        assert_eq!(cast.lift(&Value::Null), Ok(Value::Null));
    }
}

/// What a column makes of text.
#[test]
fn a_list_of_json_in_json_keeps_what_is_a_text_and_what_a_number() {
    let native = list(Kind::Json);
    let plan = Cast::between(&native, &ColumnType::of(Kind::Json));
    let shown = items(&[json("\"1\""), json("0"), json("{\"a\":[1]}")]);
    let canonical = plan.cast.lift(&shown).unwrap();
    assert_eq!(canonical, json("[\"1\",0,{\"a\":[1]}]"));
    assert_eq!(plan.cast.project(&canonical).unwrap(), shown);
}

#[test]
fn text_is_read_in_the_notations_people_use() {
    for (column, text, value) in [
        (ColumnType::of(Kind::Bool), " Yes", Value::Bool(true)),
        (ColumnType::of(Kind::Bool), "off", Value::Bool(false)),
        (ColumnType::of(Kind::Int), " 42 ", Value::Int(42)),
        (ColumnType::of(Kind::Int), "1e3", Value::Int(1000)),
        (ColumnType::of(Kind::Int), "7.00", Value::Int(7)),
        (numeric(6, 2), "+12.5", decimal("12.50")),
        (ColumnType::of(Kind::Decimal), "1.5e-3", decimal("0.0015")),
        (ColumnType::of(Kind::Float), "0.25", Value::Float(0.25)),
        (ColumnType::of(Kind::Timestamp), "2024-05-01T14:30:15.250+02:00", Value::Timestamp(Timestamp(INSTANT))),
        (ColumnType::of(Kind::Timestamp), "2024-05-01 12:30:15.250000000Z", Value::Timestamp(Timestamp(INSTANT))),
        (
            ColumnType::of(Kind::Uuid),
            "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}",
            Value::Uuid(0xa0ee_bc99_9c0b_4ef8_bb6d_6bb9_bd38_0a11),
        ),
        (ColumnType::of(Kind::Json), "[1, 2]", json("[1, 2]")),
    ] {
        let cast = Cast::between(&column, &ColumnType::of(Kind::Text)).cast;
        assert_eq!(cast.project(&Value::text(text)), Ok(value), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_never_cut() {
    for (column, canonical, value, code) in [
        (long(Kind::Text, 3), Kind::Text, Value::text("äöüß"), "LS-CST-002"),
        (long(Kind::Bytes, 1), Kind::Bytes, Value::Bytes(Arc::from([1, 2])), "LS-CST-002"),
        (long(Kind::Int, 16), Kind::Int, Value::Int(32_768), "LS-CST-003"),
        (long(Kind::Int, 32), Kind::Int, Value::Int(-2_147_483_649), "LS-CST-003"),
        (ColumnType::of(Kind::Int), Kind::Decimal, decimal("9223372036854775808"), "LS-CST-003"),
        (ColumnType::of(Kind::Int), Kind::Decimal, decimal("NaN"), "LS-CST-003"),
        (ColumnType::of(Kind::Int), Kind::Decimal, decimal("1.5"), "LS-CST-004"),
        (numeric(4, 2), Kind::Decimal, decimal("100"), "LS-CST-003"),
        (numeric(4, 2), Kind::Decimal, decimal("0.005"), "LS-CST-004"),
        (numeric(2, 4), Kind::Decimal, decimal("0.05"), "LS-CST-003"),
        (ColumnType::of(Kind::Float), Kind::Decimal, decimal("0.1234567890123456789"), "LS-CST-004"),
        (ColumnType::of(Kind::Float), Kind::Int, Value::Int(i64::MAX), "LS-CST-004"),
        (long(Kind::Float, 32), Kind::Float, Value::Float(0.123_456_789), "LS-CST-004"),
        (long(Kind::Float, 32), Kind::Float, Value::Float(1e300), "LS-CST-003"),
        (ColumnType::of(Kind::Bool), Kind::Int, Value::Int(2), "LS-CST-001"),
        (ColumnType::of(Kind::Bool), Kind::Text, Value::text("maybe"), "LS-CST-001"),
        (ColumnType::of(Kind::Date), Kind::Text, Value::text("2024-02-30"), "LS-CST-001"),
        (ColumnType::of(Kind::Date), Kind::Timestamp, Value::Timestamp(Timestamp(1)), "LS-CST-004"),
        (ColumnType::of(Kind::Timestamp), Kind::Text, Value::text("2024-05-01T00:00:00"), "LS-CST-001"),
        (fraction(Kind::Timestamp, 0), Kind::Timestamp, Value::Timestamp(Timestamp(1_500_000)), "LS-CST-004"),
        (fraction(Kind::Timestamp, 3), Kind::Timestamp, Value::Timestamp(Timestamp(1_500)), "LS-CST-004"),
        (ColumnType::of(Kind::Uuid), Kind::Text, Value::text("a0eebc99-9c0b-4ef8-bb6d"), "LS-CST-001"),
        (ColumnType::of(Kind::Json), Kind::Text, Value::text("{"), "LS-CST-001"),
        (listed(&["a"]), Kind::Text, Value::text("A"), "LS-CST-005"),
        (ColumnType::of(Kind::Text), Kind::List, items(&[Value::text("a;b")]), "LS-CST-006"),
        (ColumnType::of(Kind::Text), Kind::List, items(&[Value::Null]), "LS-CST-006"),
        (ColumnType::of(Kind::Text), Kind::List, items(&[Value::text("")]), "LS-CST-006"),
        (ColumnType::of(Kind::Uuid), Kind::Int, Value::Int(1), "LS-CST-007"),
        (ColumnType::of(Kind::Time), Kind::Timestamp, Value::Timestamp(Timestamp(0)), "LS-CST-007"),
    ] {
        let cast = Cast::between(&column, &ColumnType::of(canonical)).cast;
        let refused = cast.project(&value).map_err(|error| error.code());
        assert_eq!(refused, Err(code), "{column:?} {value:?}");
    }
}

#[test]
fn a_refusal_never_repeats_the_value() {
    let cast = Cast::between(&long(Kind::Text, 3), &ColumnType::of(Kind::Text)).cast;
    let error = cast.project(&Value::text("secret")).unwrap_err();
    assert_eq!(error.to_string(), "6 characters do not fit into 3");
    assert_eq!(error, CastError::TooLong { length: 6, length_max: 3, unit: "characters" });
}

#[test]
fn an_allowed_loss_rounds_and_still_never_cuts_text() {
    for (column, canonical, value, stored) in [
        (numeric(6, 2), Kind::Decimal, decimal("1.005"), decimal("1.01")),
        (ColumnType::of(Kind::Int), Kind::Decimal, decimal("-2.5"), Value::Int(-3)),
        (ColumnType::of(Kind::Date), Kind::Timestamp, Value::Timestamp(Timestamp(-1)), Value::Date(-1)),
        (
            fraction(Kind::Timestamp, 0),
            Kind::Timestamp,
            Value::Timestamp(Timestamp(1_500_000)),
            Value::Timestamp(Timestamp(2_000_000)),
        ),
        (
            fraction(Kind::Timestamp, 3),
            Kind::Timestamp,
            Value::Timestamp(Timestamp(-1_400)),
            Value::Timestamp(Timestamp(-1_000)),
        ),
        (long(Kind::Float, 32), Kind::Float, Value::Float(0.123_456_789), Value::Float(0.123_456_79)),
    ] {
        let plan = Cast::between(&column, &ColumnType::of(canonical));
        assert!(!plan.lossless && plan.loss.is_some(), "{column:?}");
        assert_eq!(plan.lossy().project(&value), Ok(stored), "{column:?}");
    }
    let short = Cast::between(&long(Kind::Text, 1), &ColumnType::of(Kind::Text));
    assert!(short.lossless && short.narrows.is_some());
    assert_eq!(short.lossy().project(&Value::text("ab")).map_err(|error| error.code()), Err("LS-CST-002"));
}

#[test]
fn what_a_person_writes_becomes_a_value_of_the_field() {
    for (written, canonical, value) in [
        ("12.5", numeric(6, 2), Ok(decimal("12.50"))),
        ("\"12345678901234567890.1\"", ColumnType::of(Kind::Decimal), Ok(decimal("12345678901234567890.1"))),
        ("true", ColumnType::of(Kind::Bool), Ok(Value::Bool(true))),
        ("7", ColumnType::of(Kind::Text), Ok(Value::text("7"))),
        ("\"null\"", ColumnType::of(Kind::Text), Ok(Value::text("null"))),
        ("null", ColumnType::of(Kind::Text), Ok(Value::Null)),
        ("\"a;b\"", list(Kind::Text), Ok(items(&[Value::text("a"), Value::text("b")]))),
        ("[1, 2]", list(Kind::Int), Ok(items(&[Value::Int(1), Value::Int(2)]))),
        ("\"x\"", ColumnType::of(Kind::Json), Ok(json("\"x\""))),
        ("\"2024-05-01\"", ColumnType::of(Kind::Date), Ok(Value::Date(19_844))),
        ("\"noon\"", ColumnType::of(Kind::Time), Err("LS-CST-001")),
        ("1.005", numeric(6, 2), Err("LS-CST-004")),
    ] {
        let written: serde_json::Value = serde_json::from_str(written).expect("JSON");
        assert_eq!(cast::read(&written, &canonical).map_err(|error| error.code()), value, "{written}");
    }
}

#[test]
fn the_same_type_on_both_ends_is_no_conversion() {
    let plan = Cast::between(&numeric(12, 2), &ColumnType { native: "currency".into(), ..numeric(12, 2) });
    assert_eq!(plan.cast, Cast::Identity);
    assert!(plan.lossless && plan.narrows.is_none() && !plan.impossible);
    let value = Value::text("shared");
    let (Value::Text(before), Ok(Value::Text(after))) = (&value, plan.cast.lift(&value)) else {
        panic!("text stays text");
    };
    assert!(Arc::ptr_eq(before, &after));
}

/// A column type with values that a column of it can show.
fn column() -> impl Strategy<Value = (ColumnType, Vec<Value>)> {
    let case = |column: ColumnType, value: BoxedStrategy<Value>| {
        prop::collection::vec(value, 1..4).prop_map(move |values| (column.clone(), values)).boxed()
    };
    let scaled = |digits: u32, scale: u32| {
        let bound = 10i64.pow(digits);
        (-bound + 1..bound)
            .prop_map(move |units| {
                let text = format!("{:0width$}", units.abs(), width = scale as usize + 1);
                let (whole, part) = text.split_at(text.len() - scale as usize);
                let dot = if scale > 0 { "." } else { "" };
                decimal(&format!("{}{whole}{dot}{part}", if units < 0 { "-" } else { "" }))
            })
            .boxed()
    };
    let text = "[a-z0-9;:,.\\-äß ]{0,8}".prop_map(Value::text).boxed();
    let times =
        |step: i64| (-60_000_000_000_000_000 / step..200_000_000_000_000_000 / step).prop_map(move |n| n * step);
    let bools = any::<bool>().prop_map(Value::Bool).boxed();
    let ints = any::<i64>().prop_map(Value::Int).boxed();
    let floats = prop_oneof![any::<f64>(), (-1000i32..1000).prop_map(|n| f64::from(n) / 8.0)];
    let words = prop::sample::select(vec!["red", "green", "blue"]).prop_map(Value::text).boxed();
    let list_of = |item: BoxedStrategy<Value>| {
        let item = prop_oneof![9 => item, 1 => Just(Value::Null)];
        prop::collection::vec(item, 0..4).prop_map(|list| Value::List(list.into())).boxed()
    };
    let documents = prop_oneof![
        Just("null"),
        Just("{\"a\": [1, 2.50]}"),
        Just("[]"),
        Just("\"x\""),
        Just("12345678901234567890"),
        Just("true")
    ];
    prop_oneof![
        case(ColumnType::of(Kind::Bool), bools),
        case(ColumnType::of(Kind::Int), ints.clone()),
        case(long(Kind::Int, 16), any::<i16>().prop_map(|n| Value::Int(n.into())).boxed()),
        case(numeric(12, 2), scaled(12, 2)),
        case(numeric(5, 0), scaled(5, 0)),
        case(
            ColumnType::of(Kind::Decimal),
            "-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?".prop_map(|text| decimal(&text)).boxed()
        ),
        case(ColumnType::of(Kind::Decimal), prop::sample::select(vec!["NaN", "Infinity"]).prop_map(decimal).boxed()),
        case(ColumnType::of(Kind::Float), floats.prop_map(Value::Float).boxed()),
        case(ColumnType::of(Kind::Text), text.clone()),
        case(long(Kind::Text, 8), text.clone()),
        case(ColumnType::of(Kind::Opaque), text.clone()),
        case(
            ColumnType::of(Kind::Bytes),
            prop::collection::vec(any::<u8>(), 0..9).prop_map(|b| Value::Bytes(b.into())).boxed()
        ),
        case(ColumnType::of(Kind::Date), any::<i32>().prop_map(Value::Date).boxed()),
        case(ColumnType::of(Kind::Time), (0..86_400_000_000i64).prop_map(Value::Time).boxed()),
        case(ColumnType::of(Kind::Timestamp), times(1).prop_map(|at| Value::Timestamp(Timestamp(at))).boxed()),
        case(fraction(Kind::Timestamp, 3), times(1000).prop_map(|at| Value::Timestamp(Timestamp(at))).boxed()),
        case(ColumnType::of(Kind::LocalTimestamp), times(1).prop_map(Value::LocalTimestamp).boxed()),
        case(ColumnType::of(Kind::Uuid), any::<u128>().prop_map(Value::Uuid).boxed()),
        case(ColumnType::of(Kind::Json), documents.prop_map(json).boxed()),
        case(listed(&["red", "green", "blue"]), words),
        case(list(Kind::Text), list_of(text)),
        case(list(Kind::Int), list_of(ints)),
    ]
}

/// The casts of one field between two sides, as a mapping chooses them.
fn mapped(a: &ColumnType, b: &ColumnType) -> Result<Compiled, Vec<MappingError>> {
    let text = "[connections.a]\nconnector = \"x\"\n[connections.b]\nconnector = \"x\"\n\
                [syncs.s]\nsides = { a = \"t\", b = \"t\" }\nmatch = []\nfields = { v = \"v\" }\n";
    let config = Config::parse(text).unwrap_or_else(|errors| panic!("{errors:?}"));
    let column = |name: &str, column_type: &ColumnType, has_default: bool| Column {
        nullable: !has_default,
        has_default,
        ..Column::new(name, column_type.clone())
    };
    let object = |column_type: &ColumnType| Object {
        name: "t".into(),
        label: String::new(),
        columns: vec![column("id", &ColumnType::of(Kind::Int), true), column("v", column_type, false)],
        key: vec!["id".into()],
        unique_keys: Vec::new(),
        rows_estimate: None,
        obstacle: String::new(),
    };
    let ids = Ids {
        sides: BTreeMap::from([("a".into(), SideId(0)), ("b".into(), SideId(1))]),
        fields: BTreeMap::from([("v".into(), FieldId(0))]),
    };
    let objects = BTreeMap::from([("a".to_owned(), object(a)), ("b".to_owned(), object(b))]);
    compile(&config.syncs[0], &objects, &ids, 1)
}

fn cast_at(compiled: &Compiled, side: u8) -> &Cast {
    let side = compiled.spec.side(SideId(side)).expect("the side");
    &side.field(FieldId(0)).expect("the field").cast
}

/// Text may write the same value in several ways.
fn notation_is_free(column: &ColumnType) -> bool {
    let text = |kind| matches!(kind, Kind::Text | Kind::Opaque | Kind::Json | Kind::Enum);
    text(column.kind) || column.element.is_some_and(text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mapping_that_is_taken_alters_no_value((a, values) in column(), (b, _) in column()) {
        let Ok(compiled) = mapped(&a, &b) else {
            return Ok(());
        };
        let (here, there) = (cast_at(&compiled, 0), cast_at(&compiled, 1));
        for native in values {
            // Whatever a side shows has a canonical form, and comes back from it.
            let far = matches!(native, Value::Date(_));
            let canonical = match here.lift(&native) {
                Ok(canonical) => canonical,
                // Dates go further than instants do.
                Err(CastError::OutOfRange { .. }) if far => continue,
                Err(error) => return Err(TestCaseError::fail(format!("{native:?}: {error}"))),
            };
            let back = here.project(&canonical);
            prop_assert!(back.as_ref().is_ok_and(|back| back.same_meaning(&native)), "{:?} {:?} {:?}", native, canonical, back);
            // Where the other side takes it, it holds what it is shown to hold.
            if let Ok(stored) = there.project(&canonical) {
                let echo = there.lift(&stored);
                let again = echo.as_ref().map(|echo| there.project(echo));
                prop_assert!(matches!(&again, Ok(Ok(again)) if again.same_meaning(&stored)), "{:?} {:?} {:?}", canonical, stored, echo);
                let from_text = notation_is_free(&a);
                prop_assert!(from_text || echo.as_ref().is_ok_and(|echo| echo.same_meaning(&canonical)), "{:?} {:?} {:?}", canonical, stored, echo);
            }
        }
    }

    #[test]
    fn a_strict_cast_refuses_rather_than_alters((a, values) in column(), (b, _) in column()) {
        let plan = Cast::between(&a, &b);
        let from_text = notation_is_free(&a);
        for native in values {
            if let Ok(canonical) = plan.cast.lift(&native) {
                let back = plan.cast.project(&canonical);
                prop_assert!(from_text || back.as_ref().is_ok_and(|back| back.same_meaning(&native)), "{:?} {:?} {:?}", native, canonical, back);
            }
        }
    }
}
