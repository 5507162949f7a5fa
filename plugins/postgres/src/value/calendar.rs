//! Dates and times in ISO notation, proleptic Gregorian, years before Christ
//! included. Epochs here are 1970-01-01.

pub const DAY_US: i64 = 86_400_000_000;
/// Beyond every year that PostgreSQL has (5874897 is its last).
const YEAR_MAX: i64 = 6_000_000;
/// Beyond every offset that PostgreSQL has (15:59:59 is its largest), in seconds.
const OFFSET_MAX: i64 = 86_400;

/// Days since 1970-01-01 of a civil date; year 0 is 1 BC.
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".)
pub fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The civil date of days since 1970-01-01.
pub fn civil_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A cursor over ASCII notation.
struct Scan<'a> {
    rest: &'a [u8],
}

impl Scan<'_> {
    fn number(&mut self) -> Option<i64> {
        let mut value = 0i64;
        let mut digits = 0;
        while let Some((byte @ b'0'..=b'9', rest)) = self.rest.split_first() {
            value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
            digits += 1;
            self.rest = rest;
        }
        (digits > 0).then_some(value)
    }

    fn eat(&mut self, text: &[u8]) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn date(&mut self) -> Option<(i64, i64, i64)> {
        let year = self.number()?;
        let month = self.eat(b"-").then(|| self.number())??;
        let day = self.eat(b"-").then(|| self.number())??;
        let exists = year <= YEAR_MAX && (1..=12).contains(&month) && (1..=31).contains(&day);
        exists.then_some((year, month, day))
    }

    fn time(&mut self) -> Option<i64> {
        let hour = self.number()?;
        let minute = self.eat(b":").then(|| self.number())??;
        let second = self.eat(b":").then(|| self.number())??;
        if hour > 24 || minute > 59 || second > 60 {
            return None;
        }
        let mut micros = 0;
        if self.eat(b".") {
            let before = self.rest.len();
            let fraction = self.number()?;
            let digits = u32::try_from(before - self.rest.len()).ok()?;
            if digits > 6 {
                return None;
            }
            micros = fraction * 10i64.pow(6 - digits);
        }
        Some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
    }

    /// A zone offset in microseconds east of UTC; 0 when there is none.
    fn zone(&mut self) -> Option<i64> {
        let sign = if self.eat(b"+") {
            1
        } else if self.eat(b"-") {
            -1
        } else {
            return Some(0);
        };
        let mut seconds = 0_i64;
        for unit in [3600, 60, 1] {
            if unit == 3600 || self.eat(b":") {
                seconds = seconds.checked_add(self.number()?.checked_mul(unit)?)?;
            }
        }
        (seconds <= OFFSET_MAX).then(|| sign * seconds * 1_000_000)
    }
}

fn year_of(written: i64, before_christ: bool) -> i64 {
    if before_christ { 1 - written } else { written }
}

/// Days of `2026-11-21`, `0044-03-15 BC`, `infinity`.
pub fn parse_date(text: &[u8]) -> Option<i32> {
    match text {
        b"infinity" => return Some(i32::MAX),
        b"-infinity" => return Some(i32::MIN),
        _ => {}
    }
    let mut scan = Scan { rest: text };
    let (year, month, day) = scan.date()?;
    let before_christ = scan.eat(b" BC");
    let days = days_of(year_of(year, before_christ), month, day);
    let days = i32::try_from(days).ok()?;
    scan.rest.is_empty().then_some(days)
}

/// Microseconds of `12:34:56.789`.
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let mut scan = Scan { rest: text };
    let micros = scan.time()?;
    scan.rest.is_empty().then_some(micros)
}

/// Microseconds of `2026-11-21 12:34:56.789+00`; without a zone it is taken as it stands.
pub fn parse_timestamp(text: &[u8]) -> Option<i64> {
    match text {
        b"infinity" => return Some(i64::MAX),
        b"-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let mut scan = Scan { rest: text };
    let (year, month, day) = scan.date()?;
    if !scan.eat(b" ") && !scan.eat(b"T") {
        return None;
    }
    let micros = scan.time()?;
    let zone = scan.zone()?;
    let before_christ = scan.eat(b" BC");
    let days = days_of(year_of(year, before_christ), month, day);
    let instant = days.checked_mul(DAY_US)?.checked_add(micros)?.checked_sub(zone)?;
    scan.rest.is_empty().then_some(instant)
}

fn push_date(out: &mut String, days: i64) -> bool {
    use std::fmt::Write as _;
    let (year, month, day) = civil_of(days);
    let before_christ = year <= 0;
    let written = if before_christ { 1 - year } else { year };
    let _ = write!(out, "{written:04}-{month:02}-{day:02}");
    before_christ
}

fn push_time(out: &mut String, micros: i64) {
    use std::fmt::Write as _;
    let seconds = micros / 1_000_000;
    let fraction = micros % 1_000_000;
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

pub fn date_text(days: i32) -> String {
    match days {
        i32::MAX => return "infinity".into(),
        i32::MIN => return "-infinity".into(),
        _ => {}
    }
    let mut out = String::with_capacity(10);
    if push_date(&mut out, i64::from(days)) {
        out.push_str(" BC");
    }
    out
}

pub fn time_text(micros: i64) -> String {
    let mut out = String::with_capacity(15);
    push_time(&mut out, micros.max(0));
    out
}

/// `zone`: `+00` for instants, empty for wall-clock times.
pub fn timestamp_text(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => return "infinity".into(),
        i64::MIN => return "-infinity".into(),
        _ => {}
    }
    let mut out = String::with_capacity(32);
    let before_christ = push_date(&mut out, micros.div_euclid(DAY_US));
    out.push(' ');
    push_time(&mut out, micros.rem_euclid(DAY_US));
    out.push_str(zone);
    if before_christ {
        out.push_str(" BC");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_and_offsets_that_no_server_has_are_not_read_as_others() {
        for text in ["9223372036854775807-01-01", "6000001-01-01", "9223372036854775807-01-01 BC"] {
            assert_eq!(parse_date(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_date(b"5874897-12-31"), Some(2_145_042_905));
        for zone in ["+9223372036854775807", "+25", "-00:00:9223372036854775807", "+2562047788015215:59"] {
            assert_eq!(parse_timestamp(format!("2024-05-01 10:00:00{zone}").as_bytes()), None, "{zone}");
        }
    }

    #[test]
    fn known_days_and_instants_are_right() {
        assert_eq!(parse_date(b"1970-01-01"), Some(0));
        assert_eq!(parse_date(b"2000-03-01"), Some(11_017));
        assert_eq!(parse_date(b"0001-12-31 BC"), Some(-719_163));
        assert_eq!(parse_date(b"4714-11-24 BC"), Some(-2_440_588));
        assert_eq!(parse_timestamp(b"1970-01-01 00:00:00.5+00"), Some(500_000));
        assert_eq!(parse_timestamp(b"1970-01-01 05:30:00+05:30"), Some(0));
        assert_eq!(parse_timestamp(b"1969-12-31 23:59:59.999999"), Some(-1));
        assert_eq!(parse_time(b"24:00:00"), Some(DAY_US));
    }

    #[test]
    fn nonsense_is_not_a_time() {
        for text in ["", "2026", "2026-13-01", "2026-01-01 25:00:00", "2026-01-01x", "99999999999999999999-01-01"] {
            assert_eq!(parse_timestamp(text.as_bytes()), None, "{text}");
            assert_eq!(parse_date(text.as_bytes()), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_date_comes_back(days in -2_440_588i32..2_000_000_000) {
            proptest::prop_assert_eq!(parse_date(date_text(days).as_bytes()), Some(days));
        }

        #[test]
        fn every_instant_comes_back(micros in -210_866_803_200_000_000i64..9_000_000_000_000_000_000) {
            proptest::prop_assert_eq!(parse_timestamp(timestamp_text(micros, "+00").as_bytes()), Some(micros));
        }
    }
}
