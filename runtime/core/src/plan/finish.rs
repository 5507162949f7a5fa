//! The bookkeeping of a plan: what records were like when it first touched
//! them, its journal, and the delta that comes of it.

use std::collections::BTreeMap;

use crate::{
    delta::{Delta, IndexChange, Mark, QuarantineChange, Quarantined},
    journal::{Entry, What},
    key::{Key, MatchKey},
    matching::match_keys_of,
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

/// A record as it was gathered, as far as marks and indexes go.
#[derive(Debug, Default)]
pub(super) struct Before {
    marks: Vec<(SideId, Option<Action>)>,
    keys: Vec<(SideId, Key)>,
    /// Canonical values of the fields it is matched on; none when it was deleted.
    matched: Vec<Option<Value>>,
    /// Its marks are told even if they are as before.
    told_anew: bool,
}

impl Planner<'_> {
    /// Call before a record is changed; only the first call per record counts.
    pub(super) fn touch(&mut self, record: &Record) {
        if self.before.contains_key(&record.id) {
            return;
        }
        let before = Before {
            marks: self.marks(record),
            keys: keys(record),
            matched: matched(self.spec, record),
            told_anew: false,
        };
        self.before.insert(record.id, before);
    }

    /// A new record: nothing was there before.
    pub(super) fn touch_new(&mut self, record: RecordId) {
        self.before.insert(record, Before::default());
    }

    /// Tells this record's marks even if they are as before.
    pub(super) fn tell_anew(&mut self, record: &Record) {
        self.touch(record);
        if let Some(before) = self.before.get_mut(&record.id) {
            before.told_anew = true;
        }
    }

    fn marks(&self, record: &Record) -> Vec<(SideId, Option<Action>)> {
        let mark = |side: SideId| {
            let action = wants(self.spec, self.refs, record, side);
            let waits = self.phase == Phase::FirstCopy && action == Some(Action::Create);
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
        forget_trails(self.spec, self.refs, &mut record);
        let before = self.before.get(&record.id);
        if before.is_none_or(|before| before.matched != matched(self.spec, &record)) {
            for key in record_matches(self.spec, &record) {
                set.put_match(key, vec![record.id]);
            }
        }
        if before.is_some_and(|before| before.keys == keys(&record)) {
            set.put_back(record);
        } else {
            set.put(record);
        }
    }

    /// The delta to commit: every touched record once, whole, in record order.
    pub fn finish(mut self, set: &Workset) -> (Delta, Tally) {
        self.sum_up_copy();
        let before = std::mem::take(&mut self.before);
        for (id, before) in before {
            let Some(record) = set.get(id) else {
                continue;
            };
            self.tell_marks(record, &before);
            self.tell_index(record, &before);
            self.delta.records.push(record.clone());
        }
        self.delta.journal.sort_by_key(|entry| entry.seq);
        (self.delta, self.tally)
    }

    fn sum_up_copy(&mut self) {
        let (linked, added) = self.copied;
        if linked + added > 0 {
            self.journal(None, None, What::Copied { linked, added });
        }
    }

    fn tell_marks(&mut self, record: &Record, before: &Before) {
        for (side, action) in self.marks(record) {
            let was = before.marks.iter().find(|(known, _)| *known == side);
            let was = was.and_then(|(_, action)| *action);
            if action != was || before.told_anew {
                let record = record.id;
                self.delta.marks.push(Mark { record, side, action });
            }
        }
    }

    fn tell_index(&mut self, record: &Record, before: &Before) {
        let id = record.id;
        let keys = keys(record);
        let now = matched(self.spec, record);
        let index = &mut self.delta.index;
        for (side, key) in &before.keys {
            if !keys.contains(&(*side, key.clone())) {
                let (side, key) = (*side, key.clone());
                index.push(IndexChange::DropKey { side, key, record: id });
            }
        }
        for (side, key) in keys {
            if !before.keys.contains(&(side, key.clone())) {
                index.push(IndexChange::AddKey { side, key, record: id });
            }
        }
        if before.matched == now {
            return;
        }
        let was = match_keys_before(self.spec, &before.matched);
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

/// The values a record is matched by, in the order of the match sets.
fn matched(spec: &SyncSpec, record: &Record) -> Vec<Option<Value>> {
    if spec.match_on.is_empty() || matches!(record.life, Life::Deleted { .. }) {
        return Vec::new();
    }
    let value = |field: &FieldId| record.field(*field).map(|state| state.value.clone());
    spec.match_on.iter().flatten().map(value).collect()
}

fn match_keys_before(spec: &SyncSpec, matched: &[Option<Value>]) -> Vec<MatchKey> {
    match_keys_of(spec, |field| {
        let place = spec.match_on.iter().flatten().position(|matched| *matched == field)?;
        matched.get(place)?.as_ref()
    })
}

pub(super) type Befores = BTreeMap<RecordId, Before>;

fn keys(record: &Record) -> Vec<(SideId, Key)> {
    let key = |link: &Link| Some((link.side, link.key.clone()?));
    record.links.iter().filter_map(key).collect()
}

/// Former values are needed only while some side lags behind.
fn forget_trails(spec: &SyncSpec, refs: &Refs, record: &mut Record) {
    let dead = matches!(record.life, Life::Deleted { .. });
    for field in spec.fields() {
        let remembered = record.field(field.id).is_some_and(|state| !state.trail.is_empty());
        if !remembered {
            continue;
        }
        let settled = dead
            || spec.unit_of(field.id).is_some_and(|unit| {
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
