//! From cells to text notation, as PostgreSQL itself would show the value.

use std::borrow::Cow;

use lockstep_sdk::model::{Cell, Scalar, Uuid};

use super::array::push_element;
use super::calendar::{date_text, time_text, timestamp_text};

/// The text of a cell; `None` for null (and for absent, which is never sent).
pub fn text_of(cell: &Cell) -> Option<Cow<'_, str>> {
    Some(match cell {
        Cell::Absent | Cell::Null => return None,
        Cell::Boolean(value) => boolean(*value),
        Cell::Integer(value) => Cow::Owned(value.to_string()),
        Cell::Decimal(text) | Cell::Text(text) | Cell::Json(text) => Cow::Borrowed(text),
        Cell::Float(value) => Cow::Owned(float(*value)),
        Cell::Bytes(bytes) => Cow::Owned(hex(bytes)),
        Cell::Date(days) => Cow::Owned(date_text(*days)),
        Cell::Time(micros) => Cow::Owned(time_text(*micros)),
        Cell::Timestamp(micros) => Cow::Owned(timestamp_text(*micros, "+00")),
        Cell::LocalTimestamp(micros) => Cow::Owned(timestamp_text(*micros, "")),
        Cell::Uuid(value) => Cow::Owned(uuid(*value)),
        Cell::Many(scalars) => Cow::Owned(list(scalars)),
    })
}

fn scalar_text(scalar: &Scalar) -> Option<Cow<'_, str>> {
    Some(match scalar {
        Scalar::Null => return None,
        Scalar::Boolean(value) => boolean(*value),
        Scalar::Integer(value) => Cow::Owned(value.to_string()),
        Scalar::Decimal(text) | Scalar::Text(text) | Scalar::Json(text) => Cow::Borrowed(text),
        Scalar::Float(value) => Cow::Owned(float(*value)),
        Scalar::Bytes(bytes) => Cow::Owned(hex(bytes)),
        Scalar::Date(days) => Cow::Owned(date_text(*days)),
        Scalar::Time(micros) => Cow::Owned(time_text(*micros)),
        Scalar::Timestamp(micros) => Cow::Owned(timestamp_text(*micros, "+00")),
        Scalar::LocalTimestamp(micros) => Cow::Owned(timestamp_text(*micros, "")),
        Scalar::Uuid(value) => Cow::Owned(uuid(*value)),
    })
}

fn list(scalars: &[Scalar]) -> String {
    let mut out = String::from("{");
    for (at, scalar) in scalars.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_element(&mut out, scalar_text(scalar).as_deref());
    }
    out.push('}');
    out
}

fn boolean(value: bool) -> Cow<'static, str> {
    Cow::Borrowed(if value { "t" } else { "f" })
}

fn float(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.into()
    } else {
        // The shortest notation that reads back as the same number; whole
        // numbers without a point, as PostgreSQL shows them.
        let text = format!("{value:?}");
        match text.strip_suffix(".0") {
            Some(whole) => whole.to_owned(),
            None => text,
        }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn push_hex(out: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 15] {
        out.push(char::from(HEX.get(usize::from(nibble)).copied().unwrap_or(b'0')));
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 + bytes.len() * 2);
    out.push_str("\\x");
    for byte in bytes {
        push_hex(&mut out, *byte);
    }
    out
}

fn uuid(value: Uuid) -> String {
    let mut out = String::with_capacity(36);
    let bytes = value.high.to_be_bytes().into_iter().chain(value.low.to_be_bytes());
    for (at, byte) in bytes.enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        push_hex(&mut out, byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Codec, ScalarCodec, decode};
    use super::*;

    #[test]
    fn what_was_read_is_written_the_same() {
        for (codec, text) in [
            (Codec::One(ScalarCodec::Bool), "t"),
            (Codec::One(ScalarCodec::Int), "-7"),
            (Codec::One(ScalarCodec::Decimal), "12345678901234567890.10"),
            (Codec::One(ScalarCodec::Float), "0.1"),
            (Codec::One(ScalarCodec::Float), "-1.5e-300"),
            (Codec::One(ScalarCodec::Float), "3"),
            (Codec::One(ScalarCodec::Bytes), "\\x00ff10"),
            (Codec::One(ScalarCodec::Date), "0044-03-15 BC"),
            (Codec::One(ScalarCodec::Time), "23:59:59.5"),
            (Codec::One(ScalarCodec::Timestamp), "2026-11-21 03:04:05.000001+00"),
            (Codec::One(ScalarCodec::LocalTimestamp), "infinity"),
            (Codec::One(ScalarCodec::Uuid), "00112233-4455-6677-8899-aabbccddeeff"),
            (Codec::One(ScalarCodec::Json), "{\"a\": 1}"),
        ] {
            let cell = decode(codec, text.as_bytes());
            assert_eq!(text_of(&cell).as_deref(), Some(text), "{codec:?}");
        }
    }

    #[test]
    fn a_list_is_quoted_so_that_nothing_is_ambiguous() {
        let cell = Cell::Many(vec![Scalar::Text("NULL".into()), Scalar::Null, Scalar::Text("a\"b,c".into())]);
        assert_eq!(text_of(&cell).as_deref(), Some(r#"{"NULL",NULL,"a\"b,c"}"#));
    }
}
