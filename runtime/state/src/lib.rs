//! What Lockstep remembers, in SQLite: records with their links, pending
//! writes, the journal, stream positions, and what waits for a person.
//!
//! Every commit is one plain value ([`Commit`]) under an owner's claim; it is
//! applied as a whole or not at all, and a stale owner's commit fails. Every row
//! belongs to one sync. Nothing outside this crate speaks SQL, and nothing in it
//! knows mapping, merging, connectors or clocks: time comes with the commit.

mod apply;
mod attention;
mod backup;
mod commit;
mod connect;
mod connection;
mod counts;
mod durability;
mod encode;
mod error;
mod forget;
mod gather;
mod id;
mod journal;
mod listing;
mod lock;
mod notice;
mod people;
mod place;
mod query;
mod queue;
mod registry;
mod schema;
mod show;
mod store;
mod writer;

pub use attention::AttentionKind;
pub use backup::{check_file, restore};
pub use commit::{Commit, Committed, EntryKind, StreamChange, SyncPhase};
pub use counts::{Counts, SideCounts};
pub use error::StateError;
pub use gather::Gathered;
pub use id::SyncId;
pub use journal::{JournalFilter, JournalPage, Order};
pub use listing::{Attention, QuarantineFilter, QuarantineGroup};
pub use people::{Operation, SavedPlan};
pub use query::{QueryLimits, QueryResult};
pub use registry::{Backfill, Claim, SideState, SyncState};
pub use schema::SCHEMA_VERSION;
pub use store::{Options, Store};
