//! The host's side of what a connector imports, one file an interface.

mod credentials;
mod host;
mod lookup;
pub(super) mod outgoing;
pub(super) mod poll;
mod tcp;
mod tls;

use super::bindings;
