//! Vendors that cannot run on a test machine, played by stateful servers on
//! loopback. Held to the vendors' public behaviour; knows nothing of Lockstep.

pub mod hubspot;
pub mod salesforce;
