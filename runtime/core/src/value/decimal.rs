//! Exact decimals: plain notation in, plain notation out, no binary fractions.
//!
//! Knows nothing of values or columns.

use std::{cmp::Ordering, fmt};

/// Digits that a decimal may have, counting those an exponent adds. PostgreSQL's
/// numeric reaches 131,072 before and 16,383 after the point.
pub(crate) const DIGITS_MAX: usize = 150_000;

/// A finite decimal: `digits` without leading zeros (empty: zero), of which the
/// last `scale` stand after the point.
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    scale: usize,
}

impl Decimal {
    /// Reads `-12.50`, `+3`, `.5` and `1e-3`. `None`: not a finite decimal, or
    /// longer than [`DIGITS_MAX`].
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mantissa, exponent) = match rest.iter().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) => {
                let exponent = std::str::from_utf8(rest.get(at + 1..)?).ok()?;
                (rest.get(..at)?, exponent.parse::<i32>().ok()?)
            }
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.iter().position(|b| *b == b'.') {
            Some(at) => (mantissa.get(..at)?, mantissa.get(at + 1..)?),
            None => (mantissa, &[][..]),
        };
        if whole.is_empty() && fraction.is_empty() || mantissa.len() > DIGITS_MAX {
            return None;
        }
        let mut digits = Vec::with_capacity(mantissa.len());
        for byte in whole.iter().chain(fraction) {
            match byte {
                b'0' if digits.is_empty() => {}
                b'0'..=b'9' => digits.push(byte - b'0'),
                _ => return None,
            }
        }
        let scale = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
        let scale = match usize::try_from(scale) {
            Ok(scale) => scale,
            Err(_) => {
                let zeros = usize::try_from(-scale).ok()?;
                if zeros > DIGITS_MAX {
                    return None;
                }
                if !digits.is_empty() {
                    digits.resize(digits.len() + zeros, 0);
                }
                0
            }
        };
        (scale <= DIGITS_MAX && digits.len() <= DIGITS_MAX).then_some(Decimal { negative, digits, scale })
    }

    pub(crate) fn from_int(value: i64) -> Decimal {
        let digits = match value.unsigned_abs() {
            0 => Vec::new(),
            value => value.to_string().bytes().map(|b| b - b'0').collect(),
        };
        Decimal { negative: value < 0, digits, scale: 0 }
    }

    /// The shortest decimal that reads back as the same float. `None`: not finite.
    pub(crate) fn from_float(value: f64) -> Option<Decimal> {
        value.is_finite().then(|| Decimal::parse(&value.to_string()))?
    }

    /// `None`: has a fraction, or is beyond 64 bits.
    pub(crate) fn to_int(&self) -> Option<i64> {
        let short = self.trimmed();
        if short.scale > 0 || short.digits.len() > 19 {
            return None;
        }
        let magnitude = short.digits.iter().fold(0i128, |sum, digit| sum * 10 + i128::from(*digit));
        i64::try_from(if short.negative { -magnitude } else { magnitude }).ok()
    }

    /// Digits before the point, none counted for zero.
    pub(crate) fn whole_digits(&self) -> usize {
        self.digits.len().saturating_sub(self.scale)
    }

    /// Digits after the point that are needed to write it exactly.
    pub(crate) fn scale_needed(&self) -> usize {
        let zeros = self.digits.iter().rev().take_while(|d| **d == 0).count();
        if self.digits.is_empty() { 0 } else { self.scale.saturating_sub(zeros) }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// With exactly `scale` digits after the point, rounding half away from zero
    /// where digits have to go. A negative scale rounds before the point.
    pub(crate) fn rounded(&self, scale: i32) -> Decimal {
        let mut out = self.clone();
        let wanted = i64::from(scale);
        let have = out.scale as i64;
        if wanted >= have {
            let zeros = usize::try_from(wanted - have).unwrap_or(0).min(DIGITS_MAX);
            out.scale += zeros;
            if !out.digits.is_empty() {
                out.digits.resize(out.digits.len() + zeros, 0);
            }
            return out;
        }
        let drop = usize::try_from(have - wanted).unwrap_or(usize::MAX);
        let up = drop <= out.digits.len() && out.digits.get(out.digits.len() - drop).is_some_and(|digit| *digit >= 5);
        out.digits.truncate(out.digits.len().saturating_sub(drop));
        if up {
            out.digits = add_digits(&out.digits, &[1]);
        }
        if let Ok(scale) = usize::try_from(scale) {
            out.scale = scale;
        } else {
            out.scale = 0;
            if !out.digits.is_empty() {
                let zeros = scale.unsigned_abs() as usize;
                out.digits.resize(out.digits.len() + zeros.min(DIGITS_MAX), 0);
            }
        }
        out
    }

    /// Without zeros at the end of the fraction.
    pub(crate) fn trimmed(&self) -> Decimal {
        let mut out = self.clone();
        let scale = self.scale_needed();
        out.digits.truncate(self.digits.len().saturating_sub(self.scale - scale));
        out.scale = scale;
        out
    }

    pub(crate) fn add(&self, other: &Decimal) -> Decimal {
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.scaled_to(scale), other.scaled_to(scale));
        let (negative, digits) = if self.negative == other.negative {
            (self.negative, add_digits(&a, &b))
        } else {
            match compare_digits(&a, &b) {
                Ordering::Less => (other.negative, subtract_digits(&b, &a)),
                Ordering::Equal => (false, Vec::new()),
                Ordering::Greater => (self.negative, subtract_digits(&a, &b)),
            }
        };
        Decimal { negative, digits, scale }
    }

    /// Times a power of ten, exactly: the point moves to the right, or to the left
    /// where `places` is negative.
    pub(crate) fn shifted(&self, places: i32) -> Decimal {
        let mut out = self.clone();
        let by = places.unsigned_abs() as usize;
        if places < 0 {
            out.scale += by;
        } else {
            let zeros = by.saturating_sub(out.scale).min(DIGITS_MAX);
            if !out.digits.is_empty() {
                out.digits.resize(out.digits.len() + zeros, 0);
            }
            out.scale = out.scale.saturating_sub(by);
        }
        out
    }

    /// The exact product. `None`: more digits than [`DIGITS_MAX`].
    pub(crate) fn times(&self, other: &Decimal) -> Option<Decimal> {
        if self.digits.len() + other.digits.len() > DIGITS_MAX {
            return None;
        }
        let mut sums = vec![0u64; self.digits.len() + other.digits.len()];
        for (i, x) in self.digits.iter().rev().enumerate() {
            for (j, y) in other.digits.iter().rev().enumerate() {
                if let Some(sum) = sums.get_mut(i + j) {
                    *sum += u64::from(*x) * u64::from(*y);
                }
            }
        }
        let mut carry = 0;
        let mut digits: Vec<u8> = Vec::with_capacity(sums.len());
        for sum in sums {
            let value = sum + carry;
            digits.push(u8::try_from(value % 10).unwrap_or(0));
            carry = value / 10;
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        digits.reverse();
        Some(Decimal { negative: self.negative != other.negative, digits, scale: self.scale + other.scale })
    }

    pub(crate) fn negated(&self) -> Decimal {
        Decimal { negative: !self.negative, ..self.clone() }
    }

    fn scaled_to(&self, scale: usize) -> Vec<u8> {
        let mut digits = self.digits.clone();
        if !digits.is_empty() {
            digits.resize(digits.len() + scale.saturating_sub(self.scale), 0);
        }
        digits
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |d: &Decimal| match (d.is_zero(), d.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let (a, b) = (sign(self), sign(other));
        if a != b || a == 0 {
            return a.cmp(&b);
        }
        // A leading digit's place decides before any digit is compared.
        let place = |d: &Decimal| d.digits.len() as i64 - d.scale as i64;
        let magnitude = place(self).cmp(&place(other)).then_with(|| {
            let (a, b) = (self.trimmed(), other.trimmed());
            a.digits.cmp(&b.digits)
        });
        if a < 0 { magnitude.reverse() } else { magnitude }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(self.digits.len() + 3);
        if self.negative && !self.is_zero() {
            text.push('-');
        }
        let whole = self.whole_digits();
        if whole == 0 {
            text.push('0');
        }
        for digit in self.digits.iter().take(whole) {
            text.push(char::from(b'0' + digit));
        }
        if self.scale > 0 {
            text.push('.');
            let fraction = self.digits.len() - whole;
            text.extend(std::iter::repeat_n('0', self.scale - fraction));
            for digit in self.digits.iter().skip(whole) {
                text.push(char::from(b'0' + digit));
            }
        }
        f.write_str(&text)
    }
}

fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn add_digits(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(a.len().max(b.len()) + 1);
    let (mut a, mut b, mut carry) = (a.iter().rev(), b.iter().rev(), 0);
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() {
            break;
        }
        let sum = x.unwrap_or(&0) + y.unwrap_or(&0) + carry;
        out.push(sum % 10);
        carry = sum / 10;
    }
    if carry > 0 {
        out.push(carry);
    }
    out.reverse();
    out
}

/// `a` is not smaller than `b`.
fn subtract_digits(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(a.len());
    let (mut b, mut borrow) = (b.iter().rev(), 0i8);
    for x in a.iter().rev() {
        let mut digit = *x as i8 - *b.next().unwrap_or(&0) as i8 - borrow;
        borrow = i8::from(digit < 0);
        if digit < 0 {
            digit += 10;
        }
        out.push(digit as u8);
    }
    while out.last() == Some(&0) {
        out.pop();
    }
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn notation_survives_reading_and_writing() {
        for text in ["0", "0.00", "1.50", "-0.05", "123456789012345678901234567890.1"] {
            assert_eq!(decimal(text).to_string(), text);
        }
        assert_eq!(decimal("+.5").to_string(), "0.5");
        assert_eq!(decimal("1.5e3").to_string(), "1500");
        assert_eq!(decimal("15e-4").to_string(), "0.0015");
        assert_eq!(decimal("-0").to_string(), "0");
    }

    #[test]
    fn what_is_no_decimal_is_refused() {
        for text in ["", "-", ".", "1.2.3", "1,5", " 1", "NaN", "1e", "0x1", "1e999999999"] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn trailing_zeros_do_not_change_the_order() {
        assert_eq!(decimal("1.5"), decimal("1.500"));
        assert_eq!(decimal("-0"), decimal("0.00"));
        assert!(decimal("-2") < decimal("-1.99"));
        assert!(decimal("0.1") > decimal("0.09999"));
        assert!(decimal("100") > decimal("99.9"));
    }

    #[test]
    fn rounding_goes_half_away_from_zero() {
        for (from, scale, to) in [
            ("1.25", 1, "1.3"),
            ("-1.25", 1, "-1.3"),
            ("0.5", 0, "1"),
            ("0.49", 0, "0"),
            ("99.95", 1, "100.0"),
            ("1.5", 3, "1.500"),
            ("149", -2, "100"),
            ("50", -2, "100"),
            ("0.004", 2, "0.00"),
        ] {
            assert_eq!(decimal(from).rounded(scale).to_string(), to, "{from}");
        }
    }

    proptest! {
        #[test]
        fn sums_and_order_agree_with_integers(a in -1_000_000_000i64..1_000_000_000, b in -1_000_000_000i64..1_000_000_000) {
            let (x, y) = (Decimal::from_int(a), Decimal::from_int(b));
            prop_assert_eq!(x.add(&y).to_int(), Some(a + b));
            prop_assert_eq!(x.add(&y.negated()).to_int(), Some(a - b));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }

        #[test]
        fn adding_and_taking_away_restores_any_decimal(a in "-?[0-9]{1,25}\\.[0-9]{1,9}", b in "-?[0-9]{1,25}\\.[0-9]{1,9}") {
            let (x, y) = (decimal(&a), decimal(&b));
            prop_assert_eq!(x.add(&y).add(&y.negated()), x);
        }
    }
}
