//! When a session that failed may try again, and when it is given up. Time is
//! passed in.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{error::HostError, limits::Limits};

#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: VecDeque<Instant>,
    /// Since the last call that went well.
    in_a_row: u32,
    reason: String,
    /// Since when, or since the last try was allowed.
    parked: Option<Instant>,
}

impl Backoff {
    /// Note a failure; answers whether this one parked the session.
    pub(super) fn failed(&mut self, error: &HostError, now: Instant, limits: &Limits) -> bool {
        let window = Duration::from_millis(limits.failure_window_ms);
        self.failures.retain(|at| now.duration_since(*at) < window);
        self.failures.push_back(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.reason = error.to_string();
        let parks = self.parked.is_none() && self.failures.len() as u64 >= u64::from(limits.failures_max);
        if parks {
            self.parked = Some(now);
        }
        parks
    }

    pub(super) fn went_well(&mut self) {
        self.in_a_row = 0;
        if self.parked.is_some() {
            *self = Backoff::default();
        }
    }

    /// Why it is parked; `None`: it is not.
    pub(crate) fn parked(&self) -> Option<String> {
        self.parked.map(|_| self.reason.clone())
    }

    pub(super) fn unpark(&mut self) {
        *self = Backoff::default();
    }

    /// How long to wait before the next try.
    ///
    /// # Errors
    /// When the session is parked and it is not time for the one try.
    pub(super) fn pause(&mut self, now: Instant, limits: &Limits) -> Result<Duration, HostError> {
        if let Some(since) = self.parked {
            let park = Duration::from_millis(limits.park_ms);
            if now.saturating_duration_since(since) < park {
                return Err(HostError::Parked { failures: self.in_a_row, reason: self.reason.clone() });
            }
            self.parked = Some(now);
            return Ok(Duration::ZERO);
        }
        let Some(last) = self.failures.back().filter(|_| self.in_a_row > 0) else { return Ok(Duration::ZERO) };
        let doubled = limits.backoff_ms.saturating_mul(1 << (self.in_a_row - 1).min(20));
        let until = *last + Duration::from_millis(doubled.min(limits.backoff_ms_max));
        Ok(until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> HostError {
        HostError::Trap { call: "read", reason: "unreachable".into(), bound: "" }
    }

    #[test]
    fn pauses_double_until_a_call_goes_well() {
        let limits = Limits { backoff_ms: 100, backoff_ms_max: 350, ..Limits::default() };
        let now = Instant::now();
        let mut backoff = Backoff::default();
        let mut pauses = Vec::new();
        for _ in 0..4 {
            pauses.push(backoff.pause(now, &limits).expect("not parked").as_millis());
            backoff.failed(&error(), now, &limits);
        }
        assert_eq!(pauses, [0, 100, 200, 350]);
        backoff.went_well();
        assert_eq!(backoff.pause(now, &limits), Ok(Duration::ZERO));
    }

    #[test]
    fn too_many_failures_in_the_window_park_until_unparked() {
        let limits = Limits { failures_max: 3, failure_window_ms: 1000, ..Limits::default() };
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut backoff = Backoff::default();
        assert!(!backoff.failed(&error(), at(0), &limits));
        assert!(!backoff.failed(&error(), at(600), &limits));
        assert!(!backoff.failed(&error(), at(1200), &limits), "the first has left the window");
        assert!(backoff.failed(&error(), at(1300), &limits));
        assert!(matches!(backoff.pause(at(9000), &limits), Err(HostError::Parked { failures: 4, .. })));
        backoff.unpark();
        assert_eq!(backoff.pause(at(9000), &limits), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_parked_gets_one_try_now_and_then_and_is_let_go_when_it_goes_well() {
        let limits = Limits { failures_max: 1, park_ms: 1000, ..Limits::default() };
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut backoff = Backoff::default();
        assert!(backoff.failed(&error(), at(0), &limits));
        assert!(backoff.pause(at(999), &limits).is_err());
        assert_eq!(backoff.pause(at(1000), &limits), Ok(Duration::ZERO));
        assert!(backoff.pause(at(1001), &limits).is_err(), "one try, not many");
        assert!(!backoff.failed(&error(), at(1002), &limits), "it is parked already");
        assert_eq!(backoff.pause(at(2000), &limits), Ok(Duration::ZERO));
        backoff.went_well();
        assert_eq!(backoff.pause(at(2001), &limits), Ok(Duration::ZERO));
    }
}
