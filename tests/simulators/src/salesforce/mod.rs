//! A Salesforce organisation: stateful, on loopback, answering as the vendor's
//! public documentation and recorded traffic say the real one does.
//!
//! `schema` says what objects there are, `state` holds the rows and everything
//! between a write and a row, `soql` reads queries, `events` tells changes,
//! `rest` and `http` speak to clients, `org` is what tests hold.
//!
//! What rests on memory or on third-party reports alone, not on documentation
//! or recordings, is a setting or says so where it is decided.

mod control;
mod events;
mod http;
mod id;
mod interject;
mod jobs;
mod moment;
mod org;
mod rest;
mod schema;
mod sessions;
mod settings;
mod soql;
mod state;

pub use events::ChangeKind;
pub use http::refusal_fault;
pub use id::long as long_id;
pub use interject::{Interjection, When};
pub use org::{OpenTransaction, Options, Org};
pub use schema::{Field, Formula, Kind, Object};
pub use settings::Settings;
pub use state::{
    AUTOMATION, Deed, DuplicateRule, Edit, Effect, INTEGRATION_USER, Moment, PERSON, Refusal, Row, RowRefusal, State,
    Trigger, Usage, ValidationRule, Values,
};
