//! PostgreSQL's frontend/backend protocol, version 3. Knows nothing of tables,
//! syncs or cursors.

mod auth;
mod connection;
pub mod frame;
mod results;
mod server_error;
mod startup;

pub use connection::{Connection, Kind, Param};
pub use results::{RowView, Rows};
