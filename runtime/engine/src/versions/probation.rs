//! How a version does in its first minutes: what its calls and writes come to,
//! and whether that is worse than what the version before it came to. Pure; time
//! is somebody else's.

use std::collections::BTreeMap;

use lockstep_core::write::Outcome;

use crate::port::SessionErrorKind;

/// Failures of a kind that may be the system's own doing, one after the other,
/// before the version is blamed.
const STREAK_MAX: u32 = 8;
/// Refused writes before their share is looked at.
const REFUSED_MIN: u64 = 5;
/// A share of refused writes so much above that of before is worse.
const SHARE_TIMES: f64 = 2.0;
const SHARE_PLUS: f64 = 0.05;

/// What became of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Writes {
    pub(super) all: u64,
    pub(super) refused: u64,
}

impl Writes {
    pub(super) fn add(&mut self, outcomes: &[Outcome]) {
        self.all += outcomes.len() as u64;
        let refused = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Rejected(_)));
        self.refused += refused.count() as u64;
    }

    fn share(self) -> f64 {
        if self.all == 0 { 0.0 } else { self.refused as f64 / self.all as f64 }
    }
}

/// A version being watched.
#[derive(Debug)]
pub(super) struct Probation {
    before: Writes,
    writes: Writes,
    /// Failures in a row, by call: one that works says nothing of another.
    streaks: BTreeMap<&'static str, u32>,
}

impl Probation {
    /// `before`: what writes came to under the version before.
    pub(super) fn new(before: Writes) -> Self {
        Probation { before, writes: Writes::default(), streaks: BTreeMap::new() }
    }

    pub(super) fn went_well(&mut self, call: &'static str) {
        self.streaks.remove(call);
    }

    /// Why this failure is one too many.
    pub(super) fn failed(&mut self, call: &'static str, kind: SessionErrorKind, message: &str) -> Option<String> {
        let blamed = match kind {
            SessionErrorKind::Crashed
            | SessionErrorKind::Internal
            | SessionErrorKind::CursorInvalid
            | SessionErrorKind::CursorVersion
            | SessionErrorKind::Unsupported
            | SessionErrorKind::Denied
            | SessionErrorKind::Config
            | SessionErrorKind::NotFound => true,
            SessionErrorKind::Retry
            | SessionErrorKind::Throttled
            | SessionErrorKind::Unavailable
            | SessionErrorKind::Auth => {
                let streak = self.streaks.entry(call).or_default();
                *streak += 1;
                *streak >= STREAK_MAX
            }
        };
        blamed.then(|| format!("{call} failed ({}): {message}", kind.code()))
    }

    /// Why these outcomes are worse than those of before.
    pub(super) fn written(&mut self, outcomes: &[Outcome]) -> Option<String> {
        self.writes.add(outcomes);
        let worse =
            self.writes.refused >= REFUSED_MIN && self.writes.share() > self.before.share() * SHARE_TIMES + SHARE_PLUS;
        worse.then(|| {
            format!(
                "{} of {} writes were refused, and {} of {} before it",
                self.writes.refused, self.writes.all, self.before.refused, self.before.all
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use lockstep_core::write::Rejection;

    use super::*;

    fn outcomes(gone: usize, refused: usize) -> Vec<Outcome> {
        let rejection = Rejection { code: "1".into(), class: "check".into(), message: "no".into(), columns: vec![] };
        let refused = std::iter::repeat_n(Outcome::Rejected(rejection), refused);
        refused.chain(std::iter::repeat_n(Outcome::Gone, gone)).collect()
    }

    #[test]
    fn one_crash_is_enough_and_a_busy_system_is_not() {
        let mut probation = Probation::new(Writes::default());
        let failed = |probation: &mut Probation, kind| probation.failed("changes", kind, "x");
        for _ in 1..STREAK_MAX {
            assert_eq!(failed(&mut probation, SessionErrorKind::Unavailable), None);
        }
        probation.went_well("changes");
        assert_eq!(failed(&mut probation, SessionErrorKind::Throttled), None);
        assert!(failed(&mut probation, SessionErrorKind::Crashed).is_some());
    }

    #[test]
    fn a_stream_that_works_does_not_excuse_writes_that_never_do() {
        let mut probation = Probation::new(Writes::default());
        let mut blamed = None;
        for _ in 0..STREAK_MAX {
            assert_eq!(blamed, None);
            blamed = probation.failed("write", SessionErrorKind::Unavailable, "x");
            probation.went_well("changes");
        }
        assert!(blamed.is_some());
    }

    #[test]
    fn refusals_count_against_what_they_were_before() {
        let mut used_to_it = Probation::new(Writes { all: 100, refused: 30 });
        assert_eq!(used_to_it.written(&outcomes(60, 40)), None);
        let mut new = Probation::new(Writes { all: 1000, refused: 1 });
        assert_eq!(new.written(&outcomes(10, 4)), None, "too few to tell");
        assert!(new.written(&outcomes(0, 1)).is_some());
    }
}
