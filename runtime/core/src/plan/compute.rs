//! Fields that are computed from others: worked out anew whenever a record has
//! changed, and held with the reason where that cannot be done.

use crate::{
    code::in_words,
    expression::Outcome,
    journal::What,
    record::{Bounces, FieldId, FieldState, Hold, HoldReason, Life, Provenance, Record},
    spec::{Computed, FieldSpec, Maker},
    value::Value,
};

use super::{
    Planner,
    standing::{Projected, project},
};

impl Planner<'_> {
    /// Brings the computed fields of a record up to date.
    pub(super) fn compute(&mut self, record: &mut Record) {
        if matches!(record.life, Life::Deleted { .. }) {
            return;
        }
        let spec = self.spec;
        for field in spec.fields() {
            let Some(from) = &field.from else { continue };
            let found = worked_out(from, record).and_then(|value| self.fits_everywhere(field, &value).map(|()| value));
            match found {
                Ok(value) => self.set_computed(record, field, value),
                Err(message) => self.hold_computed(record, field, message),
            }
        }
    }

    /// A value that some side cannot take is not written to any.
    fn fits_everywhere(&self, field: &FieldSpec, value: &Value) -> Result<(), String> {
        for side in self.spec.sides() {
            let writes = side.field(field.id).is_some_and(|here| here.writes_create || here.writes_update);
            if writes && let Projected::Uncastable(message) = project(self.refs, side, field, value) {
                return Err(format!("{} cannot take it: {message}", side.name));
            }
        }
        Ok(())
    }

    fn set_computed(&mut self, record: &mut Record, field: &FieldSpec, value: Value) {
        let known = record.field(field.id);
        if known.is_some_and(|state| state.hold.is_none() && state.value.same_meaning(&value)) {
            return;
        }
        if known.is_some_and(|state| state.hold.is_some()) {
            let what = What::Released { field: Some(field.id), by: "it can be computed".into() };
            self.journal(Some(record.id), None, what);
        }
        if known.is_some() {
            self.lift_refusals(record);
        }
        let provenance = Provenance { side: None, at: self.now, entry: 0 };
        let trail = Vec::new();
        record.set_field(field.id, FieldState { value, provenance, hold: None, bounces: Bounces::default(), trail });
    }

    fn hold_computed(&mut self, record: &mut Record, field: &FieldSpec, message: String) {
        let reason = HoldReason::Uncastable { message: message.clone() };
        let known = record.field(field.id);
        if known.and_then(|state| state.hold.as_ref()).is_some_and(|hold| hold.reason == reason) {
            return;
        }
        let value = known.map_or(Value::Null, |state| state.value.clone());
        let what = What::Uncastable { field: field.id, value: value.clone(), message };
        let entry = self.journal(Some(record.id), None, what);
        self.tally.held += 1;
        let hold = Hold { reason, base: None, contenders: Vec::new(), since: self.now, entry };
        let provenance = Provenance { side: None, at: self.now, entry };
        let state = FieldState {
            value,
            provenance,
            hold: Some(Box::new(hold)),
            bounces: Bounces::default(),
            trail: Vec::new(),
        };
        record.set_field(field.id, state);
    }
}

/// What is made of a record, in the field's canonical form.
///
/// # Errors
/// In words, when nothing can be made of the values.
pub(super) fn worked_out(from: &Computed, record: &Record) -> Result<Value, String> {
    let known = |field: FieldId| record.field(field).map(|state| &state.value);
    let made = match &from.by {
        Maker::Expression(expression) => {
            let outcome = expression
                .evaluate(known)
                .map_err(|problem| format!("`{}` cannot be worked out: {problem}", expression.text()))?;
            match outcome {
                Outcome::Value(value) => value,
                Outcome::Missing => return Ok(Value::Null),
            }
        }
        Maker::Transform { slot, of } => {
            let code = slot.code.as_ref().ok_or_else(|| format!("{} is not loaded", slot.path))?;
            let values: Vec<&Value> = of.iter().map(|field| known(*field).unwrap_or(&Value::Null)).collect();
            code.read(&values).map_err(|words| format!("{} says: {words}", in_words(&slot.path, slot.digest())))?
        }
    };
    if made.is_null() {
        return Ok(Value::Null);
    }
    from.cast.lift(&made).map_err(|error| error.to_string())
}
