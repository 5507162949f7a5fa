//! Journal entries as bytes: the shape of [`Entry`], after a version byte.

use crate::journal::Entry;

use super::CodecError;

/// The first byte of every entry.
const VERSION: u8 = 1;

/// Appends an entry's bytes.
pub fn encode_entry(entry: &Entry, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(VERSION);
    let bytes = std::mem::take(out);
    match postcard::to_extend(entry, bytes) {
        Ok(bytes) => *out = bytes,
        // Cannot happen: an entry has no maps, no unsized parts, and memory takes it.
        Err(_) => out.truncate(start),
    }
}

/// Reads what [`encode_entry`] wrote.
///
/// # Errors
/// On any other bytes; never panics.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, CodecError> {
    let (version, body) = bytes.split_first().ok_or(CodecError::Short)?;
    if *version != VERSION {
        return Err(CodecError::Version(*version));
    }
    match postcard::take_from_bytes(body) {
        Ok((entry, [])) => Ok(entry),
        Ok((_, rest)) => Err(CodecError::Trailing(rest.len())),
        Err(postcard::Error::DeserializeUnexpectedEnd) => Err(CodecError::Short),
        Err(_) => Err(CodecError::Impossible("an entry that makes no sense")),
    }
}
