//! Undoing and redoing what the journal tells: conditional on the record still
//! holding what the entry set, and journaled itself.
//!
//! What can be reverted: edits, decided conflicts, operators' decisions,
//! overwrites and reverts give back the values before; deletes give back the
//! record. A decided conflict gives back the value it displaced. Entries that
//! only tell of a row (appeared, linked, written, refused, moved) cannot be:
//! what an appeared record would go back to is not to exist, and deleting is
//! never the undoing of somebody else's insert.

use crate::{
    journal::{Entry, FieldChange, Resolution, What},
    record::{Bounces, FieldId, FieldState, Life, Provenance, Record, RecordId, SideId},
    spec::DeletePolicy,
    value::Value,
};

use super::{
    Planner, Reverted, Workset,
    hold::first_hold,
    merge::{Shown, Tray},
    needs::match_last,
};

type Values = Vec<(FieldId, Value)>;

/// A field as an entry left it, and what to make of it.
struct Undo {
    field: FieldId,
    /// What the entry set: the canonical value must still be this.
    set: Value,
    restore: Value,
}

impl Planner<'_> {
    /// Restores the values before a journaled entry.
    pub fn revert(&mut self, set: &mut Workset, entry: &Entry, by: &str) -> Reverted {
        let Some(mut record) = entry.record.and_then(|id| set.take(id)) else {
            return Reverted::Nothing;
        };
        self.touch(&record);
        let outcome = match &entry.what {
            What::Deleted { last, .. } | What::DeleteConflict { kept: Some(false), displaced: last, .. } => {
                self.restore(set, &mut record, entry, last, by)
            }
            What::Reverted { changes, .. } if restored_whole(changes) => {
                self.delete_again(&mut record, entry, changes, by)
            }
            What::Absorbed { changes, .. } | What::Operator { changes, .. } | What::Reverted { changes, .. } => {
                self.undo(&mut record, entry, changes.iter().map(undo_change).collect(), by)
            }
            What::Overwrote { changes, .. } => {
                self.undo(&mut record, entry, changes.iter().map(undo_change).collect(), by)
            }
            What::Conflict { resolutions } => {
                let undos = resolutions.iter().filter_map(undo_resolution).collect();
                self.undo(&mut record, entry, undos, by)
            }
            What::Appeared { .. }
            | What::Linked { .. }
            | What::Copied { .. }
            | What::Written { .. }
            | What::Refused { .. }
            | What::DeleteConflict { .. }
            | What::Ambiguous { .. }
            | What::Clash { .. }
            | What::Uncastable { .. }
            | What::Held { .. }
            | What::Released { .. }
            | What::Rekeyed { .. } => Reverted::Nothing,
        };
        self.put_changed(set, record);
        outcome
    }

    fn undo(&mut self, record: &mut Record, entry: &Entry, undos: Vec<Undo>, by: &str) -> Reverted {
        if undos.is_empty() {
            return Reverted::Nothing;
        }
        if matches!(record.life, Life::Deleted { .. }) {
            return Reverted::EditedSince(undos.iter().map(|undo| undo.field).collect());
        }
        let spec = self.spec;
        let mut edited = Vec::new();
        let mut changes = Vec::new();
        let seq = self.reserve();
        for unit in spec.units() {
            let mine: Vec<&Undo> = undos.iter().filter(|undo| unit.contains(&undo.field)).collect();
            if mine.is_empty() {
                continue;
            }
            let untouched = mine
                .iter()
                .all(|undo| record.field(undo.field).is_some_and(|state| state.value.same_meaning(&undo.set)));
            let held = first_hold(record, unit).is_some();
            if !untouched || held {
                edited.extend(mine.iter().map(|undo| undo.field));
                continue;
            }
            let values: Values = mine.iter().map(|undo| (undo.field, undo.restore.clone())).collect();
            changes.extend(self.decree(record, unit, values, seq));
        }
        let what = What::Reverted { entry: entry.seq, by: by.into(), changes };
        self.write_entry(seq, Some(record.id), entry.side, what);
        match edited.is_empty() {
            true => Reverted::Done,
            false => Reverted::EditedSince(edited),
        }
    }

    /// Sets a value on the runtime's own authority.
    fn decree(&mut self, record: &mut Record, unit: &[FieldId], values: Values, entry: u64) -> Vec<FieldChange> {
        let provenance = Provenance { side: None, at: self.now, entry };
        let shown = Shown { unit, values };
        let changes = self.assign(record, &shown, &provenance);
        self.lift_refusals(record);
        self.check_projection(record, unit, SideId(u8::MAX));
        changes
    }

    /// Brings a deleted record back; it is created again wherever it is gone. Not where
    /// another one that is the same lives: there would be two of it everywhere.
    fn restore(
        &mut self,
        set: &Workset,
        record: &mut Record,
        entry: &Entry,
        last: &[(FieldId, Value)],
        by: &str,
    ) -> Reverted {
        if !matches!(record.life, Life::Deleted { .. }) {
            return Reverted::EditedSince(Vec::new());
        }
        let same = match_last(self.spec, last);
        let mut others = same.iter().flat_map(|matched| set.by_match(matched)).copied();
        let lives = |id: &RecordId| set.get(*id).is_some_and(|record| !matches!(record.life, Life::Deleted { .. }));
        if let Some(other) = others.find(|id| *id != record.id && lives(id)) {
            return Reverted::LivesAs(other);
        }
        let seq = self.reserve();
        record.life = Life::Live;
        self.lift_refusals(record);
        let mut changes = Vec::new();
        for (field, value) in last {
            let state = FieldState {
                value: value.clone(),
                provenance: Provenance { side: None, at: self.now, entry: seq },
                hold: None,
                bounces: Bounces::default(),
                trail: Vec::new(),
            };
            record.set_field(*field, state);
            changes.push(FieldChange { field: *field, before: None, after: value.clone() });
        }
        let what = What::Reverted { entry: entry.seq, by: by.into(), changes };
        self.write_entry(seq, Some(record.id), entry.side, what);
        Reverted::Done
    }

    /// Undoes a restore: deletes the record everywhere, if nobody edited it since.
    fn delete_again(&mut self, record: &mut Record, entry: &Entry, changes: &[FieldChange], by: &str) -> Reverted {
        let edited: Vec<FieldId> = changes
            .iter()
            .filter(|change| {
                !record
                    .field(change.field)
                    .is_some_and(|state| state.value.same_meaning(&change.after) && state.hold.is_none())
            })
            .map(|change| change.field)
            .collect();
        if !edited.is_empty() || !matches!(record.life, Life::Live) {
            return Reverted::EditedSince(edited);
        }
        let what = What::Reverted { entry: entry.seq, by: by.into(), changes: Vec::new() };
        self.journal(Some(record.id), None, what);
        let what = What::Deleted { edited_at: self.now, last: super::deletes::whole(record) };
        self.journal(Some(record.id), None, what);
        record.life = Life::Deleted { by: None, at: self.now };
        Reverted::Done
    }

    /// Decides a journaled conflict anew, under the rules as they are. A
    /// refusal is lifted and tried again.
    pub fn replay(&mut self, set: &mut Workset, entry: &Entry, by: &str) -> Reverted {
        let Some(mut record) = entry.record.and_then(|id| set.take(id)) else {
            return Reverted::Nothing;
        };
        self.touch(&record);
        let outcome = match &entry.what {
            What::Conflict { resolutions } => self.replay_conflict(&mut record, entry, resolutions, by),
            What::DeleteConflict { displaced, .. } => self.replay_delete(set, &mut record, entry, displaced, by),
            What::Refused { .. } => match entry.side {
                Some(side) if record.link(side).is_some_and(|link| link.quarantined) => {
                    self.tell_anew(&record);
                    self.lift_refusal(&mut record, side);
                    Reverted::Done
                }
                _ => Reverted::Nothing,
            },
            _ => Reverted::Nothing,
        };
        self.put_changed(set, record);
        outcome
    }

    fn replay_conflict(
        &mut self,
        record: &mut Record,
        entry: &Entry,
        resolutions: &[Resolution],
        by: &str,
    ) -> Reverted {
        let spec = self.spec;
        let (mut edited, mut done) = (Vec::new(), false);
        for unit in spec.units() {
            let mine: Vec<&Resolution> =
                resolutions.iter().filter(|resolution| unit.contains(&resolution.field)).collect();
            if mine.is_empty() {
                continue;
            }
            if first_hold(record, unit).is_some() {
                let Ok(values) = self.by_rule(record, unit) else {
                    edited.extend(mine.iter().map(|resolution| resolution.field));
                    continue;
                };
                self.settle_hold(record, unit, values, None, by, "decided by the rule", "");
                done = true;
                continue;
            }
            let untouched = mine.iter().all(|resolution| {
                let now = record.field(resolution.field).map(|state| &state.value);
                matches!((now, &resolution.result), (Some(now), Some(set)) if now.same_meaning(set))
            });
            if !untouched {
                edited.extend(mine.iter().map(|resolution| resolution.field));
                continue;
            }
            done |= self.rejudge(record, unit, &mine, entry, by);
        }
        match (edited.is_empty(), done) {
            (false, _) => Reverted::EditedSince(edited),
            (true, true) => Reverted::Done,
            (true, false) => Reverted::Nothing,
        }
    }

    /// The same contest under today's rule. False: it comes out the same, or held.
    fn rejudge(
        &mut self,
        record: &mut Record,
        unit: &[FieldId],
        mine: &[&Resolution],
        entry: &Entry,
        by: &str,
    ) -> bool {
        let Some(side) = mine.iter().find_map(|resolution| resolution.incoming.side) else {
            return false;
        };
        let base: Option<Values> =
            mine.iter().map(|resolution| Some((resolution.field, resolution.base.clone()?))).collect();
        let mut before = record.clone();
        for resolution in mine {
            if let Some(state) = before.field_mut(resolution.field) {
                state.value = resolution.incumbent.value.clone();
                state.provenance.side = resolution.incumbent.side;
                state.provenance.at = resolution.incumbent.at;
            }
        }
        let values =
            |pick: fn(&Resolution) -> &Value| -> Values { mine.iter().map(|r| (r.field, pick(r).clone())).collect() };
        let at = mine.iter().map(|r| r.incoming.at).max().unwrap_or(self.now);
        let shown = Shown { unit, values: values(|resolution| &resolution.incoming.value) };
        let rule = self.rule(unit, base.is_none());
        let tray = Tray::new(side, at);
        let (verdict, rule) = self.judge(&before, &shown, base.as_deref(), rule, &tray);
        let decided = match verdict {
            crate::policy::Verdict::Hold => return false,
            crate::policy::Verdict::Incoming => shown.values,
            crate::policy::Verdict::Incumbent => values(|r| &r.incumbent.value),
            crate::policy::Verdict::Merged(value) => match unit.first() {
                Some(field) => vec![(*field, value)],
                None => return false,
            },
        };
        let seq = self.reserve();
        let changes = self.decree(record, unit, decided, seq);
        let changed = !changes.is_empty();
        let what = What::Operator {
            by: by.into(),
            action: format!("decided entry {} anew: {rule}", entry.seq),
            note: String::new(),
            changes,
        };
        self.write_entry(seq, Some(record.id), entry.side, what);
        changed
    }

    fn replay_delete(
        &mut self,
        set: &Workset,
        record: &mut Record,
        entry: &Entry,
        displaced: &[(FieldId, Value)],
        by: &str,
    ) -> Reverted {
        let keep = match self.spec.deletes {
            DeletePolicy::UpdateWins => true,
            DeletePolicy::DeleteWins => false,
            DeletePolicy::Hold => return Reverted::Nothing,
        };
        match record.life {
            Life::HeldDelete { by: deleter, at, .. } => {
                self.end_held_delete(record, keep, by, "decided by the rule", deleter, at);
                Reverted::Done
            }
            Life::Deleted { .. } if keep => self.restore(set, record, entry, displaced, by),
            Life::Deleted { .. } | Life::Live | Life::Ambiguous { .. } => Reverted::Nothing,
        }
    }
}

fn restored_whole(changes: &[FieldChange]) -> bool {
    !changes.is_empty() && changes.iter().all(|change| change.before.is_none())
}

fn undo_change(change: &FieldChange) -> Undo {
    Undo { field: change.field, set: change.after.clone(), restore: change.before.clone().unwrap_or(Value::Null) }
}

/// What a decision displaced: the incumbent, or the newcomer where the incumbent stayed.
fn undo_resolution(resolution: &Resolution) -> Option<Undo> {
    let set = resolution.result.clone()?;
    let restore = match set.same_meaning(&resolution.incumbent.value) {
        true => resolution.incoming.value.clone(),
        false => resolution.incumbent.value.clone(),
    };
    Some(Undo { field: resolution.field, set, restore })
}
