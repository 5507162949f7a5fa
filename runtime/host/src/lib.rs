//! Runs connectors: WebAssembly components in a sandbox.
//!
//! Components are loaded by digest ([`Host`]), say what they are ([`Component`])
//! and serve sessions ([`Session`]). What a guest may reach, use and take is bounded
//! here, and nothing it returns can panic, block or grow the host without bound. Only this
//! crate names wasmtime; it knows the core's vocabulary, and nothing of what the engine does
//! with it.

mod bounds;
mod budget;
mod cache;
mod code;
mod compile;
mod component;
mod credentials;
mod error;
mod examine;
mod host;
mod http;
mod incidents;
mod keeper;
mod ledger;
mod limits;
mod lines;
mod machine;
mod manifest;
mod metrics;
mod network;
mod record;
mod registry;
mod request;
mod said;
mod session;
mod settings;
mod signature;
mod store;
mod template;
mod v0_1;
mod v0_2;

pub use bounds::{BOUNDS, Bound, Unit};
pub use budget::{BudgetSnapshot, LimitSnapshot};
pub use cache::kept_name;
pub use code::CodeKind;
pub use compile::{Compiler, compile_child};
pub use component::{Component, ConnectionConfig, Permission, PermissionKind};
pub use credentials::Secrets;
pub use error::{GuestError, HostError};
pub use examine::{Anatomy, Survey, Version, digest_of, examine, survey};
pub use host::{Host, HostOptions};
pub use http::{HttpLimits, Sent};
pub use incidents::Incident;
pub use keeper::Keeper;
pub use limits::{Limits, LoadLimits};
pub use manifest::Manifest;
pub use metrics::{Meter, Metrics};
pub use network::{BadRule, Denial, Resolver, Right, Standing, SystemResolver, rights};
pub use record::{About, Comparison, Difference, RecordLimits, Recorder, Recording, Replay};
pub use registry::{Access, Login, Pulled, Reference, Registry, RegistryError, SCHEME, component_in, sign_in_at};
pub use request::{ChangesRequest, EnsureRequest, FetchRequest, PageRequest, Role, WantedColumn};
pub use said::Said;
pub use session::Session;
pub use signature::{Artifact, Evidence, Signature, SigningKey, Trust, TrustedKey, sign};
