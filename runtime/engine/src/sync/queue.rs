//! What waits to be written at one side: a bounded window over the marks in the state, in
//! their order. Knows nothing of what is written.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use lockstep_core::record::RecordId;
use tokio::time::Instant;

/// Records waiting to be written that are kept in memory; the rest stays in the state.
const WINDOW_MAX: usize = 20_000;

/// Records to be written, in the order they were marked; a bounded window over
/// the marks in the state.
#[derive(Default)]
pub(super) struct Queue {
    ready: VecDeque<RecordId>,
    known: HashSet<RecordId>,
    delayed: BTreeSet<(Instant, RecordId)>,
    attempts: HashMap<RecordId, u32>,
    /// Marks after this one have not been looked at; `None`: all are in the window.
    beyond: Option<RecordId>,
}

impl Queue {
    pub(super) fn push(&mut self, record: RecordId) {
        if self.known.contains(&record) {
            return;
        }
        if self.ready.len() >= WINDOW_MAX {
            // Marks before the place that was reached would not be looked at again.
            let before = RecordId(record.0.saturating_sub(1));
            self.beyond = Some(self.beyond.map_or(RecordId(0), |beyond| beyond.min(before)));
            return;
        }
        self.known.insert(record);
        self.ready.push_back(record);
    }

    /// Comes back after a while, longer each time.
    pub(super) fn delay(&mut self, record: RecordId, after: Duration) {
        let attempts = self.attempts.entry(record).or_default();
        *attempts = attempts.saturating_add(1);
        let after = after * (1 << (*attempts - 1).min(8));
        self.known.insert(record);
        self.delayed.insert((Instant::now() + after, record));
    }

    pub(super) fn succeeded(&mut self, record: RecordId) {
        self.attempts.remove(&record);
    }

    pub(super) fn pop(&mut self) -> Option<RecordId> {
        let record = self.ready.pop_front()?;
        self.known.remove(&record);
        Some(record)
    }

    /// What was taken but not sent goes back to the front.
    pub(super) fn put_back(&mut self, records: impl DoubleEndedIterator<Item = RecordId>) {
        for record in records.rev() {
            if self.known.insert(record) {
                self.ready.push_front(record);
            }
        }
    }

    pub(super) fn wake(&mut self, now: Instant) {
        while let Some((at, record)) = self.delayed.first().copied()
            && at <= now
        {
            self.delayed.pop_first();
            self.ready.push_back(record);
        }
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// Where to look for more marks, when there is room for them.
    pub(super) fn refill_after(&self) -> Option<RecordId> {
        self.beyond.filter(|_| self.ready.len() < WINDOW_MAX / 4)
    }

    /// What was found there; fewer than `limit`: that was all.
    pub(super) fn refill(&mut self, found: &[RecordId], limit: usize) {
        for record in found {
            if self.known.insert(*record) {
                self.ready.push_back(*record);
            }
        }
        self.beyond = found.last().copied().filter(|_| found.len() == limit);
    }

    /// All marks in the state are to be looked at.
    pub(super) fn look_at_all(&mut self) {
        self.beyond = Some(RecordId(0));
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.delayed.is_empty() && self.beyond.is_none()
    }
}
