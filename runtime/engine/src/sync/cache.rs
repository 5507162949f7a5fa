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
const BYTES_MAX: usize = 64 << 20;

#[derive(Default)]
struct Generation {
    records: HashMap<RecordId, Arc<Record>>,
    keys: HashMap<(SideId, Key), RecordId>,
    bytes: usize,
}

impl Generation {
    fn put(&mut self, record: Arc<Record>) {
        self.bytes += size_bytes(&record);
        for link in &record.links {
            if let Some(key) = &link.key {
                self.keys.insert((link.side, key.clone()), record.id);
            }
        }
        self.records.insert(record.id, record);
    }
}

/// What one commit that is under way has changed.
struct Pending {
    seq: u64,
    records: Vec<RecordId>,
    keys: Vec<(SideId, Key)>,
    matches: Vec<MatchKey>,
}

#[derive(Default)]
pub(crate) struct Cache {
    /// With the newest commit that changes them.
    uncommitted: HashMap<RecordId, (u64, Arc<Record>)>,
    uncommitted_keys: HashMap<(SideId, Key), (u64, RecordId)>,
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
        if let Some((_, record)) = self.uncommitted.get(&id) {
            return Some(record.clone());
        }
        if let Some(record) = self.young.records.get(&id) {
            return Some(record.clone());
        }
        let record = self.old.records.remove(&id)?;
        self.young.put(record.clone());
        Some(record)
    }

    /// The record that has this key at this side, if at hand.
    pub(crate) fn by_key(&mut self, side: SideId, key: &Key) -> Option<RecordId> {
        let place = (side, key.clone());
        let id = self
            .uncommitted_keys
            .get(&place)
            .map(|(_, id)| *id)
            .or_else(|| self.young.keys.get(&place).copied())
            .or_else(|| self.old.keys.get(&place).copied())?;
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
        self.uncommitted.contains_key(&id)
    }

    /// Whether a commit under way forgets this record.
    pub(crate) fn is_going(&self, id: RecordId) -> bool {
        self.going.contains_key(&id)
    }

    /// Keeps a record read from the state. What is at hand is newer and stays.
    pub(crate) fn keep(&mut self, record: Arc<Record>) {
        if self.uncommitted.contains_key(&record.id)
            || self.young.records.contains_key(&record.id)
            || self.is_going(record.id)
        {
            return;
        }
        self.young.put(record);
        self.bound();
    }

    /// Remembers what a commit changes until it is acknowledged.
    pub(crate) fn pend(&mut self, seq: u64, delta: &Delta) {
        let mut pending =
            Pending { seq, records: Vec::with_capacity(delta.records.len()), keys: Vec::new(), matches: Vec::new() };
        for record in &delta.records {
            pending.records.push(record.id);
            self.young.records.remove(&record.id);
            self.old.records.remove(&record.id);
            self.uncommitted.insert(record.id, (seq, record.clone()));
        }
        for change in &delta.index {
            match change {
                IndexChange::AddKey { side, key, record } => {
                    let place = (*side, key.clone());
                    pending.keys.push(place.clone());
                    self.uncommitted_keys.insert(place, (seq, *record));
                }
                IndexChange::AddMatch { key, record } => {
                    pending.matches.push(key.clone());
                    self.uncommitted_matches.entry(key.clone()).or_default().push((seq, *record));
                }
                // Whoever finds a record by an old key or value looks at the record itself.
                IndexChange::DropKey { .. } | IndexChange::DropMatch { .. } => {}
            }
        }
        for id in &delta.forgotten {
            self.uncommitted.remove(id);
            self.young.records.remove(id);
            self.old.records.remove(id);
            self.going.insert(*id, seq);
        }
        self.pending.push_back(pending);
    }

    /// Everything up to this commit is in the state.
    pub(crate) fn committed(&mut self, seq: u64) {
        while self.pending.front().is_some_and(|next| next.seq <= seq) {
            let Some(done) = self.pending.pop_front() else {
                return;
            };
            for id in done.records {
                if self.uncommitted.get(&id).is_some_and(|(newest, _)| *newest <= seq)
                    && let Some((_, record)) = self.uncommitted.remove(&id)
                {
                    self.young.put(record);
                }
            }
            for place in done.keys {
                if self.uncommitted_keys.get(&place).is_some_and(|(newest, _)| *newest <= seq) {
                    self.uncommitted_keys.remove(&place);
                }
            }
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

    fn bound(&mut self) {
        if self.young.bytes > BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
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
