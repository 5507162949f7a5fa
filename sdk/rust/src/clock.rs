//! Time, as the host tells it, and waiting.

use std::time::Duration;

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};

/// Microseconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn now_us() -> i64 {
    let now = wall_clock::now();
    (now.seconds as i64).saturating_mul(1_000_000).saturating_add(i64::from(now.nanoseconds / 1000))
}

/// A point in time that later calls are measured against; never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Instant(monotonic_clock::now())
    }

    /// That much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Instant(self.0.saturating_add(nanoseconds(duration)))
    }

    /// How long until then; zero once passed.
    #[must_use]
    pub fn remaining(self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(monotonic_clock::now()))
    }

    /// How long since then.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(monotonic_clock::now().saturating_sub(self.0))
    }
}

/// Wait. The host ends the call when it takes longer than the call may.
pub fn sleep(duration: Duration) {
    monotonic_clock::subscribe_duration(nanoseconds(duration)).block();
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
