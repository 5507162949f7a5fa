//! Dates and times as HubSpot writes them: ISO 8601, UTC, milliseconds; older
//! answers have milliseconds since 1970 instead. Days and microseconds since
//! 1970-01-01 here, proleptic Gregorian.

pub const DAY_US: i64 = 86_400_000_000;

/// Days since 1970-01-01 of a civil date.
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".)
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The civil date of days since 1970-01-01.
fn civil_of(days: i64) -> (i64, i64, i64) {
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

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Milliseconds since 1970, where the text is nothing but a number.
fn epoch_ms(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days of `2026-11-27`, or of milliseconds at a midnight.
pub fn parse_date(text: &str) -> Option<i32> {
    if let Some(millis) = epoch_ms(text) {
        let whole = millis.rem_euclid(DAY_US / 1_000) == 0;
        return whole.then(|| i32::try_from(millis.div_euclid(DAY_US / 1_000)).ok())?;
    }
    let mut parts = text.splitn(3, '-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    let days = days_of(year, month, day);
    // A day that does not exist comes back as another.
    (civil_of(days) == (year, month, day)).then(|| i32::try_from(days).ok())?
}

/// Microseconds of `2026-11-27T08:00:00.123Z`, or of milliseconds since 1970.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    if let Some(millis) = epoch_ms(text) {
        return millis.checked_mul(1_000);
    }
    let (date, time) = text.split_once('T')?;
    let days = i64::from(parse_date(date)?);
    let (clock, offset_us) = zone(time)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.splitn(3, ':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = parts.next().map_or(Some(0), |text| digits(text, 2))?;
    if hour > 23 || minute > 59 || second > 60 || fraction.len() > 9 {
        return None;
    }
    let micros = match fraction {
        "" => 0,
        some => digits(format!("{some:0<6}").get(..6)?, 6)?,
    };
    let of_day = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros - offset_us;
    days.checked_mul(DAY_US)?.checked_add(of_day)
}

/// The clock's part, and the offset east of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (clock, offset) = time.split_at(at);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let offset = offset.get(1..)?;
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None => offset.split_at_checked(2)?,
    };
    Some((clock, sign * (digits(hours, 2)? * 60 + digits(minutes, 2)?) * 60_000_000))
}

/// `None`: a year that four digits cannot hold.
pub fn date_text(days: i32) -> Option<String> {
    let (year, month, day) = civil_of(i64::from(days));
    (0..=9_999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

pub fn time_text(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}.{:03}", micros.rem_euclid(1_000_000) / 1_000)
}

/// With milliseconds; what is finer is cut. `None`: a year that four digits cannot hold.
pub fn timestamp_text(micros: i64) -> Option<String> {
    let days = i32::try_from(micros.div_euclid(DAY_US)).ok()?;
    Some(format!("{}T{}Z", date_text(days)?, time_text(micros.rem_euclid(DAY_US))))
}

/// Milliseconds since 1970 of an HTTP `Date` header (RFC 9110, IMF-fixdate).
pub fn parse_http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day = digits(parts.next()?, 2)?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year = digits(parts.next()?, 4)?;
    let time = parts.next()?;
    let micros = parse_timestamp(&format!("{year:04}-{month:02}-{day:02}T{time}Z"))?;
    Some(micros / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_is_none_whatever_it_is_made_of() {
        for text in ["2022-02-14T21:36:07.00000\u{fffd}", "2022-02-14T21:36:07.\u{e9}Z", "172800000000000000T00:00:00Z"]
        {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn both_notations_of_a_time_are_read() {
        let micros = 1_645_129_167_424_000;
        assert_eq!(parse_timestamp("2022-02-17T20:19:27.424Z"), Some(micros));
        assert_eq!(parse_timestamp("1645129167424"), Some(micros));
        assert_eq!(parse_timestamp("2022-02-17T21:19:27.424+01:00"), Some(micros));
        assert_eq!(parse_timestamp("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(timestamp_text(micros).as_deref(), Some("2022-02-17T20:19:27.424Z"));
    }

    #[test]
    fn both_notations_of_a_date_are_read() {
        assert_eq!(parse_date("2022-02-17"), Some(19_040));
        assert_eq!(parse_date("1645056000000"), Some(19_040));
        assert_eq!(parse_date("1645056000001"), None);
        assert_eq!(date_text(19_040).as_deref(), Some("2022-02-17"));
    }

    #[test]
    fn nonsense_is_no_time() {
        for text in ["", "2022-13-01", "2022-02-30", "22-1-1", "x", "2022-02-17T25:00:00Z", "2022-02-17T"] {
            assert_eq!((parse_date(text), parse_timestamp(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn an_answers_date_is_read() {
        assert_eq!(parse_http_date("Thu, 17 Feb 2022 20:19:27 GMT"), Some(1_645_129_167_000));
        assert_eq!(parse_http_date("yesterday"), None);
    }
}
