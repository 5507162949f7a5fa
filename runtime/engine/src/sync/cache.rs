//! Records a sync has at hand: what it has planned and not yet seen committed
//! (authoritative, kept until acknowledged), and what it used lately (bounded).

use std::{collections::VecDeque, sync::Arc};

use lockstep_core::{
    delta::{Delta, IndexChange},
    key::{Key, MatchKey},
    record::{FieldState, Record, RecordId, SideId},
    value::Value,
};
use rustc_hash::FxHashMap as HashMap;

/// Bytes of records kept beside those not committed yet.
const BYTES_MAX: usize = 32 << 20;

/// A record at hand.
struct Held {
    record: Arc<Record>,
    /// The newest commit that changes it; 0: it is as it was read.
    seq: u64,
    bytes: usize,
}

#[derive(Default)]
struct Generation {
    records: HashMap<RecordId, Held>,
    keys: HashMap<(SideId, Key), RecordId>,
    bytes: usize,
}

impl Generation {
    fn put(&mut self, record: Arc<Record>, seq: u64) {
        let id = record.id;
        let bytes = size_bytes(&record);
        self.bytes += bytes;
        let before = self.records.insert(id, Held { record: record.clone(), seq, bytes });
        let former = |side| before.as_ref().and_then(|before| before.record.link(side)?.key.as_ref());
        for link in &record.links {
            if let Some(key) = &link.key
                && former(link.side) != Some(key)
            {
                self.keys.insert((link.side, key.clone()), id);
            }
        }
        self.bytes = self.bytes.saturating_sub(before.map_or(0, |before| before.bytes));
    }

    fn take(&mut self, id: RecordId) -> Option<Held> {
        let held = self.records.remove(&id)?;
        self.bytes = self.bytes.saturating_sub(held.bytes);
        Some(held)
    }
}

/// What one commit that is under way has changed.
struct Pending {
    seq: u64,
    matches: Vec<MatchKey>,
}

#[derive(Default)]
pub(crate) struct Cache {
    /// Commits up to here are made; what a later one changes is kept whatever happens.
    committed: u64,
    uncommitted_matches: HashMap<MatchKey, Vec<(u64, RecordId)>>,
    /// Records that commits under way forget: nobody reads them back meanwhile.
    going: HashMap<RecordId, u64>,
    pending: VecDeque<Pending>,
    young: Generation,
    old: Generation,
}

impl Cache {
    /// The record as it is, if at hand.
    pub(crate) fn get(&mut self, id: RecordId) -> Option<Arc<Record>> {
        if let Some(held) = self.young.records.get(&id) {
            return Some(held.record.clone());
        }
        let held = self.old.take(id)?;
        self.young.put(held.record.clone(), held.seq);
        Some(held.record)
    }

    /// The record that has this key at this side, if at hand.
    pub(crate) fn by_key(&mut self, side: SideId, key: &Key) -> Option<RecordId> {
        let place = (side, key.clone());
        let id = self.young.keys.get(&place).or_else(|| self.old.keys.get(&place)).copied()?;
        let record = self.get(id)?;
        let link = record.link(side)?;
        (link.key.as_ref() == Some(key)).then_some(id)
    }

    /// Records that got this match value in commits under way.
    pub(crate) fn by_match(&self, key: &MatchKey) -> Vec<RecordId> {
        self.uncommitted_matches.get(key).map(|ids| ids.iter().map(|(_, id)| *id).collect()).unwrap_or_default()
    }

    /// Whether a commit under way changes this record.
    pub(crate) fn is_uncommitted(&self, id: RecordId) -> bool {
        let held = self.young.records.get(&id).or_else(|| self.old.records.get(&id));
        held.is_some_and(|held| held.seq > self.committed)
    }

    /// Whether a commit under way forgets this record.
    pub(crate) fn is_going(&self, id: RecordId) -> bool {
        self.going.contains_key(&id)
    }

    /// Keeps a record read from the state. What is at hand is newer and stays.
    pub(crate) fn keep(&mut self, record: Arc<Record>) {
        if self.young.records.contains_key(&record.id)
            || self.old.records.contains_key(&record.id)
            || self.is_going(record.id)
        {
            return;
        }
        self.young.put(record, 0);
        self.bound();
    }

    /// Remembers what a commit changes until it is acknowledged.
    pub(crate) fn pend(&mut self, seq: u64, delta: &Delta) {
        let mut pending = Pending { seq, matches: Vec::new() };
        for record in &delta.records {
            self.old.take(record.id);
            self.young.put(record.clone(), seq);
        }
        for change in &delta.index {
            match change {
                IndexChange::AddMatch { key, record } => {
                    pending.matches.push(key.clone());
                    self.uncommitted_matches.entry(key.clone()).or_default().push((seq, *record));
                }
                // Records are found by the keys they have; whoever finds one by an
                // old key or value looks at the record itself.
                IndexChange::AddKey { .. } | IndexChange::DropKey { .. } | IndexChange::DropMatch { .. } => {}
            }
        }
        for id in &delta.forgotten {
            self.young.take(*id);
            self.old.take(*id);
            self.going.insert(*id, seq);
        }
        self.pending.push_back(pending);
    }

    /// Everything up to this commit is in the state.
    pub(crate) fn committed(&mut self, seq: u64) {
        self.committed = self.committed.max(seq);
        while self.pending.front().is_some_and(|pending| pending.seq <= seq) {
            let Some(done) = self.pending.pop_front() else {
                return;
            };
            for key in done.matches {
                if let Some(ids) = self.uncommitted_matches.get_mut(&key) {
                    ids.retain(|(newest, _)| *newest > seq);
                    if ids.is_empty() {
                        self.uncommitted_matches.remove(&key);
                    }
                }
            }
        }
        if !self.going.is_empty() {
            self.going.retain(|_, newest| *newest > seq);
        }
        self.bound();
    }

    /// Lets go of what was not used lately and is in the state.
    fn bound(&mut self) {
        if self.young.bytes <= BYTES_MAX / 2 {
            return;
        }
        let young = std::mem::take(&mut self.young);
        let old = std::mem::replace(&mut self.old, young);
        for held in old.records.into_values().filter(|held| held.seq > self.committed) {
            self.young.put(held.record, held.seq);
        }
    }
}

/// About what a record takes in memory. What sides show is mostly shared with
/// what is agreed, so only that is measured: this is asked of every record that
/// passes.
fn size_bytes(record: &Record) -> usize {
    const RECORD_BYTES: usize = 256;
    const LINK_BYTES: usize = 160;
    const LONG_VALUE_BYTES: usize = 1 << 10;
    let value_bytes = std::mem::size_of::<Option<Value>>();
    let fields: usize = record
        .fields
        .iter()
        .map(|field| {
            let value = field.as_ref().map_or(0, |field| field.value.size_bytes());
            // Should they not be shared after all, long values are what matters.
            let copies = if value > LONG_VALUE_BYTES { 1 + record.links.len() } else { 1 };
            std::mem::size_of::<Option<FieldState>>() + value * copies
        })
        .sum();
    let links: usize = record.links.iter().map(|link| LINK_BYTES + link.observed.len() * value_bytes).sum();
    RECORD_BYTES + fields + links
}

#[cfg(test)]
mod tests {
    use lockstep_core::{
        record::{Life, Link, Presence, Provenance},
        value::Timestamp,
    };

    use super::*;

    const SIDE: SideId = SideId(0);

    fn key(number: i64) -> Key {
        Key::new(vec![Value::Int(number)])
    }

    /// A record of `bytes`, about, with the key of its number.
    fn record(id: u64, bytes: usize) -> Arc<Record> {
        let state = FieldState {
            value: Value::text("x".repeat(bytes)),
            provenance: Provenance { side: None, at: Timestamp(0), entry: 0 },
            hold: None,
            bounces: Default::default(),
            trail: Vec::new(),
        };
        let link = Link::new(SIDE, Some(key(id as i64)), Presence::Live);
        Arc::new(Record { id: RecordId(id), life: Life::Live, fields: vec![Some(state)], links: vec![link] })
    }

    fn change(records: Vec<Arc<Record>>) -> Delta {
        Delta { records, ..Delta::default() }
    }

    #[test]
    fn what_is_not_committed_yet_is_found_however_much_passes_by() {
        let mut cache = Cache::default();
        cache.pend(7, &change(vec![record(1, 10)]));
        for id in 2..200 {
            cache.keep(record(id, 1 << 20));
        }
        assert!(cache.is_uncommitted(RecordId(1)));
        assert_eq!(cache.by_key(SIDE, &key(1)), Some(RecordId(1)));
        assert!(cache.young.bytes + cache.old.bytes < BYTES_MAX + (4 << 20));
        cache.committed(7);
        assert!(!cache.is_uncommitted(RecordId(1)));
        for id in 200..400 {
            cache.keep(record(id, 1 << 20));
        }
        assert_eq!(cache.by_key(SIDE, &key(1)), None, "committed, it makes room for others");
    }

    #[test]
    fn a_record_changed_again_and_again_counts_once() {
        let mut cache = Cache::default();
        cache.keep(record(2, 1 << 20));
        for seq in 1..200 {
            cache.pend(seq, &change(vec![record(1, 1 << 20)]));
            cache.committed(seq);
        }
        assert!(cache.get(RecordId(2)).is_some(), "nothing had to make room");
        assert!(cache.young.bytes < 8 << 20);
    }
}
