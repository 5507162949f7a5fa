//! Where the stream resumes, how rows are ordered, and where a full read goes
//! on. All are bytes to everybody else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// Carried in the spec: a cursor of another version is not ours to read.
pub const CURSOR_VERSION: u32 = 1;
/// First byte of a page token.
const PAGE_FORMAT: u8 = 1;

/// How far each object was looked through, by HubSpot's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    v: u32,
    /// Milliseconds since 1970, by object.
    objects: BTreeMap<String, Seen>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Everything modified up to then was looked at, less the overlap.
    #[serde(rename = "m")]
    pub modified_ms: i64,
    /// Everything archived up to then was looked at.
    #[serde(rename = "a")]
    pub archived_ms: i64,
}

impl Cursor {
    /// Every object from the same moment on.
    pub fn at<'a>(objects: impl IntoIterator<Item = &'a str>, now_ms: i64) -> Self {
        let seen = Seen { modified_ms: now_ms, archived_ms: now_ms };
        Cursor { v: CURSOR_VERSION, objects: objects.into_iter().map(|name| (name.to_owned(), seen)).collect() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// # Errors
    /// `CursorInvalid` for bytes that are not ours.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = || Failure::CursorInvalid("the cursor is not one of this connector's".into());
        let cursor: Cursor = serde_json::from_slice(bytes).map_err(|_| bad())?;
        if cursor.v != CURSOR_VERSION { Err(bad()) } else { Ok(cursor) }
    }

    pub fn seen(&self, object: &str) -> Option<Seen> {
        self.objects.get(object).copied()
    }

    /// The earliest moment any object stands at.
    pub fn oldest(&self) -> Option<Seen> {
        let oldest = |pick: fn(&Seen) -> i64| self.objects.values().map(pick).min();
        Some(Seen { modified_ms: oldest(|seen| seen.modified_ms)?, archived_ms: oldest(|seen| seen.archived_ms)? })
    }

    /// Moves on; never back.
    pub fn advance(&mut self, object: &str, to: Seen) {
        let seen = self.objects.entry(object.to_owned()).or_insert(to);
        seen.modified_ms = seen.modified_ms.max(to.modified_ms);
        seen.archived_ms = seen.archived_ms.max(to.archived_ms);
    }
}

/// The order of a row: first by the newest entry in its properties' histories,
/// which only ever grows; then by when it was read, because some changes (an
/// archived record that is restored, a computed value) make no entry.
pub fn version(newest_entry_ms: i64, read_at_us: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    bytes.extend_from_slice(&newest_entry_ms.max(0).to_be_bytes());
    bytes.extend_from_slice(&read_at_us.max(0).to_be_bytes());
    bytes
}

/// Where the next page of a full read starts.
pub fn page_token(after: &str) -> Vec<u8> {
    let mut bytes = vec![PAGE_FORMAT];
    bytes.extend_from_slice(after.as_bytes());
    bytes
}

/// # Errors
/// `CursorInvalid` for bytes that are not ours.
pub fn parse_page_token(bytes: &[u8]) -> Result<String> {
    match bytes.split_first() {
        None => Some(String::new()),
        Some((&PAGE_FORMAT, after)) => String::from_utf8(after.to_vec()).ok(),
        Some(_) => None,
    }
    .filter(|after| after.bytes().all(|byte| byte.is_ascii_graphic()))
    .ok_or_else(|| Failure::CursorInvalid("the page does not continue one of this connector's".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_never_moves_back() {
        let mut cursor = Cursor::at(["contacts"], 1_000);
        cursor.advance("contacts", Seen { modified_ms: 900, archived_ms: 2_000 });
        let back = Cursor::parse(&cursor.to_bytes()).expect("ours");
        assert_eq!(back.seen("contacts"), Some(Seen { modified_ms: 1_000, archived_ms: 2_000 }));
        assert_eq!(back.seen("deals"), None);
    }

    #[test]
    fn somebody_elses_cursor_is_refused() {
        for bytes in [&b""[..], b"{}", b"\x01", br#"{"v":2,"objects":{}}"#] {
            assert!(matches!(Cursor::parse(bytes), Err(Failure::CursorInvalid(_))));
        }
    }

    #[test]
    fn rows_are_ordered_by_their_history_and_then_by_the_read() {
        assert!(version(2, 1) > version(1, 9));
        assert!(version(2, 2) > version(2, 1));
        assert!(version(-1, 0) <= version(0, 0));
    }

    #[test]
    fn a_page_continues_where_the_last_one_ended() {
        assert_eq!(parse_page_token(&page_token("851")).expect("ours"), "851");
        assert_eq!(parse_page_token(b"").expect("the first"), "");
        assert!(parse_page_token(b"\x02x").is_err());
        assert!(parse_page_token(b"\x01a b").is_err());
    }
}
