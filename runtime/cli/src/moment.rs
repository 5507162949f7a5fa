//! Times as people type and read them, in UTC.

use jiff::{Timestamp, tz::TimeZone};

/// `2026-11-21 03:40:12.123`, UTC. The infinities and what no calendar holds
/// stay numbers.
pub fn show(micros: i64) -> String {
    match Timestamp::from_microsecond(micros) {
        Ok(at) => at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        Err(_) => format!("{micros} µs"),
    }
}

/// The time of day only.
pub fn clock(micros: i64) -> String {
    match Timestamp::from_microsecond(micros) {
        Ok(at) => at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S%.3f").to_string(),
        Err(_) => format!("{micros} µs"),
    }
}

/// The time of day it is, to the second.
pub fn now() -> String {
    Timestamp::now().to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()
}

/// Reads `15m` (ago; s, m, h, d), `2026-11-21`, `2026-11-21T03:40`, a full
/// RFC 3339 time, or `@` with microseconds since 1970. Microseconds since 1970.
pub fn parse(text: &str) -> Result<i64, String> {
    if let Some(micros) = text.strip_prefix('@') {
        return micros.parse().map_err(|_| format!("`{text}` is no time: after @ stand microseconds since 1970"));
    }
    if let Some(ago) = parse_ago(text) {
        return Ok(Timestamp::now().as_microsecond().saturating_sub(ago));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_microsecond());
    }
    let wall = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)))
        .map_err(|_| format!("`{text}` is no time: write 15m, 2h, 3d (ago) or 2026-11-21T03:40Z"))?;
    TimeZone::UTC.to_timestamp(wall).map(Timestamp::as_microsecond).map_err(|error| error.to_string())
}

/// Microseconds of `90s`, `15m`, `2h`, `3d`.
fn parse_ago(text: &str) -> Option<i64> {
    let seconds = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86400,
        _ => return None,
    };
    let count: i64 = text.get(..text.len() - 1)?.parse().ok()?;
    count.checked_mul(seconds)?.checked_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(parse("1970-01-02"), Ok(86_400_000_000));
        assert_eq!(parse("1970-01-01T00:01"), Ok(60_000_000));
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Ok(0));
        assert!(parse("15m").unwrap() < Timestamp::now().as_microsecond());
        assert!(parse("yesterday").unwrap_err().contains("`yesterday` is no time"));
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(show(1_500), "1970-01-01 00:00:00.001");
        assert_eq!(show(i64::MAX), format!("{} µs", i64::MAX));
    }
}
