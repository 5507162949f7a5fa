//! What sampled values tell of a column: their form, and how many of them two
//! columns share. Looks at a bounded number of bounded values; keeps none.

use rustc_hash::FxHashSet;

use crate::value::Value;

/// Values of one column that are looked at.
pub const SAMPLE_VALUES_MAX: usize = 500;
/// Longer values are prose.
const TEXT_BYTES_MAX: usize = 200;
/// Fewer values than this prove nothing.
const VALUES_MIN: usize = 5;
/// So many of the values have to have a form before the column is said to.
const FORM_SHARE_MIN: f64 = 0.8;
/// More different values are no choices.
const CHOICES_MAX: usize = 15;
/// Fewer values do not show that they repeat.
const CHOICES_COUNT_MIN: usize = 10;
/// Seconds and milliseconds, shares and percents are this far apart at least.
const SIZE_FACTOR_MIN: f64 = 50.0;

/// A form that text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Email,
    Phone,
    Url,
    Country,
    Currency,
    Date,
    Uuid,
    Number,
    Word,
    Prose,
}

impl Shape {
    /// For people: "both hold …".
    pub fn plural(self) -> &'static str {
        match self {
            Shape::Email => "e-mail addresses",
            Shape::Phone => "telephone numbers",
            Shape::Url => "web addresses",
            Shape::Country => "country codes",
            Shape::Currency => "currency codes",
            Shape::Date => "dates",
            Shape::Uuid => "UUIDs",
            Shape::Number => "numbers",
            Shape::Word => "short words",
            Shape::Prose => "prose",
        }
    }

    /// Telling enough to be a reason by itself.
    pub(super) fn is_telling(self) -> bool {
        matches!(self, Shape::Email | Shape::Phone | Shape::Url | Shape::Country | Shape::Currency | Shape::Uuid)
    }
}

/// A column's sampled values, digested.
#[derive(Default)]
pub(super) struct Profile {
    pub(super) count: usize,
    pub(super) shape: Option<Shape>,
    distinct: FxHashSet<String>,
    /// The amount in the middle, by size.
    middle: Option<f64>,
}

impl Profile {
    pub(super) fn of(values: &[Value]) -> Self {
        let mut profile = Profile::default();
        let mut shapes: Vec<(Shape, usize)> = Vec::new();
        let mut amounts: Vec<f64> = Vec::new();
        for value in values.iter().take(SAMPLE_VALUES_MAX) {
            let Some(text) = plain(value) else { continue };
            profile.count += 1;
            let shape = shape_of(&text);
            match shapes.iter_mut().find(|(known, _)| *known == shape) {
                Some((_, count)) => *count += 1,
                None => shapes.push((shape, 1)),
            }
            amounts.extend(text.parse::<f64>().ok().map(f64::abs).filter(|amount| amount.is_finite() && *amount > 0.0));
            profile.distinct.insert(text);
        }
        if amounts.len() >= VALUES_MIN {
            amounts.sort_by(f64::total_cmp);
            profile.middle = amounts.get(amounts.len() / 2).copied();
        }
        profile.shape = shapes
            .into_iter()
            .filter(|(_, count)| profile.count >= VALUES_MIN && *count as f64 >= FORM_SHARE_MIN * profile.count as f64)
            .max_by_key(|(_, count)| *count)
            .map(|(shape, _)| shape);
        profile
    }

    /// A few values that repeat, as choices do.
    pub(super) fn is_closed(&self) -> bool {
        let kinds = self.distinct.len();
        (2..=CHOICES_MAX).contains(&kinds) && self.count >= CHOICES_COUNT_MIN && kinds * 2 <= self.count
    }

    /// No value of one reads like a value of the other.
    pub(super) fn is_disjoint(&self, other: &Profile) -> bool {
        let fold = |text: &String| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        let known: FxHashSet<String> = other.distinct.iter().map(fold).collect();
        !self.distinct.iter().map(fold).any(|value| known.contains(&value))
    }

    /// The amounts in the middle are of another size altogether.
    pub(super) fn differs_in_size(&self, other: &Profile) -> bool {
        let (Some(one), Some(two)) = (self.middle, other.middle) else { return false };
        f64::max(one / two, two / one) >= SIZE_FACTOR_MIN
    }

    /// The share of the smaller column's distinct values that the other has too.
    /// `None`: too few values to say.
    pub(super) fn overlap(&self, other: &Profile) -> Option<f64> {
        let (small, large) = if self.distinct.len() <= other.distinct.len() { (self, other) } else { (other, self) };
        // Yes and no are shared by columns that have nothing else in common.
        if small.distinct.len() < 3 || small.count < VALUES_MIN {
            return None;
        }
        let both = small.distinct.iter().filter(|value| large.distinct.contains(*value)).count();
        Some(both as f64 / small.distinct.len() as f64)
    }
}

/// A value in the form in which two systems' notations of it are equal.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null | Value::Bytes(_) | Value::Ref(_) | Value::List(_) | Value::Json(_) => return None,
        Value::Text(text) => text.to_string(),
        other => other.show(),
    };
    let text = text.trim().to_lowercase();
    (!text.is_empty() && text.len() <= TEXT_BYTES_MAX).then_some(text)
}

fn shape_of(text: &str) -> Shape {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let phone_sign = |c: char| c.is_ascii_digit() || "+()-./ x\u{a0}".contains(c);
    let is_date = || {
        let mut parts = text.splitn(3, '-');
        let number = |part: Option<&str>, length: usize| {
            part.is_some_and(|part| part.len() >= length && part.chars().take(length).all(|c| c.is_ascii_digit()))
        };
        number(parts.next(), 4) && number(parts.next(), 2) && number(parts.next(), 2)
    };
    let letters = |length: usize| text.len() == length && text.chars().all(|c| c.is_ascii_alphabetic());
    if text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !text.contains(' ')) {
        Shape::Email
    } else if text.starts_with("http://") || text.starts_with("https://") || text.starts_with("www.") {
        Shape::Url
    } else if text.len() == 36 && text.chars().filter(|c| *c == '-').count() == 4 && !text.contains(' ') {
        Shape::Uuid
    } else if is_date() {
        Shape::Date
    } else if text.parse::<f64>().is_ok() && !text.starts_with('+') {
        Shape::Number
    } else if digits >= 7 && text.chars().all(phone_sign) {
        Shape::Phone
    } else if letters(2) {
        Shape::Country
    } else if letters(3) {
        Shape::Currency
    } else if text.split_whitespace().count() > 6 {
        Shape::Prose
    } else {
        Shape::Word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(values: &[&str]) -> Profile {
        Profile::of(&values.iter().map(|text| Value::text(*text)).collect::<Vec<_>>())
    }

    #[test]
    fn a_column_has_the_form_that_most_of_its_values_have() {
        for (shape, text) in [
            (Shape::Email, "ada@example.org"),
            (Shape::Phone, "+44 20 7946 0958"),
            (Shape::Url, "https://example.org"),
            (Shape::Uuid, "6f1c8a0e-0c7e-4ad8-9f0a-0d6d3f1f6c11"),
            (Shape::Date, "2026-02-03"),
            (Shape::Number, "12.5"),
            (Shape::Country, "de"),
        ] {
            assert_eq!(profile(&[text; 6]).shape, Some(shape), "{text}");
        }
        assert_eq!(profile(&["a@b.c", "x", "y", "a@b.d", "z"]).shape, None);
        assert_eq!(profile(&["a@b.c"]).shape, None);
    }

    #[test]
    fn shared_values_count_by_the_smaller_column() {
        let a = profile(&["red", "green", "blue", "red", "green"]);
        let b = profile(&["Red", "GREEN", "blue", "black", "white", "grey"]);
        assert_eq!(a.overlap(&b), Some(1.0));
        assert_eq!(profile(&["yes", "no", "yes", "no", "no"]).overlap(&b), None);
    }
}
