//! The Salesforce connector.
//!
//! Pure modules (`soql`, `schema`, `value`, `bayeux`, `cursor`, `api`'s requests
//! and answers) under a session that runs over any [`platform::Platform`]; the
//! sandboxed face (`guest`) is thin. Natively everything runs, too.
//!
//! What rests on the vendor's documentation alone, and was never seen on a
//! living organisation, says so where it is used: look for "documented".

pub mod api;
pub mod bayeux;
pub mod config;
pub mod csv;
pub mod cursor;
pub mod failure;
mod guest;
pub mod platform;
pub mod schema;
pub mod session;
pub mod soql;
pub mod spec;
pub mod value;
