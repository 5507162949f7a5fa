//! What a property's history says of our writes. HubSpot cannot make a write
//! conditional; its history is how a value that was overwritten between our
//! look and our write is found again. Pure.

mod after;
mod before;
mod entry;

pub use after::{Landed, landed};
pub use before::{Standing, is_unsettled, standing};
pub use entry::{Entry, INTEGRATION, Ours, newest_ms};
