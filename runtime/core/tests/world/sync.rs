//! A whole sync in one thread: simulated systems, durable state kept as bytes,
//! deliveries and writes in any order, and everything that can go wrong.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::{
    change::ChangeBatch,
    codec::{decode_record, encode_record},
    delta::{Delta, IndexChange, QuarantineChange},
    journal::{Entry, What},
    key::{Key, MatchKey},
    plan::{
        self, Absorbed, Choice, Needs, Phase, Planner, Refs, Sent, Settled, Tally, Workset, needs, needs_outcomes,
        needs_rows, record_matches, wants,
    },
    record::{FieldId, Life, Record, RecordId, SideId},
    spec::SyncSpec,
    value::{Timestamp, Value},
    write::{Action, Outcome},
};

use super::sides::{Habit, System};

/// Everything that survives a crash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    pub records: BTreeMap<RecordId, Vec<u8>>,
    pub keys: BTreeMap<(SideId, Vec<u8>), RecordId>,
    pub matches: BTreeMap<String, BTreeSet<RecordId>>,
    pub marks: BTreeMap<(RecordId, SideId), Action>,
    pub cursors: Vec<usize>,
    pub quarantine: BTreeSet<(RecordId, SideId)>,
    pub next: (u64, u64),
}

impl Store {
    pub fn record(&self, id: RecordId) -> Record {
        decode_record(&self.records[&id]).unwrap()
    }

    pub fn all(&self) -> Vec<Record> {
        self.records.keys().map(|id| self.record(*id)).collect()
    }

    fn apply(&mut self, delta: &Delta) {
        for record in &delta.records {
            let mut bytes = Vec::new();
            encode_record(record, &mut bytes);
            assert_eq!(decode_record(&bytes).as_ref(), Ok(record.as_ref()), "the codec changes a record");
            self.records.insert(record.id, bytes);
        }
        // What goes before what comes: a key moves from one record to another.
        for change in &delta.index {
            match change {
                IndexChange::DropKey { side, key, record } => {
                    let gone = self.keys.remove(&(*side, key.encode()));
                    assert_eq!(gone, Some(*record), "a key is dropped that was not there");
                }
                IndexChange::DropMatch { key, record } => {
                    let known = self.matches.get_mut(&*key.0);
                    assert!(known.is_some_and(|known| known.remove(record)));
                }
                IndexChange::AddKey { .. } | IndexChange::AddMatch { .. } => {}
            }
        }
        for change in &delta.index {
            match change {
                IndexChange::AddKey { side, key, record } => {
                    let old = self.keys.insert((*side, key.encode()), *record);
                    assert_eq!(old, None, "two records have the key {key:?}");
                }
                IndexChange::AddMatch { key, record } => {
                    assert!(self.matches.entry(key.0.to_string()).or_default().insert(*record));
                }
                IndexChange::DropKey { .. } | IndexChange::DropMatch { .. } => {}
            }
        }
        self.matches.retain(|_, known| !known.is_empty());
        for mark in &delta.marks {
            match mark.action {
                Some(action) => self.marks.insert((mark.record, mark.side), action),
                None => self.marks.remove(&(mark.record, mark.side)),
            };
        }
        for change in &delta.quarantine {
            match change {
                QuarantineChange::Put(put) => self.quarantine.insert((put.record, put.side)),
                QuarantineChange::Clear { record, side } => self.quarantine.remove(&(*record, *side)),
            };
        }
    }

    /// Indexes and marks say exactly what the records say.
    pub fn check(&self, spec: &SyncSpec) {
        let (mut keys, mut marks, mut quarantine) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut matches: BTreeMap<String, BTreeSet<RecordId>> = BTreeMap::new();
        for record in self.all() {
            for link in &record.links {
                if let Some(key) = &link.key {
                    keys.insert((link.side, key.encode()), record.id);
                }
                if link.quarantined {
                    quarantine.insert((record.id, link.side));
                }
            }
            for key in record_matches(spec, &record) {
                matches.entry(key.0.to_string()).or_default().insert(record.id);
            }
            for side in spec.sides() {
                if let Some(action) = wants(spec, &Refs::default(), &record, side.id) {
                    marks.insert((record.id, side.id), action);
                }
            }
        }
        assert_eq!(keys, self.keys, "key index");
        assert_eq!(matches, self.matches, "match index");
        assert_eq!(marks, self.marks, "marks");
        assert_eq!(quarantine, self.quarantine, "quarantine");
    }
}

/// A write under way: done at the side, not yet settled here.
#[derive(Clone, Debug)]
struct Flying {
    side: SideId,
    sent: Sent,
    outcome: Outcome,
}

#[derive(Clone, Debug)]
pub struct World {
    pub spec: SyncSpec,
    pub systems: Vec<System>,
    pub store: Store,
    pub journal: Vec<Entry>,
    flying: Vec<Flying>,
    /// Creates that may have been sent by a life before: looked up first.
    unsure: BTreeSet<(RecordId, SideId)>,
    snapshots: Vec<Store>,
    pub now: i64,
    /// Values that a user's edit or delete replaced, having seen them.
    pub seen: BTreeSet<String>,
    /// Values that users set.
    pub made: BTreeSet<String>,
    pub edits: u64,
    serial: u64,
}

/// The form in which every system's notation of a value is the same.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.trim().to_lowercase(),
        other => format!("{other:?}"),
    }
}

impl World {
    pub fn new(spec: SyncSpec, habits: &[Habit]) -> Self {
        let systems = habits.iter().enumerate().map(|(id, habit)| System::new(SideId(id as u8), *habit)).collect();
        let store = Store { cursors: vec![0; habits.len()], next: (1, 1), ..Store::default() };
        World {
            spec,
            systems,
            store,
            journal: Vec::new(),
            flying: Vec::new(),
            unsure: BTreeSet::new(),
            snapshots: Vec::new(),
            now: 0,
            seen: BTreeSet::new(),
            made: BTreeSet::new(),
            edits: 0,
            serial: 0,
        }
    }

    pub fn fields(&self) -> usize {
        self.spec.fields.len()
    }

    // What users do.

    fn fresh(&mut self) -> Value {
        self.serial += 1;
        // Some notations are normalised by some systems.
        let text = match self.serial % 3 {
            0 => format!(" E{}", self.serial),
            _ => format!("e{}", self.serial),
        };
        Value::text(text)
    }

    pub fn insert(&mut self, side: usize, mail: &str) -> i64 {
        let mut values = vec![Some(Value::text(mail))];
        for _ in 1..self.fields() {
            let value = self.fresh();
            let value = self.systems[side].normal(value);
            self.made.insert(plain(&value));
            values.push(Some(value));
        }
        self.edits += 1;
        self.systems[side].insert(values)
    }

    fn pick(&self, side: usize, which: usize) -> Option<i64> {
        let keys: Vec<i64> = self.systems[side].rows.keys().copied().collect();
        (!keys.is_empty()).then(|| keys[which % keys.len()])
    }

    pub fn edit(&mut self, side: usize, which: usize, field: usize, value: Option<Value>) {
        let Some(id) = self.pick(side, which) else {
            return;
        };
        let value = value.unwrap_or_else(|| self.fresh());
        let before = self.systems[side].rows[&id].0[field + 1].clone();
        if self.systems[side].edit(id, field + 1, value.clone()) {
            self.edits += 1;
            self.seen.extend(before.iter().map(plain));
            self.made.insert(plain(&value));
        }
    }

    pub fn remove(&mut self, side: usize, which: usize) {
        let Some(id) = self.pick(side, which) else {
            return;
        };
        let cells = self.systems[side].rows[&id].0.clone();
        self.seen.extend(cells.iter().flatten().map(plain));
        self.systems[side].remove(id);
        self.edits += 1;
    }

    pub fn insert_again(&mut self, side: usize, which: usize, mail: &str) {
        let mut values = vec![Some(Value::text(mail))];
        for _ in 1..self.fields() {
            let value = self.fresh();
            values.push(Some(self.systems[side].normal(value)));
        }
        if self.systems[side].insert_again(which, values.clone()).is_some() {
            self.edits += 1;
            self.made.extend(values[1..].iter().flatten().map(plain));
        }
    }

    pub fn rekey(&mut self, side: usize, which: usize) {
        if let Some(id) = self.pick(side, which) {
            self.systems[side].rekey(id);
        }
    }

    // What an operator does.

    /// Decides the `which`th thing that waits, for a side.
    pub fn decide(&mut self, which: usize, side: usize) {
        let mut waiting = Vec::new();
        for record in self.store.all() {
            if matches!(record.life, Life::HeldDelete { .. }) {
                waiting.push((record.id, None, Choice::Side(SideId(side as u8))));
            }
            if let Life::Ambiguous { candidates, .. } = &record.life {
                let choice = match side {
                    0 => Value::Null,
                    side => Value::Ref(candidates[side % candidates.len()]),
                };
                waiting.push((record.id, None, Choice::Value(choice)));
            }
            for field in 0..self.fields() {
                let field = FieldId(field as u16);
                if record.field(field).is_some_and(|state| state.hold.is_some()) {
                    waiting.push((record.id, Some(field), Choice::Side(SideId(side as u8))));
                }
            }
        }
        if waiting.is_empty() {
            return;
        }
        let (record, field, choice) = waiting.swap_remove(which % waiting.len());
        let mut more = vec![record];
        if let Life::Ambiguous { candidates, .. } = &self.store.record(record).life {
            more.extend(candidates);
        }
        let busy = more.iter().any(|record| self.flying.iter().any(|flying| flying.sent.record == *record));
        if field.is_some() || !busy {
            // A choice that does not fit is refused and changes nothing.
            let _ = self
                .plan(&Needs::default(), &more, |planner, set| planner.decide(set, record, field, &choice, "mo", ""));
        }
    }

    pub fn revert(&mut self, which: usize, replay: bool) {
        if self.journal.is_empty() {
            return;
        }
        let entry = self.journal[which % self.journal.len()].clone();
        let Some(record) = entry.record.filter(|record| self.store.records.contains_key(record)) else {
            return;
        };
        self.plan(&Needs::default(), &[record], |planner, set| match replay {
            true => planner.replay(set, &entry, "mo"),
            false => planner.revert(set, &entry, "mo"),
        });
    }

    pub fn retry(&mut self, which: usize) {
        let waiting: Vec<_> = self.store.quarantine.iter().copied().collect();
        if let Some((record, side)) = waiting.get(which % waiting.len().max(1)).copied() {
            self.plan(&Needs::default(), &[record], |planner, set| planner.retry(set, record, side));
        }
    }

    // What the engine does.

    fn gather(&self, needs: &Needs, more: &[RecordId]) -> Workset {
        let mut set = Workset::default();
        let mut wanted: BTreeSet<RecordId> = more.iter().copied().collect();
        for (side, key) in &needs.keys {
            wanted.extend(self.store.keys.get(&(*side, key.encode())));
        }
        let linked = |place: usize| {
            let (side, key) = &needs.keys[place];
            let record = self.store.keys.get(&(*side, key.encode())).map(|id| self.store.record(*id));
            record.is_some_and(|record| record.link(*side).is_some_and(|link| link.is_live()))
        };
        let unlinked = needs.matches_unless_linked.iter().filter(|(place, _)| !linked(*place)).map(|(_, key)| key);
        let sought: Vec<&MatchKey> = needs.matches.iter().chain(unlinked).collect();
        for (_, key) in needs.matches_unless_linked.iter().filter(|(_, key)| !sought.contains(&key)) {
            set.leave_unsought(key.clone());
        }
        for key in sought {
            if let Some(found) = self.store.matches.get(&*key.0) {
                wanted.extend(found);
                set.put_match(MatchKey(key.0.clone()), found.iter().copied().collect());
            }
        }
        for id in wanted.iter().filter(|id| self.store.records.contains_key(id)) {
            set.put(self.store.record(*id));
        }
        set
    }

    pub fn plan<T>(
        &mut self,
        needs: &Needs,
        more: &[RecordId],
        work: impl FnOnce(&mut Planner<'_>, &mut Workset) -> T,
    ) -> (T, Tally) {
        self.now += 1_000;
        let mut set = self.gather(needs, more);
        let refs = Refs::default();
        let (records, entries) = self.store.next;
        let mut planner = Planner::new(&self.spec, &refs, Timestamp(self.now), Phase::Live, records, entries);
        let result = work(&mut planner, &mut set);
        let next = (planner.next_record, planner.next_entry);
        let (delta, tally) = planner.finish(&mut set);
        self.store.next = next;
        self.store.apply(&delta);
        self.journal.extend(delta.journal);
        (result, tally)
    }

    fn in_flight(&self, record: RecordId, side: SideId) -> bool {
        self.flying.iter().any(|flying| flying.sent.record == record && flying.side == side)
    }

    /// Absorbs the next logged change of a side. False: nothing there, or it waits.
    pub fn deliver(&mut self, side: usize) -> bool {
        let id = SideId(side as u8);
        let position = self.store.cursors[side];
        let Some(batch) = self.systems[side].batch(&self.spec, position) else {
            return false;
        };
        let waits = needs(&self.spec, id, &batch).keys.iter().any(|(_, key)| {
            let known = self.store.keys.get(&(id, key.encode()));
            match known {
                Some(record) => self.in_flight(*record, id),
                // It may be what a create under way has made.
                None => self.flying.iter().any(|f| f.side == id && f.sent.intent.action == Action::Create),
            }
        });
        if waits {
            return false;
        }
        self.absorb(id, &batch);
        self.store.cursors[side] = position + 1;
        true
    }

    fn absorb(&mut self, side: SideId, batch: &ChangeBatch) -> Tally {
        let needs = needs(&self.spec, side, batch);
        let (absorbed, tally) = self.plan(&needs, &[], |planner, set| planner.absorb(set, side, batch, 0));
        if let Absorbed::Fetch(key) = absorbed {
            self.fetch(side, &key);
        }
        tally
    }

    fn fetch(&mut self, side: SideId, key: &Key) {
        let Some(Value::Int(id)) = key.0.first().cloned() else {
            return;
        };
        match self.systems[usize::from(side.0)].read(id) {
            Some(row) => self.absorb_row(side, &row),
            None => {
                let needs = Needs { keys: vec![(side, key.clone())], ..Needs::default() };
                let at = Timestamp(self.now);
                self.plan(&needs, &[], |planner, set| planner.absorb_missing(set, side, key, at));
            }
        }
    }

    fn absorb_row(&mut self, side: SideId, row: &lockstep_core::change::Row) {
        let needs = needs_rows(&self.spec, side, [row]);
        self.plan(&needs, &[], |planner, set| planner.absorb_row(set, side, row));
    }

    /// Sends the `which`th marked write of a side. The outcome waits to be settled.
    pub fn send(&mut self, side: usize, which: usize) -> bool {
        let id = SideId(side as u8);
        let open: Vec<(RecordId, SideId)> =
            self.store.marks.keys().filter(|(record, s)| *s == id && !self.in_flight(*record, id)).copied().collect();
        if open.is_empty() {
            return false;
        }
        let (record, _) = open[which % open.len()];
        let known = self.store.record(record);
        let Some(sent) = plan::intent(&self.spec, &Refs::default(), &known, id) else {
            panic!("a mark without a write: {known:?}");
        };
        if sent.intent.action == Action::Create && self.unsure.contains(&(record, id)) {
            let mail = sent.intent.cells[1].clone();
            let found = mail.and_then(|mail| {
                let mail = self.systems[side].normal(mail);
                self.systems[side].find(1, &mail)
            });
            let busy = |row: &lockstep_core::change::Row| {
                self.store.keys.get(&(id, row.key.encode())).is_some_and(|known| self.in_flight(*known, id))
            };
            if found.as_ref().is_some_and(busy) {
                return false;
            }
            self.unsure.remove(&(record, id));
            if let Some(row) = found {
                self.absorb_row(id, &row);
                return true;
            }
        }
        let outcome = self.systems[side].write(&sent.intent);
        if let Outcome::Overwrote(_, foreign) = &outcome {
            for overwritten in foreign {
                self.edits += 1;
                self.made.insert(plain(&overwritten.value));
                let column = self.spec.side(id).unwrap().columns.iter().position(|c| *c == overwritten.column);
                let before = column.and_then(|column| sent.intent.expected[column].clone());
                self.seen.extend(before.iter().map(plain));
            }
        }
        self.flying.push(Flying { side: id, sent, outcome });
        true
    }

    /// Tells the planner what became of a write.
    pub fn settle(&mut self, which: usize) -> bool {
        if self.flying.is_empty() {
            return false;
        }
        let flying = self.flying.remove(which % self.flying.len());
        self.settle_as(&flying, &flying.outcome);
        true
    }

    /// The acknowledgement gets lost: the outcome is unknown.
    pub fn lose(&mut self, which: usize) {
        if self.flying.is_empty() {
            return;
        }
        let flying = self.flying.remove(which % self.flying.len());
        self.forgive(&flying);
        self.settle_as(&flying, &Outcome::Unknown { reason: "the connection broke".into() });
    }

    fn settle_as(&mut self, flying: &Flying, outcome: &Outcome) {
        let rows = match outcome {
            Outcome::Applied(row) | Outcome::Conflict(row) | Outcome::Overwrote(row, _) | Outcome::Duplicate(row) => {
                vec![row]
            }
            _ => Vec::new(),
        };
        let needs = needs_outcomes(&self.spec, flying.side, rows);
        let (side, sent) = (flying.side, &flying.sent);
        let (settled, _) = self.plan(&needs, &[sent.record], |planner, set| planner.settle(set, side, sent, outcome));
        match settled {
            Settled::Done | Settled::Retry { .. } => {}
            Settled::Refetch(Some(key)) => self.fetch(side, &key),
            Settled::Refetch(None) => {
                self.unsure.insert((sent.record, side));
            }
        }
    }

    /// Only a read-check-write system's own report tells of the foreign value it
    /// displaced: where that is lost, its history has to be asked (docs/decisions).
    fn forgive(&mut self, flying: &Flying) {
        if let Outcome::Overwrote(_, foreign) = &flying.outcome {
            self.seen.extend(foreign.iter().map(|overwritten| plain(&overwritten.value)));
        }
    }

    /// The process dies: what was under way is forgotten.
    pub fn crash(&mut self) {
        for flying in std::mem::take(&mut self.flying) {
            self.forgive(&flying);
        }
        self.unsure = self.store.marks.keys().copied().collect();
    }

    /// A side's stream is told again from an earlier position.
    pub fn replay(&mut self, side: usize, back: usize) {
        let cursor = &mut self.store.cursors[side];
        *cursor -= back.min(*cursor);
    }

    pub fn snapshot(&mut self) {
        self.snapshots.push(self.store.clone());
    }

    /// An older state file is put in place of this one.
    pub fn restore(&mut self, which: usize) {
        if self.snapshots.is_empty() {
            return;
        }
        for flying in std::mem::take(&mut self.flying) {
            self.forgive(&flying);
        }
        let which = which % self.snapshots.len();
        self.store = self.snapshots[which].clone();
        self.unsure = self.store.marks.keys().copied().collect();
        for side in self.spec.sides() {
            for record in self.store.records.keys() {
                self.unsure.insert((*record, side.id));
            }
        }
    }

    /// Delivers and writes everything until nothing is left. Panics when it does not end.
    pub fn quiesce(&mut self) {
        for _ in 0..2_000 {
            let mut moved = false;
            while self.settle(0) {
                moved = true;
            }
            for side in 0..self.systems.len() {
                while self.deliver(side) {
                    moved = true;
                }
            }
            for side in 0..self.systems.len() {
                while self.send(side, 0) {
                    moved = true;
                    self.settle(0);
                }
            }
            if !moved {
                self.store.check(&self.spec);
                return;
            }
        }
        panic!("it never becomes quiet: {:?} {:#?}", self.store.marks, self.store.all());
    }

    // What must be true.

    /// Every side shows the agreed value of everything that does not wait.
    pub fn check_convergence(&self) {
        for record in self.store.all() {
            if matches!(record.life, Life::Ambiguous { .. } | Life::HeldDelete { .. })
                || record.links.iter().any(|link| link.quarantined)
            {
                continue;
            }
            let deleted = matches!(record.life, Life::Deleted { .. });
            for system in &self.systems {
                let link = record.link(system.side).filter(|link| link.is_live());
                let Some(link) = link else {
                    let waits = record.fields.iter().flatten().any(|state| state.hold.is_some());
                    assert!(deleted || waits, "missing at {:?}: {record:#?}", system.side);
                    continue;
                };
                assert!(!deleted, "not deleted at {:?}: {record:#?}", system.side);
                let Some(Value::Int(key)) = link.key.as_ref().and_then(|key| key.0.first()).cloned() else {
                    panic!("a live link without a key: {record:#?}");
                };
                let Some((cells, _)) = system.rows.get(&key) else {
                    panic!("no such row at {:?}: {record:#?}", system.side);
                };
                for field in 0..self.fields() {
                    let Some(state) = record.field(FieldId(field as u16)) else {
                        continue;
                    };
                    assert_eq!(link.observed[field], cells[field + 1], "observed is not what is there");
                    if state.hold.is_none() {
                        let shown = cells[field + 1].as_ref().map(plain);
                        assert_eq!(shown, Some(plain(&state.value)), "field {field} of {record:#?}");
                    }
                }
            }
        }
        for system in &self.systems {
            for key in system.rows.keys() {
                let known = self.store.keys.get(&(system.side, super::key(*key).encode()));
                assert!(known.is_some(), "row {key} of {:?} is not linked", system.side);
            }
        }
    }

    /// Every value a user set is somewhere: shown, replaced by somebody who saw
    /// it, or journaled with what displaced it.
    pub fn check_conservation(&self) {
        let mut there: BTreeSet<String> = self.seen.clone();
        for system in &self.systems {
            for (cells, _) in system.rows.values() {
                there.extend(cells.iter().flatten().map(plain));
            }
        }
        for entry in &self.journal {
            match &entry.what {
                What::Conflict { resolutions } => {
                    for resolution in resolutions {
                        there.insert(plain(&resolution.incumbent.value));
                        there.insert(plain(&resolution.incoming.value));
                    }
                }
                What::Operator { changes, .. } | What::Reverted { changes, .. } => {
                    there.extend(changes.iter().flat_map(|change| &change.before).map(plain));
                }
                What::DeleteConflict { displaced, .. } => {
                    there.extend(displaced.iter().map(|(_, value)| plain(value)));
                }
                _ => {}
            }
        }
        let lost: Vec<&String> = self.made.difference(&there).collect();
        assert!(lost.is_empty(), "lost silently: {lost:?}");
    }

    pub fn writes(&self) -> u64 {
        self.systems.iter().map(|system| system.writes).sum()
    }
}
