//! Times as the vendor writes them. Rows hold whole seconds.

use jiff::{Timestamp, civil::Date, fmt::strtime, tz::TimeZone};

/// `2021-12-02T18:23:33.000+0000`: as rows, queries and errors show a time.
pub fn rest(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

/// `2021-12-02T18:23:33.000Z`: as change events and bulk files show one.
pub fn zulu(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// `Fri, 07 Jan 2022 00:34:21 GMT`
pub fn http(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub fn from_http(text: &str) -> Option<Timestamp> {
    let mut broken = strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text.trim()).ok()?;
    broken.set_offset(Some(jiff::tz::Offset::UTC));
    broken.to_timestamp().ok()
}

/// A time as clients send it: with `Z`, `+00:00` or `+0000`, or a bare date.
/// Fractions of a second are cut off, as rows do.
pub fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        return date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    }
    // A query's `+` arrives as a blank from clients that do not escape it.
    let mut text = text.replace(' ', "+");
    let bytes = text.as_bytes();
    let sign = bytes.len().checked_sub(5)?;
    if matches!(bytes[sign], b'+' | b'-') && bytes[sign + 1..].iter().all(u8::is_ascii_digit) {
        text.insert(sign + 3, ':');
    }
    text.parse::<Timestamp>().ok().map(whole)
}

/// Without the fraction of its second.
pub fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_millisecond().div_euclid(1_000)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_and_shown_in_the_vendors() {
        for text in [
            "2021-12-02T18:23:33.000+0000",
            "2021-12-02T18:23:33Z",
            "2021-12-02T19:23:33.999+01:00",
            "2021-12-02T18:23:33 00:00",
        ] {
            let at = parse(text).unwrap();
            assert_eq!(rest(at), "2021-12-02T18:23:33.000+0000", "{text}");
            assert_eq!(zulu(at), "2021-12-02T18:23:33.000Z");
            assert_eq!(http(at), "Thu, 02 Dec 2021 18:23:33 GMT");
            assert_eq!(from_http(&http(at)), Some(at));
        }
        assert_eq!(rest(parse("2021-12-02").unwrap()), "2021-12-02T00:00:00.000+0000");
        assert_eq!(parse("soon"), None);
        assert_eq!(parse("x"), None);
    }
}
