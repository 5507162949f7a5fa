//! Whatever is committed, lists, look-ups and counts say what a plain model says.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::{
    delta::{Delta, IndexChange, Mark, QuarantineChange, Quarantined},
    journal::Entry,
    key::Key,
    record::{Hold, HoldReason, Life, Presence, Record, RecordId, SideId},
    value::{Timestamp, Value},
    write::{Action, Rejection},
};
use lockstep_state::{AttentionKind, QuarantineFilter, Store, SyncId};
use proptest::prelude::*;
use support::{LEFT, RIGHT, absorbed, claim, email, key, record};

/// One change to one of a few records.
#[derive(Clone, Debug)]
enum Step {
    Put { text: String },
    Rekey { side: SideId, to: u64 },
    Unlink { side: SideId },
    Hold { reason: u8 },
    Release,
    Delete,
    Forget,
    Mark { side: SideId, action: Option<Action> },
    Refuse { side: SideId },
    Pardon { side: SideId },
}

const RECORDS: u64 = 6;
const KEYS: u64 = 9;

fn a_side() -> impl Strategy<Value = SideId> {
    prop_oneof![Just(LEFT), Just(RIGHT)]
}

fn an_action() -> impl Strategy<Value = Option<Action>> {
    prop_oneof![Just(None), Just(Some(Action::Create)), Just(Some(Action::Update)), Just(Some(Action::Delete))]
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => "[a-c]{1,3}".prop_map(|text| Step::Put { text }),
        2 => (a_side(), 1..=KEYS).prop_map(|(side, to)| Step::Rekey { side, to }),
        1 => a_side().prop_map(|side| Step::Unlink { side }),
        1 => (0u8..4).prop_map(|reason| Step::Hold { reason }),
        1 => Just(Step::Release),
        1 => Just(Step::Delete),
        1 => Just(Step::Forget),
        2 => (a_side(), an_action()).prop_map(|(side, action)| Step::Mark { side, action }),
        1 => a_side().prop_map(|side| Step::Refuse { side }),
        1 => a_side().prop_map(|side| Step::Pardon { side }),
    ]
}

#[derive(Default)]
struct Model {
    records: BTreeMap<u64, Record>,
    marks: BTreeMap<(SideId, u64), Action>,
    refused: BTreeSet<(SideId, u64)>,
    journal: Vec<Entry>,
}

fn hold(reason: u8) -> Hold {
    Hold {
        reason: match reason {
            0 => HoldReason::Conflict,
            1 => HoldReason::Uncastable { message: "no".to_owned() },
            2 => HoldReason::AwaitingParent { side: LEFT, key: key(77) },
            _ => HoldReason::PingPong,
        },
        base: None,
        contenders: Vec::new(),
        since: Timestamp(5),
        entry: 1,
    }
}

fn refusal(n: u64, side: SideId) -> Quarantined {
    Quarantined {
        record: RecordId(n),
        side,
        at: Timestamp(3),
        action: Action::Update,
        rejection: Rejection {
            code: "1".to_owned(),
            class: "other".to_owned(),
            message: String::new(),
            columns: Vec::new(),
        },
        signature: format!("side {}", side.0),
        values: Vec::new(),
        attempts: 1,
    }
}

impl Model {
    /// Makes the step here, and gives the delta that makes it there.
    fn make(&mut self, n: u64, step: &Step) -> Delta {
        let mut delta = Delta::default();
        let known = self.records.get(&n).cloned();
        let index = |side, key: &Key, add: bool| {
            let (key, record) = (key.clone(), RecordId(n));
            if add { IndexChange::AddKey { side, key, record } } else { IndexChange::DropKey { side, key, record } }
        };
        let mut changed = known.clone().unwrap_or_else(|| {
            let fresh = record(n, "new");
            for link in &fresh.links {
                delta.index.extend(link.key.as_ref().map(|key| index(link.side, key, true)));
            }
            delta.index.push(IndexChange::AddMatch { key: email(n), record: RecordId(n) });
            fresh
        });
        let state = changed.fields[0].as_mut().unwrap();
        match step {
            Step::Put { text } => state.value = Value::text(text),
            Step::Rekey { side, to } => {
                let link = changed.link_mut(*side).unwrap();
                let old = link.key.replace(key(*to)).unwrap();
                delta.index.push(index(*side, &old, false));
                delta.index.push(index(*side, &key(*to), true));
            }
            Step::Unlink { side } => {
                changed.link_mut(*side).unwrap().presence = Presence::Deleted;
            }
            Step::Hold { reason } => state.hold = Some(Box::new(hold(*reason))),
            Step::Release => state.hold = None,
            Step::Delete => changed.life = Life::Deleted { by: Some(LEFT), at: Timestamp(n as i64) },
            Step::Forget => {
                if known.is_some() {
                    self.records.remove(&n);
                    self.marks.retain(|(_, record), _| *record != n);
                    self.refused.retain(|(_, record)| *record != n);
                    delta.forgotten.push(RecordId(n));
                    delta.index.push(IndexChange::DropMatch { key: email(n), record: RecordId(n) });
                } else {
                    delta = Delta::default();
                }
                return delta;
            }
            Step::Mark { side, action } => {
                match action {
                    Some(action) => self.marks.insert((*side, n), *action),
                    None => self.marks.remove(&(*side, n)),
                };
                delta.marks.push(Mark { record: RecordId(n), side: *side, action: *action });
            }
            Step::Refuse { side } => {
                self.refused.insert((*side, n));
                delta.quarantine.push(QuarantineChange::Put(refusal(n, *side)));
            }
            Step::Pardon { side } => {
                self.refused.remove(&(*side, n));
                delta.quarantine.push(QuarantineChange::Clear { record: RecordId(n), side: *side });
            }
        }
        let entry = absorbed(self.journal.len() as u64 + 1, n, &format!("{step:?}"));
        self.journal.push(entry.clone());
        delta.journal.push(entry);
        delta.records.push(changed.clone().into());
        self.records.insert(n, changed);
        delta
    }

    fn by_key(&self, side: SideId, key: &Key) -> Option<RecordId> {
        self.records
            .values()
            .filter_map(|record| {
                let link = record.link(side)?;
                let here = link.key.as_ref() == Some(key);
                here.then_some((link.presence == Presence::Live, record.id))
            })
            .max()
            .map(|(_, id)| id)
    }

    fn check(&self, store: &Store, sync: SyncId) {
        let all: Vec<Record> = self.records.values().cloned().collect();
        assert_eq!(store.scan(sync, RecordId(0), 100).unwrap(), all);
        let keys: Vec<(SideId, Key)> =
            [LEFT, RIGHT].into_iter().flat_map(|side| (1..=KEYS).map(move |n| (side, key(n)))).collect();
        let emails: Vec<_> = (1..=RECORDS).map(email).collect();
        let found = store.gather(sync, &keys, &emails).unwrap();
        for ((side, key), found) in keys.iter().zip(&found.keys) {
            assert_eq!(*found, self.by_key(*side, key), "{side:?} {key:?}");
        }
        for (n, found) in (1..).zip(&found.matches) {
            let here = self.records.contains_key(&n).then_some(RecordId(n));
            assert_eq!(*found, Vec::from_iter(here));
        }
        self.check_lists(store, sync);
        self.check_counts(store, sync);
        for (n, record) in &self.records {
            let mut about: Vec<Entry> = self.journal.clone();
            about.retain(|entry| entry.record == Some(record.id));
            about.reverse();
            let mut told = store.entries_of(sync, RecordId(*n), 1000).unwrap();
            // A forgotten record that comes back starts its history anew.
            about.truncate(told.len());
            assert!(!told.is_empty());
            assert_eq!(told.split_off(0), about);
        }
    }

    fn check_lists(&self, store: &Store, sync: SyncId) {
        for side in [LEFT, RIGHT] {
            let marks: Vec<Mark> = self
                .marks
                .iter()
                .filter(|((at, _), _)| *at == side)
                .map(|((_, n), action)| Mark { record: RecordId(*n), side, action: Some(*action) })
                .collect();
            assert_eq!(store.marks(sync, side, RecordId(0), 100).unwrap(), marks);
        }
        let refused: Vec<(SideId, u64)> = store
            .quarantine(sync, &QuarantineFilter::default(), None, 100)
            .unwrap()
            .iter()
            .map(|row| (row.side, row.record.0))
            .collect();
        assert_eq!(refused, Vec::from_iter(self.refused.iter().copied()));
        let awaiting: Vec<RecordId> = self
            .records
            .values()
            .filter(|record| self.held(record) == Some(AttentionKind::AwaitingParent))
            .map(|record| record.id)
            .collect();
        assert_eq!(store.awaiting(sync, &key(77), RecordId(0), 100).unwrap(), awaiting);
        let gone: BTreeSet<RecordId> =
            self.records.values().filter(|record| record.life != Life::Live).map(|record| record.id).collect();
        let told = store.tombstones(sync, Timestamp(1000), 100).unwrap();
        assert_eq!(BTreeSet::from_iter(told), gone);
    }

    fn held(&self, record: &Record) -> Option<AttentionKind> {
        let hold = record.fields[0].as_ref()?.hold.as_ref()?;
        Some(match hold.reason {
            HoldReason::Conflict => AttentionKind::Conflict,
            HoldReason::Uncastable { .. } => AttentionKind::Uncastable,
            HoldReason::AwaitingParent { .. } => AttentionKind::AwaitingParent,
            HoldReason::PingPong => AttentionKind::PingPong,
        })
    }

    fn check_counts(&self, store: &Store, sync: SyncId) {
        let counts = store.counts(sync).unwrap();
        let live = self.records.values().filter(|r| r.life == Life::Live);
        assert_eq!(counts.records, live.count() as u64);
        let all = self.records.len() as u64;
        assert_eq!(counts.tombstones, all - counts.records);
        let mut waiting = BTreeMap::new();
        for record in self.records.values() {
            if let Some(kind) = self.held(record) {
                *waiting.entry(kind).or_insert(0) += 1;
            }
        }
        assert_eq!(counts.waiting, waiting);
        for side in [LEFT, RIGHT] {
            let told = counts.sides.get(&side).copied().unwrap_or_default();
            let linked = self.records.values().filter(|record| record.link(side).unwrap().presence == Presence::Live);
            assert_eq!(told.links, linked.count() as u64);
            let marks = self.marks.keys().filter(|(at, _)| *at == side);
            assert_eq!(told.pending, marks.count() as u64);
            let refused = self.refused.iter().filter(|(at, _)| *at == side);
            assert_eq!(told.quarantined, refused.count() as u64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_store_says_what_the_model_says(
        steps in prop::collection::vec((1..=RECORDS, a_step()), 1..60)
    ) {
        let store = Store::in_memory().unwrap();
        let owner = claim(&store, "contacts", 1);
        // A neighbour with the same numbers and keys must never show.
        let other = claim(&store, "neighbours", 1);
        let mut beside = other.commit(0);
        beside.delta = Model::default().make(1, &Step::Put { text: "other".to_owned() });
        store.commit_blocking(beside).unwrap();
        let mut model = Model::default();
        for (seq, (n, step)) in steps.iter().enumerate() {
            let mut commit = owner.commit(seq as u64);
            commit.delta = model.make(*n, step);
            store.commit_blocking(commit).unwrap();
        }
        model.check(&store, owner.state.sync);
    }
}
