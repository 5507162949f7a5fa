//! The delivery protocol in small: two systems, one record with one field, the
//! state file, and processes that own it one after the other (or, for a while,
//! two at once). A model checker walks every order in which edits, commits,
//! writes, lost answers and crashes can follow each other, within bounds.
//!
//! It shares no code with the runtime: it says what the runtime is meant to do.
//! What the runtime does is for the simulation to show.

mod properties;
mod protocol;
mod step;

pub use protocol::{Bounds, Flight, Owner, Protocol, Stored, System, Token, World};
pub use step::Step;
