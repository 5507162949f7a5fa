//! The control API and the public listener.
//!
//! The control API is every operation of the engine as HTTP and JSON, over a
//! Unix-domain socket beside the state file. The command line uses it to reach
//! a running Lockstep, and the same router in its own process when none runs,
//! so both answer alike. The listener takes webhooks and tells health and metrics.
//! Neither knows how an operation is done.

pub mod client;
mod connectors;
pub mod listener;
mod log;
pub mod problem;
pub mod requests;
pub mod router;
pub mod socket;
pub mod tail;

pub use client::Client;
pub use problem::Problem;
pub use router::router;
