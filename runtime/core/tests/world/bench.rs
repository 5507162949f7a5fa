//! One set of records, and verbs on it, one plan each.

use lockstep_core::{
    delta::Delta,
    journal::{Entry, What},
    plan::{Absorbed, Choice, Phase, Planner, Refs, Reverted, Sent, Settled, Workset, intent, wants},
    record::{FieldId, FieldState, Link, Record, RecordId, SideId},
    spec::SyncSpec,
    value::{Timestamp, Value},
    write::{Action, Outcome},
};

use super::{delete, row, upsert};

pub const A: SideId = SideId(0);
pub const B: SideId = SideId(1);
pub const FIRST: RecordId = RecordId(1);

/// Runs verbs in one plan after the other on one set of records.
pub struct Bench {
    pub spec: SyncSpec,
    pub refs: Refs,
    pub set: Workset,
    pub next: (u64, u64),
    pub now: i64,
    pub phase: Phase,
    pub journal: Vec<Entry>,
}

impl Bench {
    pub fn new(spec: SyncSpec) -> Self {
        Bench {
            spec,
            refs: Refs::default(),
            set: Workset::default(),
            next: (1, 1),
            now: 0,
            phase: Phase::Live,
            journal: Vec::new(),
        }
    }

    pub fn plan<T>(&mut self, work: impl FnOnce(&mut Planner<'_>, &mut Workset) -> T) -> (T, Delta) {
        self.now += 1_000_000;
        let mut planner =
            Planner::new(&self.spec, &self.refs, Timestamp(self.now), self.phase, self.next.0, self.next.1);
        let result = work(&mut planner, &mut self.set);
        self.next = (planner.next_record, planner.next_entry);
        let (delta, _) = planner.finish(&mut self.set);
        self.journal.extend(delta.journal.clone());
        (result, delta)
    }

    pub fn tell(&mut self, side: SideId, id: i64, order: u64, values: &[&str]) -> (Absorbed, Delta) {
        let batch = upsert(&self.spec, side, &row(id, order, values));
        self.plan(|planner, set| planner.absorb(set, side, &batch, 0))
    }

    pub fn applied(&mut self, record: RecordId, side: SideId, id: i64, order: u64, values: &[&str]) -> Settled {
        let sent = intent(&self.spec, &self.refs, self.set.get(record).unwrap(), side).unwrap();
        let outcome = Outcome::Applied(row(id, order, values));
        self.plan(|planner, set| planner.settle(set, side, &sent, &outcome)).0
    }

    pub fn value(&self, record: RecordId, field: u16) -> Value {
        self.set.get(record).unwrap().field(FieldId(field)).unwrap().value.clone()
    }

    pub fn wants(&self, record: RecordId, side: SideId) -> Option<Action> {
        wants(&self.spec, &self.refs, self.set.get(record).unwrap(), side)
    }

    /// One record in step at two sides, all fields `v0`.
    pub fn linked(spec: SyncSpec) -> Self {
        let mut bench = Bench::new(spec);
        bench.tell(A, 1, 1, &["v0", "v0"]);
        bench.applied(FIRST, B, 11, 1, &["v0", "v0"]);
        bench
    }

    pub fn delete(&mut self, side: SideId, id: i64, order: u64) -> Absorbed {
        let batch = delete(id, order);
        self.plan(|planner, set| planner.absorb(set, side, &batch, 0)).0
    }

    pub fn sent(&self, record: RecordId, side: SideId) -> Sent {
        intent(&self.spec, &self.refs, self.record(record), side).unwrap()
    }

    pub fn settle(&mut self, record: RecordId, side: SideId, outcome: &Outcome) -> Settled {
        let sent = self.sent(record, side);
        self.plan(|planner, set| planner.settle(set, side, &sent, outcome)).0
    }

    pub fn record(&self, record: RecordId) -> &Record {
        self.set.get(record).unwrap()
    }

    pub fn state(&self, record: RecordId, field: u16) -> &FieldState {
        self.record(record).field(FieldId(field)).unwrap()
    }

    pub fn link(&self, record: RecordId, side: SideId) -> &Link {
        self.record(record).link(side).unwrap()
    }

    pub fn decide(&mut self, field: Option<u16>, choice: Choice) -> Result<(), String> {
        self.plan(|planner, set| planner.decide(set, FIRST, field.map(FieldId), &choice, "mo", "")).0
    }

    /// Reverts the last entry that is of a kind.
    pub fn revert(&mut self, kind: fn(&What) -> bool) -> Reverted {
        let entry = self.journal.iter().rfind(|entry| kind(&entry.what)).unwrap().clone();
        self.plan(|planner, set| planner.revert(set, &entry, "mo")).0
    }

    pub fn replay(&mut self, kind: fn(&What) -> bool) -> Reverted {
        let entry = self.journal.iter().rfind(|entry| kind(&entry.what)).unwrap().clone();
        self.plan(|planner, set| planner.replay(set, &entry, "mo")).0
    }

    pub fn count(&self, kind: fn(&What) -> bool) -> usize {
        self.journal.iter().filter(|entry| kind(&entry.what)).count()
    }
}
