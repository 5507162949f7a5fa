//! The HubSpot connector.
//!
//! Pure modules (`request`, `response`, `value`, `schema`, `polling`, `webhook`,
//! `audit`, `writing`) under a session that runs over any [`platform::Platform`];
//! the sandboxed face is thin. What it can and cannot promise is in
//! docs/connectors/hubspot.md.

pub mod audit;
pub mod config;
pub mod cursor;
pub mod failure;
mod guest;
pub mod limits;
pub mod platform;
pub mod polling;
pub mod request;
pub mod response;
pub mod schema;
pub mod session;
pub mod value;
pub mod webhook;
pub mod writing;
