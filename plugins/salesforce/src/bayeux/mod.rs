//! Bayeux long polling as Salesforce's CometD endpoint speaks it, and the change
//! events that come over it. No connection here: only what is said.

mod event;
mod message;

pub use event::{ChangeEvent, ChangeType};
pub use message::{Advice, Message, Reconnect, Refusal, connect, cookies, handshake, parse, subscribe};
