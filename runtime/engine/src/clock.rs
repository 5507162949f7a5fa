//! Time as the engine sees it. Waiting goes through tokio's timers, which a
//! simulation drives itself; the calendar comes from here.

use std::time::{SystemTime, UNIX_EPOCH};

use lockstep_core::value::Timestamp;

/// Where wall-clock time comes from.
pub trait Clock: Send + Sync {
    /// Now, in microseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        Timestamp(i64::try_from(micros).unwrap_or(i64::MAX - 1))
    }
}
