//! From text notation to cells.

use lockstep_sdk::model::{Cell, Scalar, Uuid};

use super::array;
use super::calendar::{parse_date, parse_time, parse_timestamp};

/// How a scalar type's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarCodec {
    Bool,
    Int,
    Decimal,
    Float,
    Text,
    Bytes,
    Date,
    Time,
    Timestamp,
    LocalTimestamp,
    Uuid,
    Json,
}

/// How a column's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    One(ScalarCodec),
    Many(ScalarCodec),
}

/// The cell of a value. What the codec does not understand (a year beyond the
/// contract's range, an array of two dimensions) crosses as the text it is, so
/// that it is seen and not lost.
pub fn decode(codec: Codec, bytes: &[u8]) -> Cell {
    let decoded = match codec {
        Codec::One(codec) => cell(codec, bytes),
        Codec::Many(codec) => many(codec, bytes),
    };
    decoded.unwrap_or_else(|| Cell::Text(text(bytes)))
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn cell(codec: ScalarCodec, bytes: &[u8]) -> Option<Cell> {
    Some(match codec {
        ScalarCodec::Bool => Cell::Boolean(boolean(bytes)?),
        ScalarCodec::Int => Cell::Integer(integer(bytes)?),
        ScalarCodec::Decimal => Cell::Decimal(is_number(bytes).then(|| text(bytes))?),
        ScalarCodec::Float => Cell::Float(float(bytes)?),
        ScalarCodec::Text => Cell::Text(text(bytes)),
        ScalarCodec::Bytes => Cell::Bytes(hex(bytes)?),
        ScalarCodec::Date => Cell::Date(parse_date(bytes)?),
        ScalarCodec::Time => Cell::Time(parse_time(bytes)?),
        ScalarCodec::Timestamp => Cell::Timestamp(parse_timestamp(bytes)?),
        ScalarCodec::LocalTimestamp => Cell::LocalTimestamp(parse_timestamp(bytes)?),
        ScalarCodec::Uuid => Cell::Uuid(uuid(bytes)?),
        ScalarCodec::Json => Cell::Json(text(bytes)),
    })
}

fn many(codec: ScalarCodec, bytes: &[u8]) -> Option<Cell> {
    let elements = array::elements(std::str::from_utf8(bytes).ok()?)?;
    let scalars = elements.into_iter().map(|element| match element {
        None => Some(Scalar::Null),
        Some(text) => scalar(codec, text),
    });
    Some(Cell::Many(scalars.collect::<Option<_>>()?))
}

fn scalar(codec: ScalarCodec, text: String) -> Option<Scalar> {
    let bytes = text.as_bytes();
    Some(match codec {
        ScalarCodec::Bool => Scalar::Boolean(boolean(bytes)?),
        ScalarCodec::Int => Scalar::Integer(integer(bytes)?),
        ScalarCodec::Decimal => Scalar::Decimal(is_number(bytes).then_some(text.clone())?),
        ScalarCodec::Float => Scalar::Float(float(bytes)?),
        ScalarCodec::Text => Scalar::Text(text),
        ScalarCodec::Bytes => Scalar::Bytes(hex(bytes)?),
        ScalarCodec::Date => Scalar::Date(parse_date(bytes)?),
        ScalarCodec::Time => Scalar::Time(parse_time(bytes)?),
        ScalarCodec::Timestamp => Scalar::Timestamp(parse_timestamp(bytes)?),
        ScalarCodec::LocalTimestamp => Scalar::LocalTimestamp(parse_timestamp(bytes)?),
        ScalarCodec::Uuid => Scalar::Uuid(uuid(bytes)?),
        ScalarCodec::Json => Scalar::Json(text),
    })
}

/// As `numeric` is written: digits with at most one point, or a special value.
fn is_number(bytes: &[u8]) -> bool {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    match digits {
        b"NaN" | b"Infinity" => true,
        _ => {
            let points = digits.iter().filter(|byte| **byte == b'.').count();
            let is_plain = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
            is_plain && points <= 1 && digits.len() > points
        }
    }
}

fn boolean(bytes: &[u8]) -> Option<bool> {
    match bytes {
        b"t" => Some(true),
        b"f" => Some(false),
        _ => None,
    }
}

fn integer(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn float(bytes: &[u8]) -> Option<f64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> Option<Vec<u8>> {
    let digits = bytes.strip_prefix(b"\\x")?;
    let (pairs, odd) = digits.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    let byte = |[high, low]: &[u8; 2]| Some(nibble(*high)? << 4 | nibble(*low)?);
    pairs.iter().map(byte).collect()
}

fn uuid(bytes: &[u8]) -> Option<Uuid> {
    let mut value = 0u128;
    let mut digits = 0;
    for byte in bytes {
        if *byte == b'-' {
            continue;
        }
        value = value << 4 | u128::from(nibble(*byte)?);
        digits += 1;
    }
    (digits == 32 && bytes.len() == 36).then_some(Uuid { high: (value >> 64) as u64, low: value as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(codec: ScalarCodec, text: &str) -> Cell {
        decode(Codec::One(codec), text.as_bytes())
    }

    #[test]
    fn scalars_are_read_exactly() {
        assert_eq!(one(ScalarCodec::Int, "-9223372036854775808"), Cell::Integer(i64::MIN));
        assert_eq!(one(ScalarCodec::Decimal, "1.50"), Cell::Decimal("1.50".into()));
        assert_eq!(one(ScalarCodec::Decimal, "NaN"), Cell::Decimal("NaN".into()));
        assert_eq!(one(ScalarCodec::Decimal, "1.5.0"), Cell::Text("1.5.0".into()));
        assert_eq!(decode(Codec::Many(ScalarCodec::Decimal), b"{1,x}"), Cell::Text("{1,x}".into()));
        assert_eq!(one(ScalarCodec::Float, "-Infinity"), Cell::Float(f64::NEG_INFINITY));
        assert_eq!(one(ScalarCodec::Bytes, "\\x00ff"), Cell::Bytes(vec![0, 255]));
        assert_eq!(one(ScalarCodec::Timestamp, "-infinity"), Cell::Timestamp(i64::MIN));
        let Cell::Uuid(uuid) = one(ScalarCodec::Uuid, "00112233-4455-6677-8899-aabbccddeeff") else {
            panic!("a uuid");
        };
        assert_eq!(uuid.high, 0x0011_2233_4455_6677);
    }

    #[test]
    fn what_cannot_be_read_crosses_as_it_is() {
        assert_eq!(one(ScalarCodec::Bool, "maybe"), Cell::Text("maybe".into()));
        assert_eq!(decode(Codec::Many(ScalarCodec::Int), b"{{1},{2}}"), Cell::Text("{{1},{2}}".into()));
    }

    #[test]
    fn a_list_keeps_its_nulls() {
        assert_eq!(
            decode(Codec::Many(ScalarCodec::Int), b"{1,NULL,3}"),
            Cell::Many(vec![Scalar::Integer(1), Scalar::Null, Scalar::Integer(3)])
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            for codec in [
                ScalarCodec::Bool, ScalarCodec::Int, ScalarCodec::Decimal, ScalarCodec::Float,
                ScalarCodec::Text, ScalarCodec::Bytes, ScalarCodec::Date, ScalarCodec::Time,
                ScalarCodec::Timestamp, ScalarCodec::LocalTimestamp, ScalarCodec::Uuid, ScalarCodec::Json,
            ] {
                decode(Codec::One(codec), &bytes);
                decode(Codec::Many(codec), &bytes);
            }
        }
    }
}
