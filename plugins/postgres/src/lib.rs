//! The PostgreSQL connector.
//!
//! Pure modules (`wire`, `value`, `pgoutput`, `catalog`, `sql`) under a session
//! that runs over any [`platform::Platform`]; the sandboxed face (`guest`) is
//! thin. Natively everything runs, too: the integration tests drive the same
//! session over real sockets.

pub mod catalog;
pub mod config;
pub mod cursor;
pub mod failure;
mod guest;
pub mod pgoutput;
pub mod platform;
pub mod session;
pub mod sql;
pub mod value;
pub mod wire;

lockstep_sdk::export!(guest::Guest, "connector.json");
