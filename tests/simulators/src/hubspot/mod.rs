//! A HubSpot account: CRM records with their history, a lagging search index,
//! rate limits, tokens, webhooks, a journal. Stateful, over HTTP on loopback,
//! in the vendor's shapes. Tests hold an [`Account`] and act as its people.
//!
//! The road of a request: `routes` (paths, bodies, pages) → `access` and
//! `limits` → `write`, `merge`, `association`, `search` on the `store` → `show`.
//! What happened goes as an `event` to `subscription`s and the `journal`, and
//! from there out through `deliver`.

mod access;
mod account;
mod association;
mod automation;
mod deliver;
mod error;
mod event;
mod interject;
mod journal;
mod limits;
mod merge;
mod record;
mod refusal;
mod routes;
mod schema;
mod search;
mod settings;
mod shared;
mod show;
mod store;
mod subscription;
mod value;
mod write;

pub use account::{Account, Options, PORTAL_ID};
pub use automation::{Rewrite, Workflow};
pub use deliver::Delivery;
pub use event::{Change, Event};
pub use interject::{Act, Interjection, When};
pub use record::{Source, Version};
pub use refusal::{burst_exceeded, daily_exceeded, gateway_timeout, search_exceeded, server_error, unavailable};
pub use settings::{Settings, WebhookSettings};
pub use write::Values;
