//! Decimal numbers as text: JSON shows the same number as `3`, `3.0` or `3.0E0`.

/// Zeros an exponent may add; a double reaches 10^308.
const EXPONENT_MAX: i64 = 400;

/// Plain notation without exponent, trailing zeros or a bare point. `None`: no number.
pub fn plain(text: &str) -> Option<String> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) || exponent.abs() > EXPONENT_MAX
    {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    let mut point = whole.len() as i64 + exponent;
    while point > digits.len() as i64 {
        digits.push('0');
    }
    while point < 1 {
        digits.insert(0, '0');
        point += 1;
    }
    let (whole, fraction) = digits.split_at(usize::try_from(point).ok()?);
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && (whole != "0" || !fraction.is_empty()) { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// Whether `stored` is what is left of `sent` with fewer digits after the point
/// (rounded or cut). Both plain.
pub fn is_rounding_of(stored: &str, sent: &str) -> bool {
    let (_, fraction) = stored.split_once('.').unwrap_or((stored, ""));
    let unit = 10_f64.powi(-i32::try_from(fraction.len()).unwrap_or(i32::MAX));
    let longer = sent.split_once('.').is_some_and(|(_, sent)| sent.len() > fraction.len());
    match (stored.parse::<f64>(), sent.parse::<f64>()) {
        (Ok(stored), Ok(sent)) => longer && (stored - sent).abs() <= unit,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_notation() {
        for (text, expected) in [
            ("3", "3"),
            ("3.0", "3"),
            ("3.50", "3.5"),
            ("5.6E9", "5600000000"),
            ("1.5e-3", "0.0015"),
            ("-0.0", "0"),
            ("-12.25", "-12.25"),
            ("123456789012345678.12", "123456789012345678.12"),
            ("007", "7"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", ".", "NaN", "1e9999", "1x"] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn a_rounded_number_is_told_from_another_one() {
        assert!(is_rounding_of("1.23", "1.2345"));
        assert!(is_rounding_of("2", "1.5"));
        assert!(!is_rounding_of("1.24", "1.20"));
        assert!(!is_rounding_of("3", "5"));
    }
}
