//! N edits cause at most N × (sides − 1) effective writes.

use crate::{
    history::History,
    verdict::{Verdict, ViolationKind},
};

pub(crate) fn check(history: &History, verdict: &mut Verdict) {
    let Some(writes) = history.effective_writes else {
        return;
    };
    let others = history.sides.len().saturating_sub(1) as u64;
    let bound = (history.edits.len() as u64).saturating_mul(others);
    if writes > bound {
        let text = format!("{writes} effective writes for {} edits; at most {bound} are needed", history.edits.len());
        verdict.blame(ViolationKind::Echo, "(all)", None, text);
    }
}
