//! Durations, sizes and shares as people write them.

/// Milliseconds of `500ms`, `2s`, `10m`, `6h` or `90d`.
pub fn duration_ms(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Bytes of `512KiB`, `256MiB`, `2GiB` or `100B`.
pub(super) fn size_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// 20 of `20%`.
pub(super) fn percent(text: &str) -> Option<u8> {
    let (number, unit) = split(text)?;
    let number = u8::try_from(number).ok()?;
    (unit == "%" && number <= 100).then_some(number)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(at);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_multiply() {
        assert_eq!(duration_ms("90d"), Some(7_776_000_000));
        assert_eq!(duration_ms("500ms"), Some(500));
        assert_eq!(size_bytes("256 MiB"), Some(256 << 20));
        assert_eq!(percent("20%"), Some(20));
    }

    #[test]
    fn what_has_no_unit_or_no_room_is_refused() {
        for text in ["90", "d", "-1s", "1.5h", "1w", "", "99999999999999999999d", "18446744073709551615d"] {
            assert_eq!(duration_ms(text), None, "{text}");
        }
        assert_eq!(size_bytes("1MB"), None);
        assert_eq!(percent("101%"), None);
    }
}
