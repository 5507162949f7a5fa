//! What the engine does about trouble, from one exhaustive match, and how long
//! it waits.

use std::time::Duration;

use crate::port::{SessionError, SessionErrorKind};

/// What to do after a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Wait, then ask the same session again.
    Again,
    /// Wait, then open another session.
    Reopen,
    /// The stream starts anew, and what it missed is found by a full compare.
    StartAnew,
    /// Only a person can cure it: say so, and look again now and then.
    Park,
}

pub(crate) fn reaction(kind: SessionErrorKind) -> Reaction {
    match kind {
        SessionErrorKind::Retry | SessionErrorKind::Throttled => Reaction::Again,
        SessionErrorKind::Unavailable | SessionErrorKind::Internal | SessionErrorKind::Crashed => Reaction::Reopen,
        SessionErrorKind::CursorInvalid => Reaction::StartAnew,
        SessionErrorKind::Auth
        | SessionErrorKind::Denied
        | SessionErrorKind::Config
        | SessionErrorKind::NotFound
        | SessionErrorKind::CursorVersion
        | SessionErrorKind::Unsupported => Reaction::Park,
    }
}

const FIRST_MS: u64 = 100;
const LONGEST_MS: u64 = 30_000;

/// Doubling waits with jitter, reset by success.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    failures: u32,
    seed: u64,
}

impl Backoff {
    /// `name` spreads neighbours apart.
    pub(crate) fn new(name: &str) -> Self {
        let seed = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Backoff { failures: 0, seed: seed | 1 }
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after this failure: what the system asked for where it
    /// did, else doubling; half of it fixed, half by chance.
    pub(crate) fn failed(&mut self, error: &SessionError) -> Duration {
        self.wait(match reaction(error.kind) {
            Reaction::Park => Some(LONGEST_MS),
            Reaction::Again | Reaction::Reopen | Reaction::StartAnew => error.retry_after_ms.map(u64::from),
        })
    }

    pub(crate) fn wait(&mut self, asked_ms: Option<u64>) -> Duration {
        let doubled = FIRST_MS << self.failures.min(10);
        self.failures = self.failures.saturating_add(1);
        let ms = asked_ms.unwrap_or(doubled).clamp(1, LONGEST_MS.max(asked_ms.unwrap_or(0)));
        // xorshift64 (Marsaglia 2003)
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        match asked_ms {
            Some(_) => Duration::from_millis(ms + self.seed % (ms / 4 + 1)),
            None => Duration::from_millis(ms / 2 + self.seed % (ms / 2 + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_never_undercut_what_was_asked() {
        let mut backoff = Backoff::new("crm");
        let waits: Vec<_> = (0..12).map(|_| backoff.wait(None)).collect();
        assert!(waits[0] <= Duration::from_millis(FIRST_MS));
        assert!(waits[11] >= Duration::from_millis(LONGEST_MS / 2));
        assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(LONGEST_MS)));
        assert!(backoff.wait(Some(90_000)) >= Duration::from_millis(90_000));
        backoff.succeeded();
        assert!(backoff.wait(None) <= Duration::from_millis(FIRST_MS));
    }
}
