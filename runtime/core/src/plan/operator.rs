//! What a person decides: held fields, held deletes, ambiguous rows, refused
//! writes, and records to be looked at again.

use crate::{
    journal::{FieldChange, What},
    key::Key,
    policy::{self, Verdict},
    record::{FieldId, Life, Link, Provenance, Record, RecordId, SideId},
    spec::DeletePolicy,
    value::Value,
};

use super::{
    Choice, Planner, Workset,
    deletes::whole,
    hold::{contender_values, first_hold, hold_base},
    merge::{Shown, Tray},
    needs::record_matches,
    standing::{Lifted, lift},
};

type Values = Vec<(FieldId, Value)>;

impl Planner<'_> {
    /// Marks what a record wants everywhere: after the first copy, after a rule
    /// or mapping change, when a parent arrived, when a failure is retried.
    /// What it waited for is looked at again.
    pub fn review(&mut self, set: &mut Workset, record: RecordId) {
        let Some(mut record) = set.take(record) else {
            return;
        };
        self.tell_anew(&record);
        let spec = self.spec;
        for unit in spec.units() {
            self.reconsider(&mut record, unit);
        }
        self.put_changed(set, record);
    }

    /// A column that was gone is there again, empty: that is nobody's edit. What
    /// is agreed is written there, unless it holds something by then.
    pub fn refill(&mut self, set: &mut Workset, record: RecordId, side: SideId, field: FieldId) {
        if !set.get(record).and_then(|record| record.link(side)).is_some_and(Link::is_live) {
            return;
        }
        let Some(mut record) = set.take(record) else {
            return;
        };
        self.tell_anew(&record);
        if let Some(link) = record.link_mut(side) {
            link.observe(field, Value::Null);
        }
        self.put_changed(set, record);
    }

    /// Lifts a refusal so that the write is tried again.
    pub fn retry(&mut self, set: &mut Workset, record: RecordId, side: SideId) {
        let Some(mut record) = set.take(record) else {
            return;
        };
        self.tell_anew(&record);
        self.lift_refusal(&mut record, side);
        self.put_changed(set, record);
    }

    /// A person decides a held field (`None`: the record's held delete or ambiguity).
    ///
    /// A held delete: the side that deleted, or one that has the row. An
    /// ambiguous record: `Value::Ref` names the record it is, `Value::Null`
    /// says it is one of its own, the rule matches again.
    ///
    /// # Errors
    /// In words, when nothing waits there or the choice does not decide it;
    /// nothing has changed then.
    pub fn decide(
        &mut self,
        set: &mut Workset,
        record: RecordId,
        field: Option<FieldId>,
        choice: &Choice,
        by: &str,
        note: &str,
    ) -> Result<(), String> {
        let Some(mut taken) = set.take(record) else {
            return Err(format!("record {} is not known", record.0));
        };
        self.touch(&taken);
        let decided = match (field, &taken.life) {
            (Some(field), _) => self.decide_field(&mut taken, field, choice, by, note),
            (None, Life::HeldDelete { .. }) => self.decide_delete(&mut taken, choice, by, note),
            (None, Life::Ambiguous { .. }) => {
                return self.decide_ambiguous(set, taken, choice, by, note);
            }
            (None, Life::Live | Life::Deleted { .. }) => {
                Err(format!("record {} does not wait for a decision", record.0))
            }
        };
        self.put_changed(set, taken);
        decided
    }

    fn decide_field(
        &mut self,
        record: &mut Record,
        field: FieldId,
        choice: &Choice,
        by: &str,
        note: &str,
    ) -> Result<(), String> {
        let spec = self.spec;
        let name = spec.field(field).map_or("?", |field| &*field.name);
        let unit = spec.unit_of(field).ok_or_else(|| format!("field {} is not mapped", field.0))?;
        if first_hold(record, unit).is_none() {
            return Err(format!("{name} is not held"));
        }
        let (values, side, how) = match choice {
            Choice::Side(side) => {
                let values = self.side_values(record, unit, *side)?;
                let side_name = spec.side(*side).map_or("?", |side| &*side.name);
                (values, Some(*side), format!("took {side_name}'s value"))
            }
            Choice::Value(_) if unit.len() > 1 => {
                return Err(format!("{name} belongs to a group: choose a side"));
            }
            Choice::Value(value) => (vec![(field, value.clone())], None, "set a value".into()),
            Choice::Rule => {
                let values = self.by_rule(record, unit)?;
                (values, None, "decided by the rule".into())
            }
        };
        self.settle_hold(record, unit, values, side, by, &how, note);
        Ok(())
    }

    /// Ends a hold with a value and journals whose choice it was.
    #[expect(clippy::too_many_arguments, reason = "one decision, told in full")]
    pub(super) fn settle_hold(
        &mut self,
        record: &mut Record,
        unit: &[FieldId],
        values: Values,
        side: Option<SideId>,
        by: &str,
        how: &str,
        note: &str,
    ) -> Vec<FieldChange> {
        let entry = self.reserve();
        self.release(record, unit, by);
        let provenance = Provenance { side, at: self.now, entry };
        let shown = Shown { unit, values };
        let changes = self.assign(record, &shown, &provenance);
        self.lift_refusals(record);
        let what = What::Operator { by: by.into(), action: how.into(), note: note.into(), changes: changes.clone() };
        self.write_entry(entry, Some(record.id), side, what);
        let from = side.unwrap_or(SideId(u8::MAX));
        self.check_projection(record, unit, from);
        changes
    }

    /// A side's value of a held unit: its contribution, or else what it shows.
    fn side_values(&self, record: &Record, unit: &[FieldId], side: SideId) -> Result<Values, String> {
        let spec = self.spec;
        let here = spec.side(side).ok_or_else(|| format!("side {} takes no part", side.0))?;
        let contended = contender_values(record, unit, side);
        let mut values = Vec::new();
        for field in unit {
            let observed = record.link(side).and_then(|link| link.observed(*field));
            let (Some(native), Some(_)) = (observed, here.field(*field)) else {
                continue;
            };
            match lift(spec, self.refs, here, *field, native) {
                Lifted::Value(shown) => {
                    let own = super::merge::of(&contended, *field);
                    values.push((*field, own.cloned().unwrap_or(shown)));
                }
                Lifted::Waiting(_) => {
                    return Err(format!("{}'s value refers to a row not linked yet", here.name));
                }
                Lifted::Uncastable(message) => {
                    return Err(format!("{}'s value does not cast: {message}", here.name));
                }
            }
        }
        match values.is_empty() {
            true => Err(format!("{} shows no value", here.name)),
            false => Ok(values),
        }
    }

    /// What the rule as it is now makes of everyone's contributions.
    pub(super) fn by_rule(&self, record: &Record, unit: &[FieldId]) -> Result<Values, String> {
        let hold = first_hold(record, unit).ok_or("it is not held")?;
        let base = hold_base(record, unit);
        let rule = self.rule(unit, base.is_none());
        let mut trial = record.clone();
        for contender in &hold.contenders {
            let values = self.side_values(record, unit, contender.side)?;
            let shown = Shown { unit, values };
            let tray = Tray::new(contender.side, contender.at);
            let (verdict, by) = self.judge(&trial, &shown, base.as_deref(), rule, &tray);
            match verdict {
                Verdict::Incumbent => {}
                Verdict::Hold => {
                    let rule = policy::describe(self.spec, rule);
                    return Err(format!("the rule ({rule}) does not decide it"));
                }
                Verdict::Incoming => put(&mut trial, shown.values, Some(contender.side), &tray),
                Verdict::Merged(value) => {
                    let field = unit.first().copied().unwrap_or(FieldId(0));
                    put(&mut trial, vec![(field, value)], None, &tray);
                }
            }
            let _ = by;
        }
        let value = |field: &FieldId| Some((*field, trial.field(*field)?.value.clone()));
        Ok(unit.iter().filter_map(value).collect())
    }

    fn decide_delete(&mut self, record: &mut Record, choice: &Choice, by: &str, note: &str) -> Result<(), String> {
        let Life::HeldDelete { by: deleter, at, .. } = record.life else {
            return Err("no delete is held".into());
        };
        let keep = match choice {
            Choice::Side(side) if *side == deleter => false,
            Choice::Side(side) if record.link(*side).is_some_and(Link::is_live) => true,
            Choice::Side(_) => return Err("that side does not have the row".into()),
            Choice::Value(_) => return Err("a delete is decided by choosing a side".into()),
            Choice::Rule => match self.spec.deletes {
                DeletePolicy::UpdateWins => true,
                DeletePolicy::DeleteWins => false,
                DeletePolicy::Hold => return Err("the rule (hold) does not decide it".into()),
            },
        };
        self.end_held_delete(record, keep, by, note, deleter, at);
        Ok(())
    }

    pub(super) fn end_held_delete(
        &mut self,
        record: &mut Record,
        keep: bool,
        by: &str,
        note: &str,
        deleter: SideId,
        at: crate::value::Timestamp,
    ) {
        let action = match keep {
            true => "kept the record",
            false => "let the record be deleted",
        };
        let what = What::Operator { by: by.into(), action: action.into(), note: note.into(), changes: Vec::new() };
        self.journal(Some(record.id), Some(deleter), what);
        if keep {
            record.life = Life::Live;
        } else {
            let what = What::DeleteConflict {
                deleted_by: deleter,
                updated_by: None,
                kept: Some(false),
                rule: format!("decided by {by}"),
                displaced: whole(record),
            };
            self.journal(Some(record.id), Some(deleter), what);
            record.life = Life::Deleted { by: Some(deleter), at };
        }
        self.lift_refusals(record);
    }

    fn decide_ambiguous(
        &mut self,
        set: &mut Workset,
        record: Record,
        choice: &Choice,
        by: &str,
        note: &str,
    ) -> Result<(), String> {
        let side = record.links.iter().find(|link| link.is_live());
        let side = side.map(|link| link.side);
        let target = match (choice, side) {
            (Choice::Value(Value::Ref(target)), _) => Ok(Some(*target)),
            (Choice::Value(Value::Null), _) => Ok(None),
            (Choice::Rule, Some(side)) => {
                let found = self.candidates(set, side, &record_matches(self.spec, &record));
                match found.as_slice() {
                    [] => Ok(None),
                    [single] => Ok(Some(*single)),
                    _ => Err("several records still match".to_owned()),
                }
            }
            _ => Err("name the record it is, or say that it is one of its own".to_owned()),
        };
        let fits = |target: RecordId| {
            set.get(target).is_some_and(|found| {
                matches!(found.life, Life::Live)
                    && side.is_some_and(|side| !found.link(side).is_some_and(Link::is_live))
            })
        };
        let target = match target {
            Ok(Some(target)) if !fits(target) => {
                Err(format!("record {} has a row at that side already, or is not there", target.0))
            }
            other => other,
        };
        let target = match target {
            Ok(target) => target,
            Err(message) => {
                set.put_back(record);
                return Err(message);
            }
        };
        match target {
            None => self.stands_alone(set, record, by, note),
            Some(target) => self.merge_into(set, record, target, by, note),
        }
        Ok(())
    }

    fn stands_alone(&mut self, set: &mut Workset, mut record: Record, by: &str, note: &str) {
        record.life = Life::Live;
        let what = What::Operator {
            by: by.into(),
            action: "said it is a record of its own".into(),
            note: note.into(),
            changes: Vec::new(),
        };
        self.journal(Some(record.id), None, what);
        self.put_changed(set, record);
    }

    /// Moves the rows of an ambiguous record to the record it is.
    fn merge_into(&mut self, set: &mut Workset, mut record: Record, target: RecordId, by: &str, note: &str) {
        let links = std::mem::take(&mut record.links);
        let from = record.id;
        record.life = Life::Deleted { by: None, at: self.now };
        set.put_back(record);
        let Some(mut into) = set.take(target) else {
            return;
        };
        self.touch(&into);
        let what = What::Operator {
            by: by.into(),
            action: format!("said record {} is this one", from.0),
            note: note.into(),
            changes: Vec::new(),
        };
        self.journal(Some(target), None, what);
        for link in links {
            self.adopt(set, &mut into, link);
        }
        self.put_changed(set, into);
    }

    /// A row becomes this record's: an initial merge of what it was last seen to hold.
    fn adopt(&mut self, set: &mut Workset, into: &mut Record, link: Link) {
        let (Some(side), Some(key)) = (self.spec.side(link.side), link.key.clone()) else {
            return;
        };
        let key: Key = key;
        let what = What::Linked { key: key.clone() };
        self.journal(Some(into.id), Some(side.id), what);
        let row: Vec<crate::value::Cell> = (0..side.columns.len())
            .map(|column| {
                let field =
                    self.spec.fields().find(|field| side.field(field.id).is_some_and(|here| here.column == column))?;
                link.observed(field.id).cloned()
            })
            .collect();
        let told = super::cells::Told {
            key: &key,
            cells: super::cells::Cells::new(self.layout(side, None), &row),
            version: &link.version,
            at: self.now,
        };
        let mut tray = Tray::new(side.id, self.now);
        self.attach(set, into, side, &key, &told, &mut tray);
        self.empty_tray(into, tray);
    }
}

/// Sets values on a record that only serves to try a rule.
fn put(trial: &mut Record, values: Values, side: Option<SideId>, tray: &Tray) {
    for (field, value) in values {
        if let Some(state) = trial.field_mut(field) {
            state.value = value;
            state.provenance.side = side;
            state.provenance.at = tray.at;
        }
    }
}
