//! The bookkeeping of a plan: what records were like when it first touched
//! them, its journal, and the delta that comes of it.

use std::collections::BTreeMap;

use crate::{
    delta::{Delta, IndexChange, Mark, QuarantineChange, Quarantined},
    journal::{Entry, What},
    key::Key,
    record::{FieldId, Life, Link, Presence, Record, RecordId, SideId},
    spec::SyncSpec,
    value::Value,
    write::{Action, Rejection},
};

use super::{
    Phase, Planner, Refs, Tally, Workset,
    needs::record_matches,
    standing::{Stand, stand},
    wants,
};

/// What a plan has done with a record.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// Nothing was there before.
    is_new: bool,
    /// Its marks are told even if they are as before.
    told_anew: bool,
}

impl Planner<'_> {
    /// Call before a record that was taken out is changed: what is not touched
    /// is not told.
    pub(super) fn touch(&mut self, record: &Record) {
        self.before.entry(record.id).or_default();
    }

    /// A new record: nothing was there before.
    pub(super) fn touch_new(&mut self, record: RecordId) {
        self.before.insert(record, Before { is_new: true, told_anew: false });
    }

    /// Tells this record's marks even if they are as before.
    pub(super) fn tell_anew(&mut self, record: &Record) {
        self.before.entry(record.id).or_default().told_anew = true;
    }

    /// Whether this plan changes the record.
    pub(super) fn is_touched(&self, record: RecordId) -> bool {
        self.before.contains_key(&record)
    }

    /// The record as it was gathered; `None` for a new one.
    fn original<'w>(&self, set: &'w Workset, record: RecordId) -> Option<&'w Record> {
        let known = self.before.get(&record).is_some_and(|before| !before.is_new);
        set.original(record).filter(|_| known)
    }

    fn marks(&self, record: &Record) -> Vec<(SideId, Option<Action>)> {
        let mark = |side: SideId| {
            let action = wants(self.spec, self.refs, record, side);
            let waits = match self.phase {
                Phase::FirstCopy(unread) => action == Some(Action::Create) && unread.withholds(side),
                Phase::Live => false,
            };
            (side, action.filter(|_| !waits))
        };
        self.spec.sides().map(|side| mark(side.id)).collect()
    }

    pub(super) fn reserve(&mut self) -> u64 {
        let seq = self.next_entry;
        self.next_entry += 1;
        seq
    }

    pub(super) fn journal(&mut self, record: Option<RecordId>, side: Option<SideId>, what: What) -> u64 {
        let seq = self.reserve();
        self.write_entry(seq, record, side, what);
        seq
    }

    /// Writes an entry whose number was reserved before.
    pub(super) fn write_entry(&mut self, seq: u64, record: Option<RecordId>, side: Option<SideId>, what: What) {
        self.delta.journal.push(Entry { seq, at: self.now, record, side, rules: self.spec.rules, what });
    }

    /// Sets a refused write aside until a person or a later edit lifts it.
    pub(super) fn quarantine(
        &mut self,
        record: &mut Record,
        side: SideId,
        action: Action,
        rejection: Rejection,
        values: Vec<(FieldId, Value)>,
    ) {
        match record.link_mut(side) {
            Some(link) => link.quarantined = true,
            None => {
                let mut link = Link::new(side, None, Presence::Barred);
                link.quarantined = true;
                record.insert_link(link);
            }
        }
        let mut columns = rejection.columns.clone();
        columns.sort();
        let name = self.spec.side(side).map_or("", |side| &*side.name);
        let signature = format!("{name} {} {} {}", rejection.class, rejection.code, columns.join(","));
        let what = What::Refused { action, rejection: rejection.clone() };
        self.journal(Some(record.id), Some(side), what);
        self.delta.quarantine.push(QuarantineChange::Put(Quarantined {
            record: record.id,
            side,
            at: self.now,
            action,
            rejection,
            signature: signature.trim_end().to_owned(),
            values,
            attempts: 1,
        }));
    }

    /// Takes every refusal of this record back: something about it has changed.
    pub(super) fn lift_refusals(&mut self, record: &mut Record) {
        if record.links.iter().any(|link| link.quarantined) {
            let sides: Vec<SideId> = record.links.iter().map(|link| link.side).collect();
            for side in sides {
                self.lift_refusal(record, side);
            }
        }
    }

    pub(super) fn lift_refusal(&mut self, record: &mut Record, side: SideId) {
        let Some(link) = record.link_mut(side).filter(|link| link.quarantined) else {
            return;
        };
        link.quarantined = false;
        if link.presence == Presence::Barred {
            record.links.retain(|link| link.side != side);
        }
        let record = record.id;
        self.delta.quarantine.push(QuarantineChange::Clear { record, side });
    }

    /// Puts a worked-on record back where later rows of this plan find it.
    pub(super) fn put_changed(&mut self, set: &mut Workset, mut record: Record) {
        self.compute(&mut record);
        self.remember_creates(set, &mut record);
        forget_trails(self.spec, self.refs, &mut record);
        let original = self.original(set, record.id);
        let same_keys = original.is_some_and(|original| keys(original).eq(keys(&record)));
        let same_matches = original.is_some_and(|original| is_matched_alike(self.spec, original, &record));
        if !same_matches {
            for key in record_matches(self.spec, &record) {
                set.put_match(key, vec![record.id]);
            }
        }
        if same_keys {
            set.put_back(record);
        } else {
            set.put(record);
        }
    }

    /// A record that dies while it is wanted at a side: the create may have been sent,
    /// and its row show later. It would pass for somebody's new one, and bring the
    /// record back everywhere. One that appears and dies at once may have been known to
    /// a state that a power cut took, and be told of once more.
    fn remember_creates(&self, set: &Workset, record: &mut Record) {
        let dead = |record: &Record| matches!(record.life, Life::Deleted { .. });
        if !dead(record) || record.is_stray() {
            return;
        }
        let is_new = self.before.get(&record.id).is_some_and(|before| before.is_new);
        let brief = is_new && !record.links.is_empty() && !self.phase.is_first_copy();
        let alive = brief.then(|| Record { life: Life::Live, ..record.clone() });
        let known = self.original(set, record.id).filter(|original| !dead(original));
        let Some(original) = known.or(alive.as_ref()) else {
            return;
        };
        if record_matches(self.spec, original).is_empty() {
            // Nothing it could be found by.
            return;
        }
        for (side, action) in self.marks(original) {
            if action != Some(Action::Create) || original.link(side) != record.link(side) {
                continue;
            }
            match record.link_mut(side) {
                Some(link) => link.presence = Presence::Uncertain,
                None => record.insert_link(Link::new(side, None, Presence::Uncertain)),
            }
        }
    }

    /// The delta to commit: every record that has changed once, whole, in record order.
    pub fn finish(mut self, set: &mut Workset) -> (Delta, Tally) {
        self.sum_up_copy();
        let before = std::mem::take(&mut self.before);
        for (id, before) in before {
            let Some(record) = set.shared(id) else {
                continue;
            };
            let original = set.original(id).filter(|_| !before.is_new);
            let changed = original.is_none_or(|original| original != record.as_ref());
            if changed || before.told_anew {
                self.tell_marks(record, original, before.told_anew);
            }
            if changed {
                self.tell_index(record, original);
                self.delta.records.push(record.clone());
            }
        }
        set.settle();
        self.delta.journal.sort_by_key(|entry| entry.seq);
        (self.delta, self.tally)
    }

    fn sum_up_copy(&mut self) {
        let (linked, added) = self.copied;
        if linked + added > 0 {
            self.journal(None, None, What::Copied { linked, added });
        }
    }

    fn tell_marks(&mut self, record: &Record, original: Option<&Record>, anew: bool) {
        // Told anew, it does not matter what they were.
        let original = original.filter(|_| !anew);
        let before = original.map(|original| self.marks(original)).unwrap_or_default();
        for (side, action) in self.marks(record) {
            let was = before.iter().find(|(known, _)| *known == side);
            let was = was.and_then(|(_, action)| *action);
            if action != was || anew {
                let record = record.id;
                self.delta.marks.push(Mark { record, side, action });
            }
        }
    }

    fn tell_index(&mut self, record: &Record, original: Option<&Record>) {
        let id = record.id;
        let index = &mut self.delta.index;
        let has = |record: &Record, place: (SideId, &Key)| keys(record).any(|known| known == place);
        for (side, key) in original.into_iter().flat_map(keys) {
            if !has(record, (side, key)) {
                index.push(IndexChange::DropKey { side, key: key.clone(), record: id });
            }
        }
        for (side, key) in keys(record) {
            if !original.is_some_and(|original| has(original, (side, key))) {
                index.push(IndexChange::AddKey { side, key: key.clone(), record: id });
            }
        }
        if original.is_some_and(|original| is_matched_alike(self.spec, original, record)) {
            return;
        }
        let was = original.map(|original| record_matches(self.spec, original)).unwrap_or_default();
        let matches = record_matches(self.spec, record);
        for key in &was {
            if !matches.contains(key) {
                index.push(IndexChange::DropMatch { key: key.clone(), record: id });
            }
        }
        for key in matches {
            if !was.contains(&key) {
                index.push(IndexChange::AddMatch { key, record: id });
            }
        }
    }
}

/// Whether two states of a record have the same values in all it is matched by.
fn is_matched_alike(spec: &SyncSpec, one: &Record, other: &Record) -> bool {
    match (one.can_be_matched(), other.can_be_matched()) {
        (false, false) => true,
        (true, true) => spec.match_on.iter().flatten().all(|field| value(one, *field) == value(other, *field)),
        (true, false) | (false, true) => false,
    }
}

fn value(record: &Record, field: FieldId) -> Option<&Value> {
    record.field(field).map(|state| &state.value)
}

pub(super) type Befores = BTreeMap<RecordId, Before>;

/// The keys by which a record is known.
fn keys(record: &Record) -> impl Iterator<Item = (SideId, &Key)> {
    record.links.iter().filter_map(|link| Some((link.side, link.key.as_ref()?)))
}

/// Former values are needed only while some side lags behind.
fn forget_trails(spec: &SyncSpec, refs: &Refs, record: &mut Record) {
    let dead = !record.can_be_matched();
    if record.fields.iter().flatten().all(|state| state.trail.is_empty()) {
        return;
    }
    // A row that a create made shows late what was agreed when it was sent.
    let creates = spec.sides().any(|side| wants(spec, refs, record, side.id) == Some(Action::Create));
    for field in spec.fields() {
        let remembered = record.field(field.id).is_some_and(|state| !state.trail.is_empty());
        if !remembered {
            continue;
        }
        let settled = dead
            || !creates
                && spec.unit_of(field.id).is_some_and(|unit| {
                    record.links.iter().filter(|link| link.is_live()).all(|link| {
                        spec.side(link.side).is_none_or(|side| {
                            unit.iter().all(|field| stand(spec, refs, record, link, side, *field) != Stand::Pending)
                        })
                    })
                });
        if settled && let Some(state) = record.field_mut(field.id) {
            state.trail.clear();
        }
    }
}
