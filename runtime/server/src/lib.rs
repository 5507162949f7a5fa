//! The control API: every operation of the engine as HTTP and JSON, over a
//! Unix-domain socket beside the state file. The command line uses it to reach
//! a running Lockstep, and the same router in its own process when none runs,
//! so both answer alike. It must not know how an operation is done.

pub mod client;
pub mod problem;
pub mod requests;
pub mod router;
pub mod socket;
pub mod tail;

pub use client::Client;
pub use problem::Problem;
pub use router::router;
