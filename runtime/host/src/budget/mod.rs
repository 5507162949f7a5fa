//! How much a system lets an account ask for, and who gets it. Learned from what
//! connectors report and systems answer; shared by all instances and connections that
//! name the same account. Knows nothing of HTTP.

mod account;
mod limit;
mod shared;
mod snapshot;

pub(crate) use account::{Account, Verdict};
pub(crate) use shared::{Budgets, Shared};
pub use snapshot::{BudgetSnapshot, LimitSnapshot};

/// What a request is for. Earlier ones go first, and may use more of what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// People's edits on their way to a system.
    Edits,
    /// The change stream.
    Tail,
    /// What was tried before.
    Retries,
    /// Full reads: backfill, discovery.
    Reads,
    /// Comparisons that nobody waits for.
    Audit,
}

impl Priority {
    pub(crate) const ALL: [Priority; 5] =
        [Priority::Edits, Priority::Tail, Priority::Retries, Priority::Reads, Priority::Audit];

    /// Hundredths of a limit that must be left for requests of this kind to go.
    fn percent_kept(self) -> u64 {
        match self {
            Priority::Edits => 0,
            Priority::Tail => 5,
            Priority::Retries => 10,
            Priority::Reads => 20,
            Priority::Audit => 50,
        }
    }

    /// Hundredths of a day's limit below which what is left is spread over the rest of the day.
    /// Above it a first copy may hurry.
    fn percent_unpaced(self) -> u64 {
        match self {
            Priority::Edits | Priority::Tail => 0,
            Priority::Retries => 30,
            Priority::Reads => 50,
            Priority::Audit => 80,
        }
    }

    fn index(self) -> usize {
        match self {
            Priority::Edits => 0,
            Priority::Tail => 1,
            Priority::Retries => 2,
            Priority::Reads => 3,
            Priority::Audit => 4,
        }
    }
}
