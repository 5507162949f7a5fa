//! The simulated vendor's clock: runs with the machine's, can be shifted, or
//! stopped and moved by hand, so that two edits within one second (or thirty
//! days apart) are a matter of one call. Knows nothing of any vendor.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

#[derive(Debug, Clone, Copy)]
enum Mode {
    /// The machine's clock, this much ahead (or behind).
    Running(SignedDuration),
    /// Stopped at a moment, until moved.
    Stopped(Timestamp),
}

/// A clock shared by everyone who holds a copy of it.
#[derive(Debug, Clone)]
pub struct Clock {
    mode: Arc<Mutex<Mode>>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { mode: Arc::new(Mutex::new(Mode::Running(SignedDuration::ZERO))) }
    }
}

impl Clock {
    pub fn now(&self) -> Timestamp {
        match *self.mode.lock() {
            Mode::Running(ahead) => Timestamp::now().saturating_add(ahead).unwrap_or(Timestamp::MAX),
            Mode::Stopped(at) => at,
        }
    }

    /// Stops the clock at `at`.
    pub fn stop_at(&self, at: Timestamp) {
        *self.mode.lock() = Mode::Stopped(at);
    }

    /// Lets the clock run on from what it shows now.
    pub fn run(&self) {
        let shown = self.now();
        *self.mode.lock() = Mode::Running(shown.duration_since(Timestamp::now()));
    }

    /// Moves the clock ahead, running or stopped.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let mut mode = self.mode.lock();
        *mode = match *mode {
            Mode::Running(ahead) => Mode::Running(ahead.saturating_add(by)),
            Mode::Stopped(at) => Mode::Stopped(at.saturating_add(by).unwrap_or(Timestamp::MAX)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_by_hand() {
        let clock = Clock::default();
        let start: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        clock.stop_at(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_millis(322));
        assert_eq!(clock.now().to_string(), "2026-01-02T03:04:06Z");
        clock.run();
        assert!(clock.now().duration_since(start) < SignedDuration::from_secs(60));
        assert!(clock.now() >= start);
    }
}
