//! Decides from a history whether a sync kept its promise: every edit ends in
//! the agreed value, superseded by an edit that had seen it, or kept in the
//! journal. It sees what an outsider sees (who wrote what, what the tables hold
//! at the end, what the runtime exported) and shares no code with the merge.

mod conflicts;
mod conservation;
mod convergence;
mod echo;
mod explained;
mod export;
mod history;
mod index;
mod presence;
mod verdict;

pub use export::kept_from_conflicts;
pub use history::{Deed, Edit, Explained, History, Kept, KeptState, Row, SetAside, Shown, Unmet};
pub use verdict::{Verdict, Violation, ViolationKind};

use index::Index;

/// Judges a finished, quiet history. Refuses one that cannot be judged.
pub fn check(history: &History) -> anyhow::Result<Verdict> {
    let index = Index::new(history)?;
    let mut verdict = Verdict::of(history);
    conservation::check(history, &index, &mut verdict);
    convergence::check(history, &index, &mut verdict);
    presence::check(history, &index, &mut verdict);
    conflicts::check(&index, &mut verdict);
    echo::check(history, &mut verdict);
    explained::check(history, &index, &mut verdict);
    Ok(verdict)
}
