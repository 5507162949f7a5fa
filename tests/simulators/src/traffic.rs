//! The requests a simulated vendor has seen, for tests to count and read.
//! Bounded: the oldest are forgotten, their numbers are not.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use serde::Serialize;

/// Requests remembered.
pub const REQUESTS_MAX: usize = 20_000;
/// Bytes of a request body remembered.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// One request and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: String,
    /// Names in lower case; `authorization` is left out.
    pub headers: Vec<(String, String)>,
    /// The start of the body, where it is text.
    pub body: String,
    /// 0: no answer was given.
    pub status: u16,
    pub ms: u64,
}

#[derive(Debug, Default)]
struct Log {
    seen: VecDeque<Seen>,
    total: u64,
}

/// The log, shared by everyone who holds a copy.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    log: Arc<Mutex<Log>>,
}

impl Traffic {
    pub fn record(&self, seen: Seen) {
        let mut log = self.log.lock();
        log.total += 1;
        if log.seen.len() >= REQUESTS_MAX {
            log.seen.pop_front();
        }
        log.seen.push_back(seen);
    }

    /// Every request since the start or the last [`Self::forget`].
    pub fn total(&self) -> u64 {
        self.log.lock().total
    }

    /// The requests remembered, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.log.lock().seen.iter().cloned().collect()
    }

    /// How many remembered requests have this method and a path containing `path`.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.log.lock().seen.iter().filter(|seen| seen.method == method && seen.path.contains(path)).count()
    }

    /// How many remembered requests were answered with this status.
    pub fn answered(&self, status: u16) -> usize {
        self.log.lock().seen.iter().filter(|seen| seen.status == status).count()
    }

    pub fn forget(&self) {
        *self.log.lock() = Log::default();
    }
}
