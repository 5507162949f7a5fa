//! The moving parts: tails, absorbs, delivers, copies and compares. Knows how
//! to wait, retry and stop; the rules of merging are the core's, storage is the
//! state's, and components are the host's.

pub mod failpoint;
pub mod operations;
pub mod port;
pub mod versions;
pub mod views;

mod assemble;
mod clock;
mod code;
mod connection;
mod drift;
mod engine;
mod error;
mod policy;
mod retention;
mod supervise;
mod sync;
mod writer;

pub use clock::{Clock, SystemClock};
pub use code::{CodeSource, NoCode};
pub use connection::Refusal;
pub use engine::{Engine, Setup};
pub use error::EngineError;
pub use operations::Operations;
pub use port::{Connector, Role, Session, SessionError, SessionErrorKind};
