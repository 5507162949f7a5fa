//! Webhooks: whether one is HubSpot's, and what it tells. Its events are thin
//! and come in any order, any number of times: they name what to look at again.

mod event;
mod signature;

pub use event::{Named, named};
pub use signature::{Signed, signed, verify};
