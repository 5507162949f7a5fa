//! Which notices are likely only to tell of our own writes: their rows are read
//! after those that people changed. Whatever is taken for an echo is read all the
//! same: who is said to have made a change is never trusted alone.

use std::time::Duration;

use lockstep_core::key::Key;
use rustc_hash::FxHashSet;
use tokio::time::Instant;

/// What a connector calls the runtime itself in a batch's origin.
const SELF: &str = "self";
/// A row counts as just written for so long, and at most twice that.
const RECENT: Duration = Duration::from_secs(60);
/// Rows remembered of each such time; those beyond it count as people's.
const ROWS_MAX: usize = 100_000;

/// Rows that were written a moment ago.
#[derive(Debug)]
pub(super) struct Written {
    now: FxHashSet<Key>,
    before: FxHashSet<Key>,
    since: Instant,
}

impl Default for Written {
    fn default() -> Self {
        Written { now: FxHashSet::default(), before: FxHashSet::default(), since: Instant::now() }
    }
}

impl Written {
    pub(super) fn note(&mut self, key: &Key) {
        self.turn_over();
        if self.now.len() < ROWS_MAX {
            self.now.insert(key.clone());
        }
    }

    /// Whether a notice of this row, made by `origin` where that is told, is likely
    /// an echo of ours.
    pub(super) fn is_echo(&mut self, origin: &str, key: &Key) -> bool {
        self.turn_over();
        match origin {
            SELF => true,
            "" => self.now.contains(key) || self.before.contains(key),
            _ => false,
        }
    }

    fn turn_over(&mut self) {
        let age = self.since.elapsed();
        if age >= RECENT {
            self.before = std::mem::take(&mut self.now);
            self.since = Instant::now();
        }
        if age >= RECENT * 2 {
            self.before.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use lockstep_core::value::Value;

    use super::*;

    #[test]
    fn a_notice_is_taken_for_an_echo_by_its_origin_or_soon_after_a_write() {
        let [row, other] = [1, 2].map(|n| Key::new(vec![Value::Int(n)]));
        let mut written = Written::default();
        written.note(&row);
        assert!(written.is_echo("", &row) && !written.is_echo("", &other));
        assert!(written.is_echo(SELF, &other) && !written.is_echo("CRM_UI", &row));
        for known in [true, false] {
            written.since -= RECENT;
            assert_eq!(written.is_echo("", &row), known);
        }
    }
}
