//! Where the change stream resumes: for each streamed channel the last replay
//! id, for each polled object how far its changes are covered. Opaque to the
//! host, versioned, small.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// The host refuses to feed us cursors of another version.
pub const CURSOR_VERSION: u32 = 1;

/// A streamed channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelAt {
    /// The last event taken; none yet.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<i64>,
    /// Everything committed before this second (server's clock) was taken, or
    /// was there before the stream began.
    #[serde(rename = "s")]
    pub since_s: i64,
    /// The second in which the last event taken was committed; unknown in old cursors.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub taken_s: Option<i64>,
}

impl ChannelAt {
    /// A position without an event: everything since that second is still to be taken.
    pub fn since(since_s: i64) -> Self {
        ChannelAt { replay: None, since_s, taken_s: None }
    }

    /// An event was taken.
    pub fn take(&mut self, replay_id: i64, committed_s: i64) {
        if self.replay.is_none_or(|taken| taken < replay_id) {
            self.replay = Some(replay_id);
            self.taken_s = Some(committed_s);
        }
    }
}

/// A polled object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolledAt {
    /// All changes of transactions that ended before this second were taken.
    #[serde(rename = "c")]
    pub covered_s: i64,
    /// Inside a window: what will be covered at its end, and the stamp and id
    /// of the last row taken.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    #[serde(rename = "t")]
    pub then_covered_s: i64,
    #[serde(rename = "s")]
    pub stamp_s: i64,
    #[serde(rename = "i")]
    pub id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(rename = "v")]
    version: u32,
    #[serde(rename = "ch", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, ChannelAt>,
    #[serde(rename = "po", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub polled: BTreeMap<String, PolledAt>,
}

impl Cursor {
    pub fn new() -> Self {
        Cursor { version: CURSOR_VERSION, ..Cursor::default() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// # Errors
    /// `cursor-invalid` for anything that is not ours.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let cursor: Cursor = serde_json::from_slice(bytes)
            .map_err(|_| Failure::CursorInvalid("the cursor is not one of this connector's".into()))?;
        if cursor.version != CURSOR_VERSION {
            return Err(Failure::CursorInvalid(format!("a cursor of version {} is not read", cursor.version)));
        }
        Ok(cursor)
    }
}

/// The version of a change: its replay id. Events of a channel are stored in the
/// order in which their transactions were committed and are delivered in the
/// order of their replay ids (documented); an object's events all come over one
/// channel. The header's commit number would not do: it may start over when an
/// organisation is moved to another instance (documented). Reads carry no
/// version, because nothing they show can be ordered against these.
pub fn event_version(replay_id: i64) -> Vec<u8> {
    replay_id.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_way_there_and_back_and_is_small() {
        let mut cursor = Cursor::new();
        cursor
            .channels
            .insert("/data/ContactChangeEvent".into(), ChannelAt { replay: Some(7), since_s: 1, taken_s: Some(1) });
        cursor.channels.insert("/data/LeadChangeEvent".into(), ChannelAt::since(2));
        let window = Some(Window { then_covered_s: 9, stamp_s: 8, id: "00Q".into() });
        cursor.polled.insert("Task".into(), PolledAt { covered_s: 3, window });
        let bytes = cursor.to_bytes();
        assert_eq!(Cursor::parse(&bytes).expect("ours"), cursor);
        assert!(bytes.len() < 200, "{} bytes", bytes.len());
    }

    #[test]
    fn a_cursor_of_somebody_else_is_refused_and_never_a_reset() {
        for bytes in [&b""[..], b"{}", b"\x00\x01", br#"{"v":9}"#] {
            assert!(matches!(Cursor::parse(bytes), Err(Failure::CursorInvalid(_))));
        }
    }

    #[test]
    fn versions_compare_bytewise_as_replay_ids_do() {
        assert!(event_version(255) < event_version(256));
        assert!(event_version(1_480_821) < event_version(1_480_822));
    }
}
