//! Scenarios in which edits could get lost: real databases, the real
//! binary between them, faults, and the independent checker at the end. What
//! happened is told by triggers in the databases, not by the runtime.

mod component;
mod config;
mod delay;
pub mod http;
pub mod hubspot;
mod load;
pub mod memory;
mod organisation;
mod recording;
pub mod ring;
mod served;
mod world;

pub use component::variant;
pub use config::Config;
pub use delay::Delays;
pub use load::{Load, LoadShape};
pub use organisation::{Crm, email};
pub use served::ServedFile;
pub use world::{Side, World};
