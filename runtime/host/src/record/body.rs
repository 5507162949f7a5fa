//! Bytes in a recording: as text where they are text, in base64 otherwise, and
//! no more of them than it may hold.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::examine::digest_of;

/// Some bytes, or the beginning of them and what all of them were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) held: Vec<u8>,
    pub(crate) cut: Option<Cut>,
}

/// What the whole was of which only the beginning is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Body {
    pub(crate) fn new(bytes: &[u8], bytes_max: usize) -> Self {
        match bytes.get(..bytes_max) {
            Some(beginning) if beginning.len() < bytes.len() => Body {
                held: beginning.to_vec(),
                cut: Some(Cut { bytes: bytes.len() as u64, sha256: digest_of(bytes) }),
            },
            _ => Body { held: bytes.to_vec(), cut: None },
        }
    }

    /// Whether these are the bytes, all of them.
    pub(crate) fn is_of(&self, bytes: &[u8]) -> bool {
        match &self.cut {
            None => self.held == bytes,
            Some(cut) => cut.bytes == bytes.len() as u64 && cut.sha256 == digest_of(bytes),
        }
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        let shown = show(&self.held);
        match &self.cut {
            None => shown,
            Some(cut) => format!("{shown} ({} bytes in all)", cut.bytes),
        }
    }
}

/// Bytes for people, not too many of them.
pub(crate) fn show(bytes: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 300;
    let part = bytes.get(..SHOWN_BYTES_MAX).unwrap_or(bytes);
    let text = crate::lines::printable(&String::from_utf8_lossy(part), SHOWN_BYTES_MAX);
    if part.len() < bytes.len() { format!("{text}… ({} bytes)", bytes.len()) } else { text }
}

#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// Of the whole, where this is only its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let text = std::str::from_utf8(&self.held).ok().map(str::to_owned);
        let base64 = text.is_none().then(|| STANDARD.encode(&self.held));
        let (bytes, sha256) = self.cut.as_ref().map(|cut| (cut.bytes, cut.sha256.clone())).unzip();
        Written { text, base64, bytes, sha256 }.serialize(out)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(input)?;
        let held = match (written.text, written.base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).map_err(|_| Error::custom("the base64 is broken"))?,
            _ => return Err(Error::custom("a body is told either as `text` or as `base64`")),
        };
        let cut = match (written.bytes, written.sha256) {
            (None, None) => None,
            (Some(bytes), Some(sha256)) if bytes > held.len() as u64 => Some(Cut { bytes, sha256 }),
            _ => return Err(Error::custom("what was cut is told by `bytes` and `sha256` of a longer whole")),
        };
        Ok(Body { held, cut })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_it_was_written() {
        for body in [Body::new(b"text", 10), Body::new(&[0xff, 0], 10), Body::new(b"much too long", 4), Body::default()]
        {
            let written = serde_json::to_string(&body).expect("JSON");
            assert_eq!(serde_json::from_str::<Body>(&written).expect("a body"), body, "{written}");
        }
        assert!(serde_json::from_str::<Body>(r#"{"text":"a","base64":"YQ=="}"#).is_err());
        assert!(serde_json::from_str::<Body>(r#"{"text":"a","bytes":1,"sha256":""}"#).is_err());
    }

    #[test]
    fn what_was_cut_is_still_told_apart() {
        let body = Body::new(b"much too long", 4);
        assert_eq!(body.held, b"much");
        assert!(body.is_of(b"much too long") && !body.is_of(b"much too lonG") && !body.is_of(b"much"));
    }
}
