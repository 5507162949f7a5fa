//! The conformance kit: a connector is what passes it.
//!
//! [`run`] puts a connector and its configuration through every [`Rule`] and
//! says of each what was expected and what was seen ([`Report`]). It speaks to the
//! connector as the runtime does, through sessions of the host ([`Subject`]), plays
//! the competing writer with a second session, and judges only by what the system
//! itself shows afterwards. It knows the host and the core's vocabulary, and
//! nothing of the engine, the state or any vendor.

mod bench;
mod junit;
mod kit;
pub mod practice;
mod report;
mod rule;
mod rules;
mod settings;
mod subject;

pub use kit::run;
pub use report::{Finding, Line, Report, Verdict};
pub use rule::Rule;
pub use settings::Settings;
pub use subject::{Opening, Sandboxed, Session, Subject};
