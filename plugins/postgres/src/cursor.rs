//! Where the stream resumes, and how changes are ordered. Both are bytes to
//! everybody else.

use std::collections::BTreeMap;

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
    /// Which table was followed under which name: [`name_mark`] and the catalog's
    /// identifier. One that is dropped and made anew is another table.
    pub tables: BTreeMap<u64, u32>,
}

/// Ends the slot's name, which never has it, where tables follow.
const TABLES: u8 = 0;

impl Cursor {
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(34 + self.slot.len() + 12 * self.tables.len());
        bytes.push(CURSOR_VERSION as u8);
        bytes.extend_from_slice(&self.system.to_be_bytes());
        bytes.extend_from_slice(&self.timeline.to_be_bytes());
        bytes.extend_from_slice(&self.lsn.to_be_bytes());
        bytes.extend_from_slice(&self.partial_lsn.to_be_bytes());
        bytes.extend_from_slice(&self.partial_rows.to_be_bytes());
        bytes.extend_from_slice(self.slot.as_bytes());
        if !self.tables.is_empty() {
            bytes.push(TABLES);
        }
        for (mark, table) in &self.tables {
            bytes.extend_from_slice(&mark.to_be_bytes());
            bytes.extend_from_slice(&table.to_be_bytes());
        }
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
        let mut cursor = Cursor {
            system: reader.u64()?,
            timeline: reader.u32()?,
            lsn: reader.u64()?,
            partial_lsn: reader.u64()?,
            partial_rows: reader.u32()?,
            slot: String::new(),
            tables: BTreeMap::new(),
        };
        let rest = reader.rest();
        let end = rest.iter().position(|byte| *byte == TABLES).unwrap_or(rest.len());
        let (slot, tables) = rest.split_at(end);
        cursor.slot = std::str::from_utf8(slot).map_err(|_| Failure::Protocol("slot name".into()))?.to_owned();
        let mut tables = Reader::new(tables.get(1..).unwrap_or_default());
        while !tables.is_empty() {
            cursor.tables.insert(tables.u64()?, tables.u32()?);
        }
        Ok(cursor)
    }
}

/// A name in eight bytes (FNV-1a), so that cursors stay short. Two names that share
/// them would have both tables read again now and then, and lose nothing.
pub fn name_mark(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |mark, byte| (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
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
        let mut cursor = Cursor {
            system: 1,
            timeline: 2,
            lsn: 3,
            partial_lsn: 4,
            partial_rows: 5,
            slot: "lockstep".into(),
            tables: BTreeMap::new(),
        };
        assert_eq!(Cursor::parse(&cursor.to_bytes()).expect("ours"), cursor);
        cursor.tables = [(name_mark("public.a"), 7), (name_mark("public.b"), 0)].into();
        assert_eq!(Cursor::parse(&cursor.to_bytes()).expect("ours"), cursor);
        let cut = cursor.to_bytes();
        assert!(Cursor::parse(&cut[..cut.len() - 1]).is_err());
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
