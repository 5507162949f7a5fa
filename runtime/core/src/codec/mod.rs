//! Records, keys and journal entries as bytes: compact, versioned, and safe to
//! read from anything. Must not know where the bytes are kept.

mod entry;
mod reader;
mod record;
mod value;

pub use entry::{decode_entry, encode_entry};
pub use record::{decode_record, encode_record};

pub(crate) use reader::Reader;
pub(crate) use value::{read_value, write_value};

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("the bytes end too early")]
    Short,
    #[error("the bytes were written by a version of this program that is not known here ({0})")]
    Version(u8),
    #[error("the bytes say something impossible: {0}")]
    Impossible(&'static str),
    #[error("{0} bytes are left over")]
    Trailing(usize),
}

impl CodecError {
    /// Stable code for listings and help.
    pub fn code(&self) -> &'static str {
        match self {
            CodecError::Short => "LS-CODEC-SHORT",
            CodecError::Version(_) => "LS-CODEC-VERSION",
            CodecError::Impossible(_) => "LS-CODEC-IMPOSSIBLE",
            CodecError::Trailing(_) => "LS-CODEC-TRAILING",
        }
    }
}
