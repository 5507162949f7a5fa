//! Time as the engine sees it. Waiting goes through tokio's timers, which a
//! simulation drives itself; the calendar comes from here, and which start of the
//! machine this is.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use lockstep_core::value::Timestamp;

/// Where wall-clock time comes from.
pub trait Clock: Send + Sync {
    /// Now, in microseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> Timestamp;

    /// What tells this start of the machine from every other, where the system says it.
    fn machine_start(&self) -> Option<Arc<str>> {
        None
    }
}

/// Linux draws it anew whenever it starts.
const MACHINE_START: &str = "/proc/sys/kernel/random/boot_id";

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        Timestamp(i64::try_from(micros).unwrap_or(i64::MAX - 1))
    }

    fn machine_start(&self) -> Option<Arc<str>> {
        let told = std::fs::read_to_string(MACHINE_START).ok()?;
        Some(Arc::from(told.trim())).filter(|told: &Arc<str>| !told.is_empty())
    }
}
