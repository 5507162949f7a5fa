//! The conformance kit on trial: the connectors of this repository pass it,
//! and a connector that is broken in one way is caught by the rule for it.

pub mod filed;
pub mod mutant;
mod subject;

pub use subject::{
    WEBHOOK_SECRET, account, bytes_of, connection, contacts, guest, guest_if_built, hubspot, judged, load, practice,
    settings,
};
