//! The delete storm guard: so many deletes at once are more likely an accident
//! than a wish, so the sync stops and asks.

use std::collections::VecDeque;

use lockstep_core::{config::DeleteStorm, record::SideId, value::Timestamp};

/// A storm: told to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Storm {
    pub(crate) side: SideId,
    pub(crate) deletes: u64,
    pub(crate) rows: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Guard {
    /// `None`: switched off.
    limits: Option<DeleteStorm>,
    seen: VecDeque<(Timestamp, SideId, u64)>,
    /// A person said that deletes are meant, until this time.
    open_until: Option<Timestamp>,
}

/// How long an operator's consent holds.
const CONSENT_MS: i64 = 10 * 60_000;

impl Guard {
    pub(crate) fn new(limits: Option<DeleteStorm>) -> Self {
        Guard { limits, ..Guard::default() }
    }

    /// Lets the deletes through that were asked about.
    pub(crate) fn consent(&mut self, now: Timestamp) {
        self.open_until = Some(Timestamp(now.0.saturating_add(CONSENT_MS * 1_000)));
        self.seen.clear();
    }

    /// Asks before `deletes` more at a side that has `rows`.
    pub(crate) fn admit(&mut self, now: Timestamp, side: SideId, deletes: u64, rows: u64) -> Result<(), Storm> {
        let Some(limits) = &self.limits else {
            return Ok(());
        };
        if deletes == 0 || self.open_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        let window_micros = i64::try_from(limits.window_ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let from = now.0.saturating_sub(window_micros);
        while self.seen.front().is_some_and(|(at, _, _)| at.0 < from) {
            self.seen.pop_front();
        }
        let before: u64 = self.seen.iter().filter(|(_, of, _)| *of == side).map(|(_, _, n)| n).sum();
        let in_window = before + deletes;
        // What is gone already was there when the window began.
        let share = in_window * 100 > (rows + before) * u64::from(limits.share_percent);
        let counts = in_window > DeleteStorm::SHARE_ROWS_MIN;
        if in_window > limits.count || (counts && share) {
            return Err(Storm { side, deletes: in_window, rows });
        }
        self.seen.push_back((now, side, deletes));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: SideId = SideId(0);

    #[test]
    fn many_deletes_at_once_stop_and_few_or_slow_ones_do_not() {
        let mut guard = Guard::new(Some(DeleteStorm::default()));
        assert!(guard.admit(Timestamp(0), SIDE, 100, 120).is_ok());
        assert!(guard.admit(Timestamp(1), SIDE, 1, 20).is_err());
        assert!(guard.admit(Timestamp(1_200_000_000), SIDE, 1, 20).is_ok());
        assert!(guard.admit(Timestamp(1_200_000_000), SIDE, 5_000, 1_000_000).is_ok());
        assert!(guard.admit(Timestamp(1_200_000_000), SIDE, 6_000, 1_000_000).is_err());
    }

    #[test]
    fn a_persons_consent_lets_the_storm_through() {
        let mut guard = Guard::new(Some(DeleteStorm::default()));
        assert!(guard.admit(Timestamp(0), SIDE, 1_000, 1_000).is_err());
        guard.consent(Timestamp(0));
        assert!(guard.admit(Timestamp(1), SIDE, 1_000, 1_000).is_ok());
    }
}
