//! Dates and times between text and numbers. Salesforce shows instants in UTC
//! and keeps whole seconds.

const DAY_S: i64 = 86_400;
/// Microseconds of a day.
pub const DAY_US: i64 = DAY_S * 1_000_000;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Days since 1970-01-01 of a proleptic Gregorian date (Hinnant's algorithm).
pub fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day.
pub fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn digits(text: &str, from: usize, to: usize) -> Option<i64> {
    let part = text.get(from..to)?;
    part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
}

/// `2021-12-02`, and whatever follows it.
pub fn parse_date(text: &str) -> Option<i64> {
    let (year, month, day) = (digits(text, 0, 4)?, digits(text, 5, 7)?, digits(text, 8, 10)?);
    let separated = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let days = days_of(year, month, day);
    (separated && date_of(days) == (year, month, day)).then_some(days)
}

/// `18:23:33`, perhaps with a fraction: microseconds, and how many bytes it took.
fn parse_clock(text: &str) -> Option<(i64, usize)> {
    let (hour, minute, second) = (digits(text, 0, 2)?, digits(text, 3, 5)?, digits(text, 6, 8)?);
    if text.get(2..3) != Some(":") || text.get(5..6) != Some(":") || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let mut micros = (hour * 3600 + minute * 60 + second) * 1_000_000;
    let mut taken = 8;
    if text.get(8..9) == Some(".") {
        let fraction: String = text.get(9..)?.chars().take_while(char::is_ascii_digit).collect();
        taken = 9 + fraction.len();
        let six = fraction.get(..6).unwrap_or(&fraction);
        micros += format!("{six:0<6}").parse::<i64>().ok()?;
    }
    Some((micros, taken))
}

/// `10:22:00.000Z` as microseconds since midnight.
pub fn parse_time_us(text: &str) -> Option<i64> {
    let (micros, taken) = parse_clock(text)?;
    matches!(text.get(taken..), Some("" | "Z")).then_some(micros)
}

/// `2021-12-02T18:23:33.000+0000`, with `Z` or any offset, as microseconds since 1970.
pub fn parse_timestamp_us(text: &str) -> Option<i64> {
    let days = parse_date(text)?;
    let rest = text.get(10..)?.strip_prefix(['T', ' '])?;
    let (micros, taken) = parse_clock(rest)?;
    let offset_s = match rest.get(taken..)? {
        "" | "Z" => 0,
        zone => {
            let sign = match zone.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let minutes = zone.get(zone.len().checked_sub(2)?..)?.parse::<i64>().ok()?;
            sign * (digits(zone, 1, 3)? * 3600 + minutes * 60)
        }
    };
    days.checked_mul(DAY_S * 1_000_000)?.checked_add(micros)?.checked_sub(offset_s * 1_000_000)
}

/// `2021-12-02`.
pub fn date_text(days: i64) -> String {
    let (year, month, day) = date_of(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `18:23:33.000Z`.
pub fn time_text(micros: i64) -> String {
    let (seconds, millis) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000) / 1000);
    format!("{:02}:{:02}:{:02}.{millis:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `2021-12-02T18:23:33.000Z`.
pub fn timestamp_text(micros: i64) -> String {
    let day_us = DAY_S * 1_000_000;
    format!("{}T{}", date_text(micros.div_euclid(day_us)), time_text(micros.rem_euclid(day_us)))
}

/// `2021-12-02T18:23:33Z`, as queries and `getUpdated` want it.
pub fn seconds_text(seconds: i64) -> String {
    let text = timestamp_text(seconds * 1_000_000);
    format!("{}Z", text.get(..19).unwrap_or(&text))
}

/// `Fri, 07 Jan 2022 00:34:21 GMT`, in seconds since 1970.
pub fn parse_http_date_s(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let number_of = |text: &str, length: usize| digits(text, 0, length).filter(|_| text.len() == length);
    let day = number_of(parts.next()?, 2)?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|known| *known == name)? as i64 + 1;
    let year = number_of(parts.next()?, 4)?;
    let (micros, _) = parse_clock(parts.next()?)?;
    Some(days_of(year, month, day) * DAY_S + micros / 1_000_000)
}

/// The other way round.
pub fn http_date_s(seconds: i64) -> String {
    let days = seconds.div_euclid(DAY_S);
    let (year, month, day) = date_of(days);
    let weekday = WEEKDAYS.get(days.rem_euclid(7) as usize).copied().unwrap_or_default();
    let month = MONTHS.get((month - 1) as usize).copied().unwrap_or_default();
    let of_day = seconds.rem_euclid(DAY_S);
    format!("{weekday}, {day:02} {month} {year:04} {:02}:{:02}:{:02} GMT", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_offset_is_no_instant() {
        for zone in ["+", "-", "+0", "+é", "+01:", "x"] {
            assert_eq!(parse_timestamp_us(&format!("2021-12-02T18:23:33{zone}")), None, "{zone}");
        }
    }

    #[test]
    fn a_date_of_http_has_as_many_digits_as_it_may() {
        for date in
            ["Wed, 01 May 20202020202024 12:30:15 GMT", "Wed, 1 May 2024 12:30:15 GMT", "Wed, -1 May 2024 12:30:15 GMT"]
        {
            assert_eq!(parse_http_date_s(date), None, "{date}");
        }
    }

    #[test]
    fn an_instant_reads_in_every_spelling_and_writes_in_one() {
        let expected = 1_638_469_413_000_000;
        for text in [
            "2021-12-02T18:23:33.000+0000",
            "2021-12-02T18:23:33.000Z",
            "2021-12-02T19:23:33+01:00",
            "2021-12-02T18:23:33Z",
        ] {
            assert_eq!(parse_timestamp_us(text), Some(expected), "{text}");
        }
        assert_eq!(timestamp_text(expected), "2021-12-02T18:23:33.000Z");
        assert_eq!(seconds_text(expected / 1_000_000), "2021-12-02T18:23:33Z");
        assert_eq!(parse_timestamp_us("2021-13-02T18:23:33Z"), None);
        assert_eq!(parse_timestamp_us("yesterday"), None);
    }

    #[test]
    fn a_date_of_http_survives_the_way_there_and_back() {
        let text = "Fri, 07 Jan 2022 00:34:21 GMT";
        let seconds = parse_http_date_s(text).expect("a date");
        assert_eq!(seconds, 1_641_515_661);
        assert_eq!(http_date_s(seconds), text);
    }

    #[test]
    fn days_count_from_1970_in_both_directions() {
        for (text, days) in [("1970-01-01", 0), ("1969-12-31", -1), ("2000-02-29", 11_016)] {
            assert_eq!(parse_date(text), Some(days));
            assert_eq!(date_text(days), text);
        }
        assert_eq!(parse_date("2023-02-29"), None);
    }

    #[test]
    fn a_time_of_day_is_microseconds_since_midnight() {
        assert_eq!(parse_time_us("10:22:00.000Z"), Some(37_320_000_000));
        assert_eq!(time_text(37_320_000_000), "10:22:00.000Z");
    }
}
