//! Notations: what a side writes that its column's type does not say is read,
//! written back the same, and refused where it cannot be.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    config::Config,
    mapping::{Compiled, Ids, MappingError, compile},
    record::{FieldId, SideId},
    schema::{Column, ColumnType, Kind, Object},
    value::{Timestamp, Value},
};
use proptest::prelude::*;

fn object(column_type: &ColumnType) -> Object {
    let column = |name: &str, column_type: &ColumnType, has_default: bool| Column {
        nullable: !has_default,
        has_default,
        ..Column::new(name, column_type.clone())
    };
    Object {
        name: "t".into(),
        label: String::new(),
        columns: vec![column("id", &ColumnType::of(Kind::Int), true), column("v", column_type, false)],
        key: vec!["id".into()],
        unique_keys: Vec::new(),
        rows_estimate: None,
        obstacle: String::new(),
    }
}

/// A field between column `v` of two sides; `field` is all that its table says.
fn mapped(field: &str, a: &ColumnType, b: &ColumnType) -> Result<Compiled, Vec<MappingError>> {
    let text = format!(
        "[connections.a]\nconnector = \"x\"\n[connections.b]\nconnector = \"x\"\n\
         [syncs.s]\nsides = {{ a = \"t\", b = \"t\" }}\nmatch = []\n[syncs.s.fields]\nv = {{ {field} }}\n"
    );
    let config = Config::parse(&text).unwrap_or_else(|errors| panic!("{errors:?}"));
    let ids = Ids {
        sides: BTreeMap::from([("a".into(), SideId(0)), ("b".into(), SideId(1))]),
        fields: BTreeMap::from([("v".into(), FieldId(0))]),
    };
    let objects = BTreeMap::from([("a".to_owned(), object(a)), ("b".to_owned(), object(b))]);
    compile(&config.syncs[0], &objects, &ids, 1)
}

fn held(field: &str, a: &ColumnType, b: &ColumnType) -> Compiled {
    mapped(field, a, b).unwrap_or_else(|errors| panic!("{field}: {errors:?}"))
}

/// What a value at `a` becomes at `b`, or the code of the refusal.
fn through(compiled: &Compiled, value: &Value) -> Result<Value, &'static str> {
    let cast = |side: u8| &compiled.spec.side(SideId(side)).expect("a side").field(FieldId(0)).expect("a field").cast;
    let canonical = cast(0).lift(value).map_err(|error| error.code())?;
    cast(1).project(&canonical).map_err(|error| error.code())
}

fn decimal(text: &str) -> Value {
    Value::Decimal(Arc::from(text))
}

fn texts(items: &[&str]) -> Value {
    Value::List(items.iter().map(Value::text).collect::<Vec<_>>().into())
}

/// 2026-03-29 in Berlin has no 02:30; 2026-10-25 has two.
const SUMMER_EVE: i64 = 1_774_744_200_000_000;

#[test]
fn what_one_side_writes_arrives_in_the_others_form() {
    let (text, int, float) = (ColumnType::of(Kind::Text), ColumnType::of(Kind::Int), ColumnType::of(Kind::Float));
    let (date, instant, local) =
        (ColumnType::of(Kind::Date), ColumnType::of(Kind::Timestamp), ColumnType::of(Kind::LocalTimestamp));
    let money = ColumnType { precision: Some(12), scale: Some(2), ..ColumnType::of(Kind::Decimal) };
    let list = ColumnType { element: Some(Kind::Text), ..ColumnType::of(Kind::List) };
    let at = |micros| Value::Timestamp(Timestamp(micros));
    for (field, a, b, value, arrives) in [
        (
            r#"a = "v", b = "v", as = { phone = "DE" }"#,
            &text,
            &text,
            Value::text("(030) 901820"),
            Ok(Value::text("+4930901820")),
        ),
        (
            r#"a = "v", b = "v", as = { phone = "DE" }"#,
            &text,
            &text,
            Value::text("0044 20 7946 0958"),
            Ok(Value::text("+442079460958")),
        ),
        (
            r#"a = "v", b = { column = "v", as = { phone = "DE", write = "national" } }, as = "phone""#,
            &text,
            &text,
            Value::text("+49 (0)30 901820"),
            Ok(Value::text("030 901820")),
        ),
        (r#"a = "v", b = "v", as = "phone""#, &text, &text, Value::text("030 901820"), Err("LS-CST-001")),
        (
            r#"a = "v", b = "v", as = { phone = "US" }"#,
            &text,
            &text,
            Value::text("650-253-0000 ext. 12"),
            Err("LS-CST-001"),
        ),
        (r#"a = "v", b = "v", as = { phone = "US" }"#, &text, &text, Value::text("call me"), Err("LS-CST-001")),
        (
            r#"a = "v", b = { column = "v", as = { country = "name" } }, as = "country""#,
            &text,
            &text,
            Value::text("DEU"),
            Ok(Value::text("Germany")),
        ),
        (
            r#"a = "v", b = { column = "v", as = { country = "alpha-3" } }, as = "country""#,
            &text,
            &text,
            Value::text("united states"),
            Ok(Value::text("USA")),
        ),
        (r#"a = "v", b = "v", as = "country""#, &text, &text, Value::text("Uk"), Ok(Value::text("GB"))),
        (r#"a = "v", b = "v", as = "country""#, &text, &text, Value::text("Atlantis"), Err("LS-CST-001")),
        (r#"a = "v", b = "v", as = "currency""#, &text, &text, Value::text("eur"), Ok(Value::text("EUR"))),
        (
            r#"a = { column = "v", as = { number = "1.234,56" } }, b = "v""#,
            &text,
            &ColumnType::of(Kind::Decimal),
            Value::text("-1.234.567,50"),
            Ok(decimal("-1234567.50")),
        ),
        (
            r#"a = { column = "v", as = { number = "1,234.56" } }, b = "v""#,
            &text,
            &ColumnType::of(Kind::Decimal),
            Value::text("12,5"),
            Err("LS-CST-001"),
        ),
        (
            r#"a = "v", b = { column = "v", as = { number = "1 234,56" } }"#,
            &money,
            &text,
            decimal("1234567.50"),
            Ok(Value::text("1 234 567,50")),
        ),
        (
            r#"a = { column = "v", as = { money = "EUR", number = "1.234,56" } }, b = "v""#,
            &text,
            &ColumnType::of(Kind::Decimal),
            Value::text("€ 1.234,50"),
            Ok(decimal("1234.50")),
        ),
        (
            r#"a = { column = "v", as = { money = "EUR" } }, b = "v""#,
            &text,
            &ColumnType::of(Kind::Decimal),
            Value::text("12.50 USD"),
            Err("LS-CST-001"),
        ),
        (
            r#"a = "v", b = { column = "v", as = { money = "EUR" } }"#,
            &money,
            &text,
            decimal("9.90"),
            Ok(Value::text("9.90 EUR")),
        ),
        (
            r#"a = { column = "v", as = "percent" }, b = { column = "v", as = "fraction" }"#,
            &text,
            &float,
            Value::text("12.5 %"),
            Ok(Value::Float(0.125)),
        ),
        (
            r#"a = { column = "v", as = "fraction" }, b = { column = "v", as = "percent" }"#,
            &ColumnType::of(Kind::Decimal),
            &text,
            decimal("0.125"),
            Ok(Value::text("12.5%")),
        ),
        (
            r#"a = { column = "v", as = { date = "%d.%m.%Y" } }, b = "v""#,
            &text,
            &date,
            Value::text("31.12.2026"),
            Ok(Value::Date(20_818)),
        ),
        (
            r#"a = { column = "v", as = { date = "%d.%m.%Y" } }, b = "v""#,
            &text,
            &date,
            Value::text("2026-12-31"),
            Err("LS-CST-001"),
        ),
        (
            r#"a = { column = "v", as = { date = "%d.%m.%Y" } }, b = "v""#,
            &text,
            &date,
            Value::text("  "),
            Ok(Value::Null),
        ),
        (
            r#"a = { column = "v", as = { time = "%I:%M:%S %p" } }, b = "v""#,
            &text,
            &ColumnType { scale: Some(0), ..ColumnType::of(Kind::Time) },
            Value::text("01:05:00 PM"),
            Ok(Value::Time(47_100_000_000)),
        ),
        (
            r#"a = { column = "v", as = { timestamp = "%d.%m.%Y %H:%M:%S", zone = "Europe/Berlin" } }, b = "v""#,
            &text,
            &ColumnType { scale: Some(0), ..instant.clone() },
            Value::text("29.03.2026 01:30:00"),
            Ok(at(SUMMER_EVE)),
        ),
        (
            r#"a = { column = "v", as = { timestamp = "%d.%m.%Y %H:%M:%S", zone = "Europe/Berlin" } }, b = "v""#,
            &text,
            &ColumnType { scale: Some(0), ..instant.clone() },
            Value::text("29.03.2026 02:30:00"),
            Err("LS-CST-009"),
        ),
        (
            r#"a = { column = "v", as = { zone = "Europe/Berlin" } }, b = "v""#,
            &local,
            &instant,
            Value::LocalTimestamp(SUMMER_EVE + 3_600_000_000),
            Ok(at(SUMMER_EVE)),
        ),
        (
            r#"a = "v", b = { column = "v", as = { zone = "Europe/Berlin" } }"#,
            &instant,
            &local,
            at(1_792_888_200_000_000),
            Err("LS-CST-009"),
        ),
        (
            r#"a = { column = "v", as = "epoch-seconds" }, b = "v""#,
            &int,
            &ColumnType { scale: Some(0), ..instant.clone() },
            Value::Int(1),
            Ok(at(1_000_000)),
        ),
        (
            r#"a = { column = "v", as = "epoch-milliseconds" }, b = "v""#,
            &text,
            &ColumnType { scale: Some(3), ..instant.clone() },
            Value::text("-1"),
            Ok(at(-1_000)),
        ),
        (
            r#"a = { column = "v", as = { values = { open = "New", won = ["Closed Won", "Won"] } } }, b = "v""#,
            &text,
            &text,
            Value::text("Won"),
            Ok(Value::text("won")),
        ),
        (
            r#"a = "v", b = { column = "v", as = { values = { open = "New", won = ["Closed Won", "Won"] } } }"#,
            &text,
            &text,
            Value::text("won"),
            Ok(Value::text("Closed Won")),
        ),
        (
            r#"a = { column = "v", as = { values = { open = "New" } } }, b = "v""#,
            &text,
            &text,
            Value::text("new"),
            Err("LS-CST-008"),
        ),
        (
            r#"a = { column = "v", as = { values = { true = "Ja", false = "Nein" } } }, b = "v""#,
            &text,
            &ColumnType::of(Kind::Bool),
            Value::text("Nein"),
            Ok(Value::Bool(false)),
        ),
        (
            r#"a = { column = "v", as = { values = { low = 1, high = 2 } } }, b = "v""#,
            &int,
            &text,
            Value::Int(2),
            Ok(Value::text("high")),
        ),
        (
            r#"a = { column = "v", as = { delimiter = "," } }, b = "v""#,
            &text,
            &list,
            Value::text("red, green"),
            Ok(texts(&["red", "green"])),
        ),
        (
            r#"a = "v", b = { column = "v", as = { delimiter = "," } }"#,
            &list,
            &text,
            texts(&["a,b"]),
            Err("LS-CST-006"),
        ),
        (
            r#"a = { column = "v", as = { delimiter = ";", values = { r = "red", g = "green" } } }, b = "v""#,
            &text,
            &list,
            Value::text("red;green"),
            Ok(texts(&["r", "g"])),
        ),
        (
            r#"a = { column = "v", as = "html" }, b = "v", lossy = true"#,
            &text,
            &text,
            Value::text("<p>Fish &amp;  chips</p><p>1 &lt; 2<br/>done</p><style>p{}</style>"),
            Ok(Value::text("Fish & chips\n1 < 2\ndone")),
        ),
        (
            r#"a = "v", b = { column = "v", as = "html" }, lossy = true"#,
            &text,
            &text,
            Value::text("a < b\nc"),
            Ok(Value::text("a &lt; b<br>c")),
        ),
    ] {
        assert_eq!(through(&held(field, a, b), &value), arrives, "{field} {value:?}");
    }
}

#[test]
fn a_mapping_whose_notation_loses_or_fits_nowhere_is_refused_where_it_is_written() {
    let (text, date, instant) =
        (ColumnType::of(Kind::Text), ColumnType::of(Kind::Date), ColumnType::of(Kind::Timestamp));
    for (field, a, b, code) in [
        (r#"a = { column = "v", as = "html" }, b = "v""#, &text, &text, "LS-MAP-006"),
        (r#"a = { column = "v", as = "epoch-seconds" }, b = "v""#, &ColumnType::of(Kind::Int), &instant, "LS-MAP-006"),
        (
            r#"a = { column = "v", as = { timestamp = "%Y-%m-%d %H:%M", zone = "UTC" } }, b = "v""#,
            &text,
            &instant,
            "LS-MAP-006",
        ),
        (
            r#"a = { column = "v", as = { values = { open = "New", new = "New" } } }, b = "v""#,
            &text,
            &text,
            "LS-MAP-006",
        ),
        (r#"a = { column = "v", as = { date = "%d.%m.%Y" } }, b = "v""#, &date, &date, "LS-MAP-017"),
        (r#"a = "v", b = "v", as = { zone = "Europe/Berlin" }"#, &instant, &instant, "LS-MAP-017"),
    ] {
        let errors = mapped(field, a, b).err().unwrap_or_default();
        let codes: Vec<&str> = errors.iter().map(|error| error.code).collect();
        assert!(codes.contains(&code), "{field}: {errors:?}");
        let lossy = mapped(&format!("{field}, lossy = true"), a, b);
        assert_eq!(lossy.is_ok(), code == "LS-MAP-006", "{field}");
    }
}

#[test]
fn what_a_notation_cannot_say_is_refused_in_the_file() {
    for (notation, said) in [
        (r#""telephone""#, "phone"),
        (r#"{ phone = "Germany" }"#, "a country by its code"),
        (r#"{ zone = "Mars/Olympus" }"#, "IANA"),
        (r#"{ date = "%d.%m." }"#, "pattern"),
        (r#"{ timestamp = "%Y-%m-%d", zone = "UTC" }"#, "pattern"),
        (r#"{ number = "1.2" }"#, "1.234,56"),
        (r#"{ money = "XYW" }"#, "EUR"),
        (r#"{ values = {} }"#, "between 1"),
        (r#"{ delimiter = "and" }"#, "one character"),
        (r#"{ phone = "DE", country = "name" }"#, "phone"),
        (r#"{}"#, "phone"),
    ] {
        let text = format!(
            "[connections.a]\nconnector = \"x\"\n[connections.b]\nconnector = \"x\"\n[syncs.s]\n\
             sides = {{ a = \"t\", b = \"t\" }}\nmatch = []\n[syncs.s.fields]\nv = {{ a = \"v\", b = \"v\", as = {notation} }}\n"
        );
        let errors = Config::parse(&text).err().unwrap_or_default();
        assert_eq!(errors.len(), 1, "{notation}: {errors:?}");
        assert_eq!((errors[0].at.line, errors[0].help.contains(said)), (9, true), "{notation}: {errors:?}");
    }
}

#[test]
fn another_way_of_writing_the_same_is_no_news() {
    let text = ColumnType::of(Kind::Text);
    let compiled = held(r#"a = "v", b = "v", as = { phone = "DE" }"#, &text, &text);
    let cast = &compiled.spec.side(SideId(0)).expect("a side").field(FieldId(0)).expect("a field").cast;
    assert_eq!(cast.lift(&Value::text("030/901820")), cast.lift(&Value::text("+49 30 90 18 20")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is written in a notation is read back as it was, and whatever is
    /// read and written again stays what it is from then on.
    #[test]
    fn what_is_written_is_read_back(
        notation in prop::sample::select(vec![
            (r#"{ number = "1.234,56" }"#, Kind::Text), (r#"{ number = "1 234,56" }"#, Kind::Text),
            (r#"{ money = "EUR" }"#, Kind::Text), (r#""percent""#, Kind::Text), (r#""fraction""#, Kind::Decimal),
            (r#"{ date = "%d.%m.%Y" }"#, Kind::Text), (r#"{ timestamp = "%Y%m%d %H%M%S%.f", zone = "America/New_York" }"#, Kind::Text),
            (r#""epoch-seconds""#, Kind::Decimal), (r#"{ delimiter = "|" }"#, Kind::Text),
            (r#"{ values = { a = "x", b = "y", c = ["z", "zz"] } }"#, Kind::Text),
        ]),
        units in -10_000_000_000i64..10_000_000_000,
        word in "[abc]",
        words in prop::collection::vec("[a-z]{1,4}", 1..5),
    ) {
        let (notation, native) = notation;
        let (other, value) = match notation {
            n if n.contains("date") => (ColumnType::of(Kind::Date), Value::Date(i32::try_from(units / 10_000).unwrap())),
            n if n.contains("timestamp") || n.contains("epoch") => {
                (ColumnType::of(Kind::Timestamp), Value::Timestamp(Timestamp(units * 100_003)))
            }
            n if n.contains("delimiter") => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                (ColumnType { element: Some(Kind::Text), ..ColumnType::of(Kind::List) }, texts(&words))
            }
            n if n.contains("values") => (ColumnType::of(Kind::Text), Value::text(word)),
            _ => (ColumnType::of(Kind::Decimal), decimal(&format!("{}.{:04}", units / 10_000, units.unsigned_abs() % 10_000))),
        };
        let compiled = held(&format!(r#"a = {{ column = "v", as = {notation} }}, b = "v""#), &ColumnType::of(native), &other);
        let cast = |side: u8| &compiled.spec.side(SideId(side)).unwrap().field(FieldId(0)).unwrap().cast;
        let canonical = cast(1).lift(&value).unwrap();
        match cast(0).project(&canonical) {
            Ok(written) => {
                let back = cast(0).lift(&written);
                prop_assert!(back.as_ref().is_ok_and(|back| back.same_meaning(&canonical)), "{notation} {value:?} {written:?} {back:?}");
                let there = cast(1).project(&back.unwrap());
                prop_assert!(there.is_ok_and(|there| there.same_meaning(&value)), "{notation} {value:?}");
            }
            // Refused, never altered.
            Err(error) => prop_assert!(["LS-CST-004", "LS-CST-009"].contains(&error.code()), "{notation} {value:?} {error}"),
        }
    }
}
