//! What connectors say, for whoever follows a connection's log while it is said.

use std::time::SystemTime;

use tokio::sync::broadcast;

/// Lines that a slow follower may be behind.
const BEHIND_MAX: usize = 256;

/// A line of a connector's log, bounded and without what a terminal would obey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub at: SystemTime,
    /// What the session is for.
    pub role: &'static str,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: &'static str,
    pub line: String,
}

/// Where a connection's lines go to those who follow; to nobody costs nothing.
#[derive(Debug)]
pub(crate) struct Sayings(broadcast::Sender<Said>);

impl Default for Sayings {
    fn default() -> Self {
        Sayings(broadcast::Sender::new(BEHIND_MAX))
    }
}

impl Sayings {
    pub(crate) fn tell(&self, role: &'static str, level: &'static str, line: &str) {
        if self.0.receiver_count() > 0 {
            let said = Said { at: SystemTime::now(), role, level, line: line.to_owned() };
            // The last follower may have gone just now.
            let _ = self.0.send(said);
        }
    }

    pub(crate) fn follow(&self) -> broadcast::Receiver<Said> {
        self.0.subscribe()
    }
}
