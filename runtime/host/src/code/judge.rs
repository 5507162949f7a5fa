//! A component that decides conflicts, as the merge knows it.

use lockstep_core::code::{Code, Dispute, Judge, Ruling};

use super::{
    call::{Caller, bounded},
    still::Still,
};
use crate::{lines::printable, v0_1::policy::Prepared};

/// Of the reason for which a person is asked.
const REASON_BYTES_MAX: usize = 300;

pub(super) struct Decider {
    pub(super) digest: String,
    pub(super) prepared: Prepared<Still>,
    pub(super) caller: Caller,
}

impl Code for Decider {
    fn digest(&self) -> &str {
        &self.digest
    }
}

impl Judge for Decider {
    fn decide(&self, dispute: &Dispute<'_>) -> Result<Ruling, String> {
        match self.caller.call(async |store| self.prepared.decide(store, dispute).await)? {
            Ruling::Merged(value) => bounded(value).map(Ruling::Merged),
            Ruling::Hold(why) => Ok(Ruling::Hold(printable(&why, REASON_BYTES_MAX))),
            ruling => Ok(ruling),
        }
    }
}
