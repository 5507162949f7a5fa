//! Dates, times and instants as ISO 8601 text, exactly.
//!
//! Proleptic Gregorian arithmetic on plain numbers: no clock, no zone rules.

use super::Timestamp;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Microseconds of a day; `24:00:00` counts as a time of day, as in PostgreSQL.
pub(crate) const DAY_MICROS: i64 = DAY;

/// Days since 1970-01-01 of a proleptic Gregorian date.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// `2026-02-28`; years beyond four digits carry a sign, as ISO 8601 wants.
pub(crate) fn date_text(days: i32) -> String {
    match days {
        i32::MIN => "-infinity".to_owned(),
        i32::MAX => "infinity".to_owned(),
        days => day_text(i64::from(days)),
    }
}

fn day_text(days: i64) -> String {
    let (year, month, day) = civil_from_days(days);
    if (0..=9999).contains(&year) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:+05}-{month:02}-{day:02}")
    }
}

/// `13:05:00.25`: the fraction only as far as it is not zero.
pub(crate) fn time_text(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(SECOND), micros.rem_euclid(SECOND));
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        let fraction = format!(".{fraction:06}");
        text.push_str(fraction.trim_end_matches('0'));
    }
    text
}

/// `2026-02-28T13:05:00`, or `infinity`.
pub(crate) fn local_text(micros: i64) -> String {
    match micros {
        i64::MIN => "-infinity".to_owned(),
        i64::MAX => "infinity".to_owned(),
        micros => format!("{}T{}", day_text(micros.div_euclid(DAY)), time_text(micros.rem_euclid(DAY))),
    }
}

/// `2026-02-28T13:05:00Z`, or `infinity`.
pub(crate) fn instant_text(at: Timestamp) -> String {
    let mut text = local_text(at.0);
    if !text.ends_with("infinity") {
        text.push('Z');
    }
    text
}

pub(crate) fn parse_date(text: &str) -> Option<i32> {
    match text {
        "infinity" => return Some(i32::MAX),
        "-infinity" => return Some(i32::MIN),
        _ => {}
    }
    let days = i32::try_from(parse_day(text)?).ok()?;
    (days != i32::MIN && days != i32::MAX).then_some(days)
}

fn parse_day(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let mut parts = rest.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !(4..=7).contains(&year.len()) {
        return None;
    }
    let (year, month, day) = (sign * number(year)?, two(month)?, two(day)?);
    let days = days_from_civil(year, month, day);
    (civil_from_days(days) == (year, month, day)).then_some(days)
}

/// `13:05`, `13:05:00` and `13:05:00.250`. More than six digits of fraction only when the rest is zero.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let (clock, fraction) = match text.split_once(['.', ',']) {
        Some((clock, fraction)) if clock.len() == 8 => (clock, parse_fraction(fraction)?),
        Some(_) => return None,
        None => (text, 0),
    };
    let mut parts = clock.split(':');
    let hour = two(parts.next()?)?;
    let minute = two(parts.next()?)?;
    let second = parts.next().map_or(Some(0), two)?;
    if parts.next().is_some() || minute > 59 || second > 59 {
        return None;
    }
    let micros = (hour * 3600 + minute * 60 + second) * SECOND + fraction;
    (micros <= DAY).then_some(micros)
}

/// Microseconds of a fraction of a second.
fn parse_fraction(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (kept, rest) = text.split_at(text.len().min(6));
    if rest.bytes().any(|b| b != b'0') {
        return None;
    }
    Some(kept.parse::<i64>().ok()? * 10i64.pow(6 - kept.len() as u32))
}

/// A date and time without zone; a date alone is its midnight.
pub(crate) fn parse_local(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let Some((day, time)) = text.split_once(['T', ' ', 't']) else {
        return finite(parse_day(text)?.checked_mul(DAY)?);
    };
    finite(parse_day(day)?.checked_mul(DAY)?.checked_add(parse_time(time)?)?)
}

/// A date and time with `Z` or an offset such as `+02:00`, `+0200` or `+02`.
pub(crate) fn parse_instant(text: &str) -> Option<Timestamp> {
    match text {
        "infinity" => return Some(Timestamp(i64::MAX)),
        "-infinity" => return Some(Timestamp(i64::MIN)),
        _ => {}
    }
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return timed(local).map(Timestamp);
    }
    let clock = text.find(['T', ' ', 't'])?;
    let sign = clock + text.get(clock..)?.find(['+', '-'])?;
    let (local, offset) = (text.get(..sign)?, text.get(sign..)?);
    let ahead = offset.starts_with('+');
    let digits: String = offset.get(1..)?.split(':').collect();
    if !matches!(digits.len(), 2 | 4 | 6) {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2).map_or(Some(0), two);
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    if hours > 18 || minutes > 59 || seconds > 59 {
        return None;
    }
    let shift = (hours * 3600 + minutes * 60 + seconds) * SECOND;
    let local = timed(local.trim_end())?;
    finite(local.checked_add(if ahead { -shift } else { shift })?).map(Timestamp)
}

/// A local time that has a clock time, not only a date.
fn timed(text: &str) -> Option<i64> {
    text.contains(['T', ' ', 't']).then(|| parse_local(text)).flatten()
}

fn finite(micros: i64) -> Option<i64> {
    (micros != i64::MIN && micros != i64::MAX).then_some(micros)
}

fn number(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn two(text: &str) -> Option<i64> {
    (text.len() == 2).then(|| number(text)).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_days_have_their_known_numbers() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2024-03-01", 19_783),
            ("0001-01-01", -719_162),
            ("-0004-12-31", -720_624),
            ("+10000-01-01", 2_932_897),
        ] {
            assert_eq!(parse_date(text), Some(days), "{text}");
            assert_eq!(date_text(days), text);
        }
    }

    #[test]
    fn days_that_never_were_are_refused() {
        for text in ["2023-02-29", "2024-13-01", "2024-00-10", "24-01-01", "2024-1-1", "20240101", "2024-01-01x"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn offsets_shift_to_the_same_instant() {
        let want = parse_instant("2024-05-01T10:00:00Z");
        assert!(want.is_some());
        for text in [
            "2024-05-01T12:00:00+02:00",
            "2024-05-01 12:00:00.000+0200",
            "2024-05-01T12:00:00+02",
            "2024-05-01T05:30:00-04:30",
        ] {
            assert_eq!(parse_instant(text), want, "{text}");
        }
    }

    #[test]
    fn an_instant_needs_a_zone_and_a_clock_time() {
        for text in ["2024-05-01T10:00:00", "2024-05-01Z", "2024-05-01", "2024-05-01T10:00:00.0000001Z"] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn infinities_have_their_words() {
        assert_eq!(instant_text(Timestamp(i64::MAX)), "infinity");
        assert_eq!(parse_local("-infinity"), Some(i64::MIN));
        assert_eq!(parse_date("infinity"), Some(i32::MAX));
    }

    proptest! {
        #[test]
        fn every_instant_reads_back(micros in -200_000_000_000_000_000i64..9_000_000_000_000_000_000) {
            let at = Timestamp(micros);
            prop_assert_eq!(parse_instant(&instant_text(at)), Some(at));
            prop_assert_eq!(parse_local(&local_text(micros)), Some(micros));
        }

        #[test]
        fn every_day_reads_back(days in -700_000_000i32..700_000_000) {
            prop_assert_eq!(parse_date(&date_text(days)), Some(days));
        }

        #[test]
        fn every_time_reads_back(micros in 0..=DAY) {
            prop_assert_eq!(parse_time(&time_text(micros)), Some(micros));
        }
    }
}
