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

/// Bytes of answers kept, where they are kept at all.
const ANSWERS_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What a client was answered, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// By the machine's clock, microseconds since 1970.
    pub at_us: i64,
    pub path: String,
    pub query: String,
    pub body: String,
}

#[derive(Debug, Default)]
struct Log {
    seen: VecDeque<Seen>,
    total: u64,
    /// `None`: answers are not kept.
    answers: Option<Vec<Answered>>,
    answers_bytes: usize,
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

    /// From now on answers are kept, too: those that reach the client as a whole.
    pub fn keep_answers(&self) {
        self.log.lock().answers.get_or_insert_default();
    }

    pub(crate) fn keeps_answers(&self) -> bool {
        self.log.lock().answers.is_some()
    }

    pub(crate) fn answer(&self, answered: Answered) {
        let mut log = self.log.lock();
        log.answers_bytes += answered.body.len();
        let is_full = log.answers_bytes > ANSWERS_BYTES_MAX;
        if let Some(answers) = &mut log.answers {
            match is_full {
                // Better none than some: what is missing would be taken for never shown.
                true => answers.clear(),
                false => answers.push(answered),
            }
        }
    }

    /// The answers kept, oldest first; none where there were more than can be kept.
    pub fn answers(&self) -> Option<Vec<Answered>> {
        let log = self.log.lock();
        (log.answers_bytes <= ANSWERS_BYTES_MAX).then(|| log.answers.clone().unwrap_or_default())
    }
}
