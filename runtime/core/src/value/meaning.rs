//! What two values mean to each other: the same, more or less, and their sum.

use std::{cmp::Ordering, sync::Arc};

use super::{Value, decimal::Decimal, json};

impl Value {
    /// Whether two values mean the same although they are written differently:
    /// numbers by amount, JSON by what it says, lists element by element, all
    /// else exactly.
    pub fn same_meaning(&self, other: &Value) -> bool {
        use Value::*;
        if self == other {
            return true;
        }
        match (self, other) {
            (Int(a), Int(b)) => a == b,
            (Int(_) | Decimal(_) | Float(_), Int(_) | Decimal(_) | Float(_)) => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a == b,
                (None, None) => self.special().is_some() && self.special() == other.special(),
                _ => false,
            },
            (Json(a), Json(b)) => json::same(a, b),
            (List(a), List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same_meaning(b)),
            _ => false,
        }
    }

    /// The order of two values of one family: numbers by amount, text by code
    /// point, points in time by time. `None`: they have no order.
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        use Value::*;
        match (self, other) {
            (Bool(a), Bool(b)) => Some(a.cmp(b)),
            (Int(a), Int(b)) => Some(a.cmp(b)),
            (Int(_) | Decimal(_) | Float(_), Int(_) | Decimal(_) | Float(_)) => match (self.number(), other.number()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                (None, Some(_)) => self.special()?.against_finite(),
                (Some(_), None) => Some(other.special()?.against_finite()?.reverse()),
                (None, None) => self.special()?.partial_cmp(&other.special()?),
            },
            (Text(a), Text(b)) => Some(a.cmp(b)),
            (Bytes(a), Bytes(b)) => Some(a.cmp(b)),
            (Date(a), Date(b)) => Some(a.cmp(b)),
            (Time(a), Time(b)) | (LocalTimestamp(a), LocalTimestamp(b)) => Some(a.cmp(b)),
            (Timestamp(a), Timestamp(b)) => Some(a.cmp(b)),
            (Uuid(a), Uuid(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// The exact sum of two numbers. `None`: not numbers, or out of range.
    pub fn add(&self, other: &Value) -> Option<Value> {
        self.sum(other, false)
    }

    /// The exact difference of two numbers. `None`: not numbers, or out of range.
    pub fn subtract(&self, other: &Value) -> Option<Value> {
        self.sum(other, true)
    }

    fn sum(&self, other: &Value, minus: bool) -> Option<Value> {
        use Value::*;
        match (self, other) {
            (Int(a), Int(b)) if minus => a.checked_sub(*b).map(Int),
            (Int(a), Int(b)) => a.checked_add(*b).map(Int),
            (Float(a), Float(b)) => {
                let sum = if minus { a - b } else { a + b };
                sum.is_finite().then_some(Float(sum))
            }
            _ => {
                let (a, b) = (self.number()?, other.number()?);
                let sum = if minus { a.add(&b.negated()) } else { a.add(&b) };
                Some(Decimal(Arc::from(sum.to_string())))
            }
        }
    }

    /// The amount of a finite number.
    pub(crate) fn number(&self) -> Option<Decimal> {
        match self {
            Value::Int(value) => Some(Decimal::from_int(*value)),
            Value::Decimal(text) => Decimal::parse(text),
            Value::Float(value) => Decimal::from_float(*value),
            _ => None,
        }
    }

    /// A number that is not finite.
    pub(crate) fn special(&self) -> Option<Special> {
        match self {
            Value::Decimal(text) => Special::parse(text),
            Value::Float(value) if value.is_nan() => Some(Special::NotANumber),
            Value::Float(value) if *value == f64::INFINITY => Some(Special::Infinity),
            Value::Float(value) if *value == f64::NEG_INFINITY => Some(Special::MinusInfinity),
            _ => None,
        }
    }
}

/// What numbers know beyond the finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    NotANumber,
    Infinity,
    MinusInfinity,
}

impl Special {
    pub(crate) fn parse(text: &str) -> Option<Special> {
        match text {
            "NaN" => Some(Special::NotANumber),
            "Infinity" => Some(Special::Infinity),
            "-Infinity" => Some(Special::MinusInfinity),
            _ => None,
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Special::NotANumber => "NaN",
            Special::Infinity => "Infinity",
            Special::MinusInfinity => "-Infinity",
        }
    }

    pub(crate) fn float(self) -> f64 {
        match self {
            Special::NotANumber => f64::NAN,
            Special::Infinity => f64::INFINITY,
            Special::MinusInfinity => f64::NEG_INFINITY,
        }
    }

    fn against_finite(self) -> Option<Ordering> {
        match self {
            Special::NotANumber => None,
            Special::Infinity => Some(Ordering::Greater),
            Special::MinusInfinity => Some(Ordering::Less),
        }
    }
}

impl PartialOrd for Special {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.float().partial_cmp(&other.float())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Value {
        Value::Decimal(Arc::from(text))
    }

    fn json(text: &str) -> Value {
        Value::Json(Arc::from(text))
    }

    #[test]
    fn amounts_are_the_same_in_any_notation() {
        for (a, b) in [
            (decimal("1.5"), decimal("1.50")),
            (Value::Int(1), decimal("1.0")),
            (Value::Float(0.1), decimal("0.1")),
            (Value::Float(-0.0), Value::Int(0)),
            (decimal("NaN"), Value::Float(f64::NAN)),
            (json(r#"{"a":1,"b":2}"#), json(r#"{"b":2,"a":1}"#)),
        ] {
            assert!(a.same_meaning(&b) && b.same_meaning(&a), "{a:?} {b:?}");
        }
    }

    #[test]
    fn different_families_never_mean_the_same() {
        for (a, b) in [
            (Value::Int(1), Value::text("1")),
            (Value::Int(1), Value::Bool(true)),
            (Value::text("a"), Value::text("A")),
            (Value::Null, Value::text("")),
            (json("1"), Value::Int(1)),
            (Value::Int(i64::MAX), Value::Float(i64::MAX as f64)),
            (decimal("oops"), decimal("else")),
        ] {
            assert!(!a.same_meaning(&b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn order_crosses_number_kinds_and_stops_at_families() {
        assert_eq!(Value::Int(2).compare(&decimal("10")), Some(Ordering::Less));
        assert_eq!(decimal("-Infinity").compare(&Value::Int(0)), Some(Ordering::Less));
        assert_eq!(Value::Int(0).compare(&decimal("NaN")), None);
        assert_eq!(Value::text("b").compare(&Value::text("a")), Some(Ordering::Greater));
        assert_eq!(Value::text("1").compare(&Value::Int(1)), None);
        assert_eq!(Value::Null.compare(&Value::Null), None);
    }

    #[test]
    fn sums_are_exact_and_refuse_to_overflow() {
        let sum = decimal("0.1").add(&decimal("0.20"));
        assert_eq!(sum, Some(decimal("0.30")));
        assert_eq!(Value::Int(5).subtract(&Value::Int(7)), Some(Value::Int(-2)));
        assert_eq!(Value::Int(1).subtract(&decimal("0.25")), Some(decimal("0.75")));
        assert_eq!(Value::Int(i64::MAX).add(&Value::Int(1)), None);
        assert_eq!(Value::Int(1).add(&Value::text("1")), None);
        assert_eq!(decimal("NaN").add(&Value::Int(1)), None);
    }
}
