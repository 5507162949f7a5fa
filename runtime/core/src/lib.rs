//! The pure heart of Lockstep: what a value is, how fields map, how records
//! match, how concurrent edits merge, and which writes follow.
//!
//! Nothing here may know of time, files, the network, the environment or
//! randomness: whatever of these a rule needs is passed in, so the same inputs
//! in the same order give the same result, byte for byte. The rules implemented
//! are written down in docs/semantics.md.

pub mod cast;
pub mod change;
pub mod code;
pub mod codec;
pub mod config;
pub mod delta;
pub mod expression;
pub mod journal;
pub mod key;
pub mod mapping;
pub mod matching;
pub mod plan;
pub mod policy;
pub mod propose;
pub mod record;
pub mod schema;
pub mod spec;
pub mod value;
pub mod webhook;
pub mod write;
