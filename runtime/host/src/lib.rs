//! Runs connectors: WebAssembly components in a sandbox.
//!
//! Components are loaded by digest ([`Host`]), say what they are ([`Component`])
//! and serve sessions ([`Session`]). What a guest may reach, use and take is bounded
//! here, and nothing it returns can panic, block or grow the host without bound. Only this
//! crate names wasmtime; it knows the core's vocabulary, and nothing of what the engine does
//! with it.

mod budget;
mod cache;
mod component;
mod credentials;
mod error;
mod examine;
mod host;
mod http;
mod keeper;
mod limits;
mod lines;
mod metrics;
mod network;
mod request;
mod session;
mod store;
mod template;
mod v0_1;

pub use budget::{BudgetSnapshot, LimitSnapshot};
pub use component::{Component, ConnectionConfig, Permission, PermissionKind};
pub use credentials::Secrets;
pub use error::{GuestError, HostError};
pub use examine::{Anatomy, examine};
pub use host::{Host, HostOptions, digest_of};
pub use http::{HttpLimits, Sent};
pub use keeper::Keeper;
pub use limits::{Limits, LoadLimits};
pub use metrics::{Meter, Metrics};
pub use network::{BadRule, Denial, Resolver, SystemResolver};
pub use request::{ChangesRequest, EnsureRequest, FetchRequest, PageRequest, Role, WantedColumn};
pub use session::Session;
