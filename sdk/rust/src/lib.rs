//! Write a Lockstep connector in plain Rust.
//!
//! Implement [`Connector`] for a type that holds one session's state, name it
//! in [`export!`], and build the crate as a `cdylib` for `wasm32-wasip2`. What
//! is not implemented answers `unsupported`. The data types are those of the
//! contract ([`model`]); [`cells`] and [`rows`] make them pleasant to build.
//! [`net`] and [`http`] connect to what the operator granted, [`credentials`] uses secrets
//! that never enter the sandbox.
//!
//! Everything compiles natively too, so that a connector's pure modules are
//! tested with plain `cargo test`; only what asks the host for something panics
//! there.
//!
//! ```ignore
//! struct Session;
//!
//! impl lockstep_sdk::Connector for Session {
//!     fn spec() -> ConnectorSpec { … }
//!     fn open(role: Role, config: &str) -> Result<Self> { … }
//!     fn discover(&mut self, objects: Vec<String>) -> Result<Vec<Object>> { … }
//! }
//!
//! lockstep_sdk::export!(Session);
//! ```

pub mod auth;
pub mod bindings;
pub mod cells;
pub mod clock;
pub mod code;
mod connector;
pub mod credentials;
mod error;
pub mod http;
pub mod log;
pub mod net;
pub mod rows;
pub mod session;

/// The contract's data types, as generated.
pub use bindings::lockstep::connector0_1_0::model;
pub use connector::{Connector, Role};
pub use error::Result;
pub use log::{progress, rate_limit};
pub use model::{
    AuthScheme, Cell, ChangeBatch, ChangeRow, ChangesAnswer, ChangesRequest, CheckItem, Column, ColumnType,
    ConnectorSpec, EnsureRequest, Error, Extra, FetchRequest, FieldOverwrite, Found, Intent, Object, Outcome, Page,
    PageRequest, Position, Reference, Rejection, Row, Scalar, Selection, Uuid, WantedColumn, Webhook, WebhookAnswer,
    WriteRequest,
};
