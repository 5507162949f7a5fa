//! Fields that wait: for a person, for a parent, or for a value that casts.
//! While a field waits both sides stay as they are and later edits are kept.

use crate::{
    journal::What,
    record::{Bounces, Contender, FieldId, FieldState, Hold, HoldReason, Provenance, Record, SideId},
    spec::SideSpec,
    value::{Timestamp, Value},
};

use super::{
    Planner,
    merge::{Shown, Tray, agrees, of, resolutions, verdict_side},
    standing::{Lifted, lift},
};

type Values = Vec<(FieldId, Value)>;

impl Planner<'_> {
    /// A conflict that the policy leaves to a person.
    pub(super) fn hold_conflict(
        &mut self,
        record: &mut Record,
        shown: &Shown<'_>,
        base: Option<Values>,
        entry: u64,
        tray: &Tray,
    ) {
        self.hold(record, shown, HoldReason::Conflict, base, entry, tray, true);
    }

    /// Two systems keep rewriting each other.
    pub(super) fn hold_ping_pong(&mut self, record: &mut Record, shown: &Shown<'_>, tray: &Tray) {
        let what =
            What::Held { field: shown.fields().next(), reason: "two systems keep rewriting each other's value".into() };
        let entry = self.journal(Some(record.id), Some(tray.side), what);
        self.hold(record, shown, HoldReason::PingPong, None, entry, tray, true);
    }

    /// What a side shows has no canonical form (yet).
    pub(super) fn hold_stuck(
        &mut self,
        record: &mut Record,
        raw: &Shown<'_>,
        reason: HoldReason,
        base: Option<Values>,
        tray: &mut Tray,
    ) {
        let mut entry = 0;
        tray.edited = true;
        if let HoldReason::Uncastable { message } = &reason
            && let Some(side) = self.spec.side(tray.side)
        {
            for (field, value) in self.uncastable(record, side, raw) {
                let message = message.clone();
                let what = What::Uncastable { field, value, message };
                entry = self.journal(Some(record.id), Some(tray.side), what);
            }
        }
        let base = base.or_else(|| {
            let known = |field: FieldId| Some((field, record.field(field)?.value.clone()));
            raw.fields().map(known).collect()
        });
        self.hold(record, raw, reason, base, entry, tray, false);
    }

    fn uncastable(&self, record: &Record, side: &SideSpec, raw: &Shown<'_>) -> Values {
        let refused = |field: &FieldId| {
            let native = record.link(side.id)?.observed(*field)?;
            let lifted = lift(self.spec, self.refs, side, *field, native);
            matches!(lifted, Lifted::Uncastable(_)).then(|| (*field, native.clone()))
        };
        raw.unit.iter().filter_map(refused).collect()
    }

    /// The agreed value cannot be written to `side`; it came from `from`.
    pub(super) fn hold_unprojectable(
        &mut self,
        record: &mut Record,
        unit: &[FieldId],
        field: FieldId,
        side: &SideSpec,
        from: SideId,
        message: String,
    ) {
        let known = |field: &FieldId| Some((*field, record.field(*field)?.value.clone()));
        let values: Values = unit.iter().filter_map(known).collect();
        let value = of(&values, field).cloned().unwrap_or(Value::Null);
        let at = record.field(field).map_or(self.now, |state| state.provenance.at);
        let base = self.agreed_at(record, side, unit);
        let what = What::Uncastable { field, value, message: message.clone() };
        let entry = self.journal(Some(record.id), Some(side.id), what);
        let shown = Shown { unit, values };
        let tray = Tray::new(from, at);
        let reason = HoldReason::Uncastable { message };
        self.hold(record, &shown, reason, base, entry, &tray, false);
    }

    /// What a side last agreed to.
    fn agreed_at(&self, record: &Record, side: &SideSpec, unit: &[FieldId]) -> Option<Values> {
        let link = record.link(side.id)?;
        let agreed = |field: &FieldId| {
            let known = link.acknowledged(*field)?;
            match lift(self.spec, self.refs, side, *field, known) {
                Lifted::Value(value) => Some((*field, value)),
                Lifted::Waiting(_) | Lifted::Uncastable(_) => None,
            }
        };
        Some(unit.iter().filter_map(agreed).collect())
    }

    #[expect(clippy::too_many_arguments, reason = "one hold, told in full")]
    fn hold(
        &mut self,
        record: &mut Record,
        shown: &Shown<'_>,
        reason: HoldReason,
        base: Option<Values>,
        entry: u64,
        tray: &Tray,
        with_incumbent: bool,
    ) {
        self.tally.held += 1;
        for (field, value) in &shown.values {
            if record.field(*field).is_none() {
                record.set_field(*field, placeholder(tray.at));
            }
            let Some(state) = record.field_mut(*field) else {
                continue;
            };
            if let Some(hold) = &mut state.hold {
                hold.reason = reason.clone();
                contender(&mut hold.contenders, tray.side, value, tray.at);
                continue;
            }
            let mut contenders = Vec::with_capacity(2);
            if let (true, Some(side)) = (with_incumbent, state.provenance.side) {
                contender(&mut contenders, side, &state.value, state.provenance.at);
            }
            contender(&mut contenders, tray.side, value, tray.at);
            state.hold = Some(Box::new(Hold {
                reason: reason.clone(),
                base: base.as_ref().and_then(|base| of(base, *field)).cloned(),
                contenders,
                since: self.now,
                entry,
            }));
        }
    }

    /// An edit of a field that waits: it joins those who disagree.
    pub(super) fn contend(&mut self, record: &mut Record, shown: &Shown<'_>, tray: &mut Tray) {
        let base = hold_base(record, shown.unit);
        tray.edited = true;
        self.resolutions_entry(tray);
        let found = resolutions(record, shown, base.as_deref(), None, "held", tray);
        tray.resolutions.extend(found);
        for (field, value) in &shown.values {
            if let Some(hold) = record.field_mut(*field).and_then(|s| s.hold.as_mut()) {
                contender(&mut hold.contenders, tray.side, value, tray.at);
            }
        }
        self.reconsider(record, shown.unit);
    }

    /// Whether what a unit waited for has come: ends the hold by itself if so.
    pub(super) fn reconsider(&mut self, record: &mut Record, unit: &[FieldId]) {
        let Some(hold) = first_hold(record, unit).cloned() else {
            return;
        };
        // What is computed is worked out anew when the record is put back.
        if unit.iter().any(|field| self.spec.field(*field).is_some_and(|field| field.from.is_some())) {
            return;
        }
        match hold.reason {
            HoldReason::Conflict | HoldReason::PingPong => self.end_if_agreed(record, unit, &hold),
            HoldReason::Uncastable { .. } | HoldReason::AwaitingParent { .. } => {
                self.lift_again(record, unit, &hold);
            }
        }
    }

    fn end_if_agreed(&mut self, record: &mut Record, unit: &[FieldId], hold: &Hold) {
        let Some(last) = hold.contenders.iter().max_by_key(|c| (c.at, c.side)) else {
            return;
        };
        let (side, at) = (last.side, last.at);
        let agreed = unit.iter().all(|field| match record.field(*field) {
            None => true,
            Some(state) => contenders_agree(state),
        });
        if !agreed {
            return;
        }
        let values = contender_values(record, unit, side);
        self.release(record, unit, "the sides agree");
        let shown = Shown { unit, values };
        let mut tray = Tray::new(side, at);
        if !agrees(record, &shown) {
            self.take(record, &shown, &mut tray);
        }
        self.empty_tray(record, tray);
    }

    fn lift_again(&mut self, record: &mut Record, unit: &[FieldId], hold: &Hold) {
        let spec = self.spec;
        let mut claims: Vec<(SideId, Timestamp, Values)> = Vec::new();
        for contender in &hold.contenders {
            let Some(side) = spec.side(contender.side) else {
                continue;
            };
            match self.lift_unit(record, side, unit) {
                Ok(shown) => claims.push((contender.side, contender.at, shown.values)),
                Err((reason, _)) => {
                    set_reason(record, unit, &reason);
                    return;
                }
            }
        }
        let base = hold_base(record, unit);
        self.release(record, unit, "what it waited for has come");
        for (side, at, values) in claims {
            let shown = Shown { unit, values };
            let mut tray = Tray::new(side, at);
            self.claim(record, &shown, base.as_ref(), &mut tray);
            self.empty_tray(record, tray);
        }
        if let Some(from) = first_side(record, unit) {
            self.check_projection(record, unit, from);
        }
    }

    /// One side's value, as if the field had never waited.
    fn claim(&mut self, record: &mut Record, shown: &Shown<'_>, base: Option<&Values>, tray: &mut Tray) {
        if agrees(record, shown) {
            return;
        }
        let (owner, _) = verdict_side(record, shown, tray);
        let untouched = shown.fields().all(|field| {
            let canonical = record.field(field).map_or(&Value::Null, |s| &s.value);
            match base {
                Some(base) => of(base, field).is_none_or(|b| b.same_meaning(canonical)),
                None => canonical.is_null(),
            }
        });
        if untouched || owner == Some(tray.side) {
            self.take(record, shown, tray);
        } else {
            self.contest(record, shown, base.cloned(), tray);
        }
    }

    /// Ends a hold, whatever it was for, leaving the canonical value.
    pub(super) fn release(&mut self, record: &mut Record, unit: &[FieldId], by: &str) {
        let mut quiet = true;
        for field in unit {
            if let Some(state) = record.field_mut(*field) {
                if let Some(hold) = state.hold.take() {
                    quiet &= matches!(hold.reason, HoldReason::AwaitingParent { .. });
                }
                state.bounces = Bounces::default();
            }
        }
        if !quiet {
            let what = What::Released { field: unit.first().copied(), by: by.into() };
            self.journal(Some(record.id), None, what);
        }
    }
}

/// A field that waits before any side could tell its value.
fn placeholder(at: Timestamp) -> FieldState {
    FieldState {
        value: Value::Null,
        provenance: Provenance { side: None, at, entry: 0 },
        hold: None,
        bounces: Bounces::default(),
        trail: Vec::new(),
    }
}

/// Puts or replaces a side's contribution, in side order.
fn contender(contenders: &mut Vec<Contender>, side: SideId, value: &Value, at: Timestamp) {
    let new = Contender { side, value: value.clone(), at };
    match contenders.binary_search_by_key(&side, |known| known.side) {
        Ok(place) => {
            if let Some(known) = contenders.get_mut(place) {
                *known = new;
            }
        }
        Err(place) => contenders.insert(place, new),
    }
}

pub(super) fn first_hold<'r>(record: &'r Record, unit: &[FieldId]) -> Option<&'r Hold> {
    unit.iter().filter_map(|field| record.field(*field)?.hold.as_deref()).next()
}

fn first_side(record: &Record, unit: &[FieldId]) -> Option<SideId> {
    unit.iter().filter_map(|field| record.field(*field)?.provenance.side).next()
}

pub(super) fn hold_base(record: &Record, unit: &[FieldId]) -> Option<Values> {
    let known = |field: &FieldId| {
        let hold = record.field(*field)?.hold.as_ref()?;
        Some((*field, hold.base.clone()?))
    };
    let base: Values = unit.iter().filter_map(known).collect();
    (!base.is_empty()).then_some(base)
}

pub(super) fn contender_values(record: &Record, unit: &[FieldId], side: SideId) -> Values {
    let value = |field: &FieldId| {
        let hold = record.field(*field)?.hold.as_ref()?;
        let contender = hold.contenders.iter().find(|c| c.side == side)?;
        Some((*field, contender.value.clone()))
    };
    unit.iter().filter_map(value).collect()
}

/// All who disagree show the same, and the canonical value is one of theirs or that.
fn contenders_agree(state: &FieldState) -> bool {
    let Some(hold) = &state.hold else {
        return true;
    };
    let Some(first) = hold.contenders.first() else {
        return true;
    };
    let owner_contends = state.provenance.side.is_some_and(|side| hold.contenders.iter().any(|c| c.side == side));
    (owner_contends || first.value.same_meaning(&state.value))
        && hold.contenders.iter().all(|other| other.value.same_meaning(&first.value))
}

fn set_reason(record: &mut Record, unit: &[FieldId], reason: &HoldReason) {
    for field in unit {
        if let Some(hold) = record.field_mut(*field).and_then(|s| s.hold.as_mut()) {
            hold.reason = reason.clone();
        }
    }
}
