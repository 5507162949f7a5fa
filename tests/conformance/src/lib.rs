//! The conformance kit on trial: the connectors of this repository pass it,
//! and a connector that is broken in one way is caught by the rule for it.

pub mod filed;
pub mod mutant;
mod subject;

pub use subject::{bytes_of, connection, guest, guest_if_built, judged, load, practice, settings};
