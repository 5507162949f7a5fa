//! Values, keys and instants as people read them.

use std::fmt;

use super::{Timestamp, Value, calendar};
use crate::key::Key;

/// Bytes shown of a binary value.
const BYTES_SHOWN_MAX: usize = 32;

impl Value {
    /// As people read it: times in ISO 8601 and UTC, control characters escaped
    /// so that no value can move a terminal's cursor. Not meant to be read back.
    pub fn show(&self) -> String {
        match self {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            Value::Decimal(text) | Value::Text(text) | Value::Json(text) => visible(text),
            Value::Bytes(bytes) => show_bytes(bytes),
            Value::Date(days) => calendar::date_text(*days),
            Value::Time(micros) => calendar::time_text(*micros),
            Value::Timestamp(at) => calendar::instant_text(*at),
            Value::LocalTimestamp(micros) => calendar::local_text(*micros),
            Value::Uuid(value) => uuid_text(*value),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(Value::show).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Ref(record) => format!("#{}", record.0),
        }
    }
}

/// The usual 8-4-4-4-12 form in lower case.
pub(crate) fn uuid_text(value: u128) -> String {
    let hex = format!("{value:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

fn show_bytes(bytes: &[u8]) -> String {
    use fmt::Write;
    let mut text = String::from("\\x");
    for byte in bytes.iter().take(BYTES_SHOWN_MAX) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > BYTES_SHOWN_MAX {
        let _ = write!(text, "… ({} bytes)", bytes.len());
    }
    text
}

impl fmt::Display for Key {
    /// The key's values, a comma between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, value) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            f.write_str(&value.show())?;
        }
        Ok(())
    }
}

impl fmt::Display for Timestamp {
    /// ISO 8601 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&calendar::instant_text(*self))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::record::RecordId;

    #[test]
    fn values_read_as_people_write_them() {
        for (value, text) in [
            (Value::Null, "null"),
            (Value::text("Ada"), "Ada"),
            (Value::Float(0.1), "0.1"),
            (Value::Timestamp(Timestamp(1_500_000)), "1970-01-01T00:00:01.5Z"),
            (Value::Uuid(1), "00000000-0000-0000-0000-000000000001"),
            (Value::Bytes(Arc::from([0xde, 0xad])), "\\xdead"),
            (Value::List(Arc::from([Value::Int(1), Value::Null])), "[1, null]"),
            (Value::Ref(RecordId(7)), "#7"),
        ] {
            assert_eq!(value.show(), text);
        }
    }

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(Value::text("a\u{1b}[2Jb\nc").show(), "a\\u{1b}[2Jb\\nc");
    }

    #[test]
    fn long_binaries_are_cut_and_say_so() {
        let shown = Value::Bytes(Arc::from(vec![0u8; 100])).show();
        assert!(shown.ends_with("… (100 bytes)"), "{shown}");
    }

    #[test]
    fn a_key_lists_its_parts() {
        let key = Key::new(vec![Value::Int(1), Value::text("de")]);
        assert_eq!(key.to_string(), "1, de");
    }
}
