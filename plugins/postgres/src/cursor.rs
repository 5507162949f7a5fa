//! Where the stream resumes, and how changes are ordered. Both are bytes to
//! everybody else.

use crate::failure::{Failure, Result};
use crate::wire::frame::Reader;

/// Carried in the spec: a cursor of another version is not ours to read.
pub const CURSOR_VERSION: u32 = 1;

/// A position between two rows of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The cluster's own identifier.
    pub system: u64,
    pub timeline: u32,
    /// Behind the last transaction that was given completely.
    pub lsn: u64,
    /// The commit of the transaction after it, when part of that was given; else 0.
    pub partial_lsn: u64,
    /// How many of its rows were given.
    pub partial_rows: u32,
    pub slot: String,
}

impl Cursor {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(33 + self.slot.len());
        bytes.push(CURSOR_VERSION as u8);
        bytes.extend_from_slice(&self.system.to_be_bytes());
        bytes.extend_from_slice(&self.timeline.to_be_bytes());
        bytes.extend_from_slice(&self.lsn.to_be_bytes());
        bytes.extend_from_slice(&self.partial_lsn.to_be_bytes());
        bytes.extend_from_slice(&self.partial_rows.to_be_bytes());
        bytes.extend_from_slice(self.slot.as_bytes());
        bytes
    }

    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).map_err(|_| Failure::CursorInvalid("the cursor is not one of this connector's".into()))
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if u32::from(reader.u8()?) != CURSOR_VERSION {
            return Err(Failure::Protocol("cursor version".into()));
        }
        Ok(Cursor {
            system: reader.u64()?,
            timeline: reader.u32()?,
            lsn: reader.u64()?,
            partial_lsn: reader.u64()?,
            partial_rows: reader.u32()?,
            slot: std::str::from_utf8(reader.rest()).map_err(|_| Failure::Protocol("slot name".into()))?.to_owned(),
        })
    }
}

/// The order of a change: bytes that compare as (timeline, LSN, row).
pub fn version(timeline: u32, lsn: u64, row: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    bytes.extend_from_slice(&timeline.to_be_bytes());
    bytes.extend_from_slice(&lsn.to_be_bytes());
    bytes.extend_from_slice(&row.to_be_bytes());
    bytes
}

/// `16/B374D848` as a number.
pub fn parse_lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let high = u32::from_str_radix(high, 16).ok()?;
    let low = u32::from_str_radix(low, 16).ok()?;
    Some(u64::from(high) << 32 | u64::from(low))
}

pub fn lsn_text(lsn: u64) -> String {
    format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back() {
        let cursor =
            Cursor { system: 1, timeline: 2, lsn: 3, partial_lsn: 4, partial_rows: 5, slot: "lockstep".into() };
        assert_eq!(Cursor::parse(&cursor.to_bytes()).expect("ours"), cursor);
    }

    #[test]
    fn somebody_elses_cursor_is_refused() {
        for bytes in [&b""[..], b"\x01", b"\x02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert!(matches!(Cursor::parse(bytes), Err(Failure::CursorInvalid(_))));
        }
    }

    #[test]
    fn versions_compare_by_timeline_then_place_then_row() {
        assert!(version(1, 0x1_0000_0000, 1) > version(1, 0xffff_ffff, 9));
        assert!(version(1, 5, 2) > version(1, 5, 1));
        assert!(version(2, 1, 0) > version(1, 9, 9));
    }

    #[test]
    fn positions_are_read_and_written_as_the_server_does() {
        assert_eq!(parse_lsn("16/B374D848"), Some(0x16_B374_D848));
        assert_eq!(lsn_text(0x16_B374_D848), "16/B374D848");
        assert_eq!(parse_lsn("nonsense"), None);
    }
}
