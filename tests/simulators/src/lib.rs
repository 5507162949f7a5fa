//! Vendors that cannot run on a test machine, played by stateful servers on
//! loopback. Held to the vendors' public behaviour; knows nothing of Lockstep.
//!
//! A vendor is a router over its own state; the rooms beside them are shared:
//! a server (listener, TLS, stop), faults on demand, the requests seen, a clock
//! that can be set, and the control surface under `/__sim`.

#![recursion_limit = "256"]

pub mod clock;
pub mod control;
pub mod faults;
pub mod hubspot;
pub mod salesforce;
pub mod serve;
pub mod shop;
pub mod traffic;

pub use clock::Clock;
pub use faults::{DeliveryFaults, Fault, Faults, Rule};
pub use serve::{Listen, Server};
pub use traffic::{Answered, Seen, Traffic};

/// What every simulated vendor stands on. Copies share everything.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    pub clock: Clock,
    pub faults: Faults,
    pub traffic: Traffic,
}
