//! Real parts for tests and benchmarks: throwaway PostgreSQL servers, the real
//! `lockstep` binary as a process, a TCP proxy that breaks connections on request, and a
//! registry of components. It knows processes and sockets; it must not know what a sync means.

mod account;
mod binaries;
mod cluster;
mod proxy;
mod registry;
mod runtime;
mod signal;

pub use binaries::Binaries;
pub use cluster::{Cluster, ClusterOptions, SUPERUSER};
pub use proxy::Proxy;
pub use registry::{Asked, Registry};
pub use runtime::{Finished, Launch, Runtime, lockstep_binary};
pub use signal::{Signal, send};
