//! Values of any side on their way into a canonical type and back.

use std::sync::Arc;

use lockstep_core::{
    cast::{self, Cast, CastPlan, CountryStyle, Moment, Notation, Phone, PhoneStyle, Separators, Zone},
    schema::{ColumnType, Kind},
    value::{Timestamp, Value},
};

use crate::bits::Bits;

pub const WORDS: &[&str] = &[
    "1e400",
    "-0.00",
    "NaN",
    "Infinity",
    "1.234,56",
    "+49 30 123",
    "2024-02-29",
    "T25:00",
    "[1,[2]]",
    "{\"a\":",
    "&amp;",
    "<b",
    "%Y-%m-%d",
    "%:z",
    "Europe/Berlin",
    ";",
];

fn kind(bits: &mut Bits<'_>) -> Option<Kind> {
    bits.one_of(&Kind::ALL).map(|(kind, _)| kind)
}

fn column(bits: &mut Bits<'_>) -> ColumnType {
    let mut column = ColumnType::of(kind(bits).unwrap_or(Kind::Text));
    column.length = bits.maybe().map(u32::from);
    column.precision = bits.maybe().map(u32::from);
    column.scale = bits.maybe().map(|scale| i32::from(scale) - 64);
    if column.kind == Kind::List {
        column.element = kind(bits).filter(|kind| *kind != Kind::List);
    }
    if column.kind == Kind::Enum && bits.byte() >= 128 {
        column.values = vec!["a".to_owned(), "b".to_owned()];
    }
    column
}

/// What is left of a text that a decimal may have.
fn decimal(text: &str) -> Arc<str> {
    let sign = if text.starts_with('-') { "-" } else { "" };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.chars().filter(char::is_ascii_digit).collect::<String>();
    match digits(fraction) {
        none if none.is_empty() => format!("{sign}0{}", digits(whole)).into(),
        fraction => format!("{sign}0{}.{fraction}", digits(whole)).into(),
    }
}

/// A value as a column of this type shows it.
fn value(kind: Kind, element: Option<Kind>, bits: &mut Bits<'_>) -> Value {
    let text = bits.text();
    match kind {
        Kind::Bool => Value::Bool(bits.byte() & 1 == 1),
        Kind::Int => Value::Int(bits.number().cast_signed()),
        Kind::Float => Value::Float(f64::from_bits(bits.number())),
        Kind::Bytes => Value::Bytes(bits.rest().into()),
        Kind::Date => Value::Date(bits.number().cast_signed() as i32),
        Kind::Time => Value::Time(bits.number().cast_signed().rem_euclid(86_400_000_000)),
        Kind::Timestamp => Value::Timestamp(Timestamp(bits.number().cast_signed())),
        Kind::LocalTimestamp => Value::LocalTimestamp(bits.number().cast_signed()),
        Kind::Uuid => Value::Uuid(u128::from(bits.number()) << 64 | u128::from(bits.number())),
        Kind::Decimal => Value::Decimal(decimal(&text)),
        Kind::Json => Value::Json(Arc::from(text.as_ref())),
        Kind::List => {
            let items = bits.rest().split(|byte| *byte == b',').take(64);
            let kind = element.unwrap_or(Kind::Text);
            Value::List(items.map(|item| value(kind, None, &mut Bits::new(item))).collect())
        }
        Kind::Text | Kind::Enum | Kind::Opaque => Value::text(text),
    }
}

/// What a plan calls lossless comes back meaning the same, if it is taken at all.
fn there_and_back(plan: &CastPlan, shown: &Value) {
    let _ = plan.lossy().lift(shown);
    let _ = plan.cast.lift(&Value::Decimal(Arc::from(format!("{shown:?}"))));
    let Ok(canonical) = plan.cast.lift(shown) else { return };
    if let Ok(lossy) = plan.lossy().project(&canonical) {
        let _ = plan.lossy().lift(&lossy);
    }
    let Ok(back) = plan.cast.project(&canonical) else { return };
    if plan.lossless {
        let again = plan.cast.lift(&back);
        let kept = back.same_meaning(shown) || again.is_ok_and(|again| again.same_meaning(&canonical));
        assert!(kept, "{shown:?} is {canonical:?}, written back as {back:?}");
    }
}

pub fn cast(bytes: &[u8]) {
    let mut bits = Bits::new(bytes);
    let (native, canonical) = (column(&mut bits), column(&mut bits));
    let plan = Cast::between(&native, &canonical);
    let text = bits.text();
    if let Ok(written) = serde_json::from_str(&text) {
        let _ = cast::read(&written, &canonical);
    }
    there_and_back(&plan, &value(native.kind, native.element, &mut bits));
}

fn notation(bits: &mut Bits<'_>) -> Option<Notation> {
    let separators = |bits: &mut Bits<'_>| {
        let examples: Vec<&str> = Separators::examples().collect();
        bits.one_of(&examples).and_then(Separators::by_example)
    };
    Some(match bits.byte() % 12 {
        0 => {
            let style = bits.one_of(&[PhoneStyle::E164, PhoneStyle::International, PhoneStyle::National])?;
            Notation::Phone(Phone { region: bits.maybe().map(|_| Arc::from("DE")), style })
        }
        1 => Notation::Country(bits.one_of(&[CountryStyle::Alpha2, CountryStyle::Alpha3, CountryStyle::Name])?),
        2 => Notation::Currency,
        3 => Notation::Money { currency: Notation::currency_code("EUR")?, separators: separators(bits)? },
        4 => Notation::Number(separators(bits)?),
        5 => Notation::Percent,
        6 => Notation::Fraction,
        7 => {
            let kind = bits.one_of(&[Kind::Date, Kind::Time, Kind::Timestamp, Kind::LocalTimestamp])?;
            let zone = bits.maybe().and_then(|_| Zone::named("Europe/Berlin"));
            let length = usize::from(bits.byte() % 32);
            let pattern = String::from_utf8_lossy(bits.bytes(length));
            Notation::Moment(Moment::new(kind, &pattern, zone).ok()?)
        }
        8 => Notation::Zone(Zone::named("America/New_York")?),
        9 => Notation::Epoch { millis: bits.byte() >= 128 },
        10 => Notation::Delimited { delimiter: ';', values: None },
        _ => Notation::Html,
    })
}

pub fn noted(bytes: &[u8]) {
    let mut bits = Bits::new(bytes);
    let Some(notation) = notation(&mut bits) else { return };
    let (native, canonical) = (column(&mut bits), column(&mut bits));
    let Ok(plan) = Cast::noted(&notation, &native, &canonical) else { return };
    there_and_back(&plan, &value(native.kind, native.element, &mut bits));
}
