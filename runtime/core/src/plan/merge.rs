//! What one side shows, merged field by field into what is agreed: three-way,
//! the base being what that side last agreed to.

use std::hash::{Hash, Hasher};

use crate::{
    code::{Claimant, Contested, Dispute},
    journal::{Contribution, FieldChange, Resolution, What},
    policy::{self, Claim, Contest, Verdict},
    record::{Bounces, FieldId, FieldState, HoldReason, Provenance, Record, SideId, TRAIL_MAX},
    spec::{Policy, SideSpec},
    value::{Timestamp, Value},
};

use super::{
    Planner,
    cells::Cells,
    standing::{Lifted, Projected, Stand, is_held, lift, others, project, stand},
};

/// Two edits of different sides further apart than this are not ping-pong.
const BOUNCE_WINDOW_US: u64 = 60_000_000;
/// Rewrites in a row, each with a value never seen before, after which a field
/// is held. Recurring values weigh so much that [`crate::spec::SyncSpec::bounces_max`]
/// of them are borne.
const BOUNCES_FUSE: u16 = 2_000;

/// What absorbing one row has brought so far.
#[derive(Debug)]
pub(super) struct Tray {
    pub side: SideId,
    /// When the side made the edit, or else now.
    pub at: Timestamp,
    /// First copies are summed up and not journaled field by field.
    pub quiet: bool,
    /// The side shows something it had not shown before.
    pub news: bool,
    /// What it shows is an edit of its own.
    pub edited: bool,
    pub changes: Vec<FieldChange>,
    pub changes_entry: u64,
    pub resolutions: Vec<Resolution>,
    pub resolutions_entry: u64,
}

impl Tray {
    pub(super) fn new(side: SideId, at: Timestamp) -> Self {
        Tray {
            side,
            at,
            quiet: false,
            news: false,
            edited: false,
            changes: Vec::new(),
            changes_entry: 0,
            resolutions: Vec::new(),
            resolutions_entry: 0,
        }
    }
}

/// The fields of a unit that are mapped at the side, with what it shows.
pub(super) struct Shown<'u> {
    pub unit: &'u [FieldId],
    pub values: Vec<(FieldId, Value)>,
}

impl Shown<'_> {
    pub(super) fn fields(&self) -> impl Iterator<Item = FieldId> + '_ {
        self.values.iter().map(|(field, _)| *field)
    }
}

impl Planner<'_> {
    /// Merges what a row tells into the record. The link of the side exists.
    pub(super) fn absorb_cells(&mut self, record: &mut Record, side: &SideSpec, cells: &Cells<'_>, tray: &mut Tray) {
        let spec = self.spec;
        for unit in spec.units() {
            self.absorb_unit(record, side, unit, &|field| cells.get(field), tray);
        }
    }

    pub(super) fn absorb_unit<'c>(
        &mut self,
        record: &mut Record,
        side: &SideSpec,
        unit: &[FieldId],
        cell: &dyn Fn(FieldId) -> Option<&'c Value>,
        tray: &mut Tray,
    ) {
        let Some(seen) = self.observe_unit(record, side, unit, cell) else {
            return;
        };
        tray.news = true;
        if !seen.readable {
            return;
        }
        let held = is_held(record, unit);
        let shown = match self.lift_unit(record, side, unit) {
            Ok(shown) => shown,
            Err((reason, raw)) => {
                self.hold_stuck(record, &raw, reason, seen.base, tray);
                return;
            }
        };
        if held {
            self.contend(record, &shown, tray);
        } else if seen.unseen {
            self.contest(record, &shown, None, tray);
        } else if let Some(base) = seen.base {
            self.contest(record, &shown, Some(base), tray);
        } else {
            self.fast_forward(record, &shown, tray);
        }
    }

    /// Takes down what the side shows now. `None`: nothing new.
    fn observe_unit<'c>(
        &mut self,
        record: &mut Record,
        side: &SideSpec,
        unit: &[FieldId],
        cell: &dyn Fn(FieldId) -> Option<&'c Value>,
    ) -> Option<Seen> {
        let (spec, refs) = (self.spec, self.refs);
        let link = record.link(side.id)?;
        let mut seen = Seen::default();
        let mut news = false;
        let mut pending = false;
        for field in unit {
            let Some(here) = side.field(*field) else {
                continue;
            };
            if let Some(native) = cell(*field)
                && link.observed(*field) != Some(native)
            {
                news = true;
                seen.readable |= here.reads;
                seen.unseen |= link.observed(*field).is_none();
            }
        }
        if !news {
            return None;
        }
        for field in unit {
            pending |= stand(spec, refs, record, link, side, *field) == Stand::Pending;
        }
        if pending && !seen.unseen {
            let base = |field: &FieldId| {
                side.field(*field)?;
                match lift(spec, refs, side, *field, link.acknowledged(*field)?) {
                    Lifted::Value(value) => Some((*field, value)),
                    Lifted::Waiting(_) | Lifted::Uncastable(_) => None,
                }
            };
            seen.base = Some(unit.iter().filter_map(base).collect());
        }
        let link = record.link_mut(side.id)?;
        for field in unit {
            if let Some(native) = cell(*field)
                && side.field(*field).is_some()
                && link.observed(*field) != Some(native)
            {
                link.observe(*field, native.clone());
            }
        }
        Some(seen)
    }

    /// What the side shows of a unit, in canonical form, or why it has none.
    pub(super) fn lift_unit<'u>(
        &self,
        record: &Record,
        side: &SideSpec,
        unit: &'u [FieldId],
    ) -> Result<Shown<'u>, (HoldReason, Shown<'u>)> {
        let mut stuck = None;
        let mut values = Vec::with_capacity(unit.len());
        for field in unit {
            let observed = record.link(side.id).and_then(|link| link.observed(*field));
            let (Some(native), Some(_)) = (observed, side.field(*field)) else {
                continue;
            };
            match lift(self.spec, self.refs, side, *field, native) {
                Lifted::Value(value) => values.push((*field, value)),
                Lifted::Waiting(key) => {
                    values.push((*field, native.clone()));
                    let side = side.id;
                    stuck.get_or_insert(HoldReason::AwaitingParent { side, key });
                }
                Lifted::Uncastable(message) => {
                    values.push((*field, native.clone()));
                    stuck = Some(HoldReason::Uncastable { message });
                }
            }
        }
        let shown = Shown { unit, values };
        match stuck {
            None => Ok(shown),
            Some(reason) => Err((reason, shown)),
        }
    }

    /// The side had agreed before: what it shows becomes what is agreed.
    fn fast_forward(&mut self, record: &mut Record, shown: &Shown<'_>, tray: &mut Tray) {
        if agrees(record, shown) {
            return;
        }
        if self.bounces(record, shown, tray) {
            self.hold_ping_pong(record, shown, tray);
            return;
        }
        self.take(record, shown, tray);
    }

    /// The incoming value becomes canonical as this side's edit.
    pub(super) fn take(&mut self, record: &mut Record, shown: &Shown<'_>, tray: &mut Tray) {
        tray.edited = true;
        let entry = self.changes_entry(tray);
        let provenance = Provenance { side: Some(tray.side), at: tray.at, entry };
        let changes = self.assign(record, shown, &provenance);
        tray.changes.extend(changes);
        self.check_projection(record, shown.unit, tray.side);
    }

    /// The loop breaker: another side's value, agreed here a moment ago, is
    /// replaced at once. Systems that rewrite each other come back to the same
    /// few values, people at two sides hardly ever do: a value that was agreed
    /// before weighs much, ever new ones weigh little. True: often enough.
    fn bounces(&mut self, record: &mut Record, shown: &Shown<'_>, tray: &Tray) -> bool {
        let recurrence = (BOUNCES_FUSE / (u16::from(self.spec.bounces_max) + 1)).max(1);
        let mut tripped = false;
        for (field, value) in &shown.values {
            let Some(state) = record.field_mut(*field) else {
                continue;
            };
            if state.value.same_meaning(value) {
                continue;
            }
            let foreign = state.provenance.side.is_some_and(|side| side != tray.side);
            let near = state.provenance.at.0.abs_diff(tray.at.0) <= BOUNCE_WINDOW_US;
            tripped |= match foreign && near {
                true => bounce(state, value, recurrence),
                false => {
                    state.bounces = Bounces::default();
                    false
                }
            };
        }
        tripped
    }

    /// The side had not agreed to what is canonical and shows something of its
    /// own. `base`: what it last agreed to; none when the row is linked anew.
    pub(super) fn contest(
        &mut self,
        record: &mut Record,
        shown: &Shown<'_>,
        base: Option<Vec<(FieldId, Value)>>,
        tray: &mut Tray,
    ) {
        let rule = self.rule(shown.unit, base.is_none()).clone();
        if agrees(record, shown) {
            if let Some(base) = base {
                self.note_same_edit(record, shown, &base, &rule, tray);
            }
            return;
        }
        if shown.fields().all(|field| record.field(field).is_none()) {
            return self.take(record, shown, tray);
        }
        match &base {
            Some(base) if lags(record, shown, base) => {
                self.note_same_edit(record, shown, base, &rule, tray);
                return;
            }
            // The row of a create whose answer was lost.
            None if is_former(record, shown) => return,
            Some(_) | None => {}
        }
        let (verdict, by) = match owns(record, shown, tray.side) {
            true if base.is_none() => return self.take(record, shown, tray),
            // A write of ours had overwritten it there: whoever edits on top of
            // that has not seen it.
            true => (Verdict::Incoming, "later at the same side".to_owned()),
            false => self.judge(record, shown, base.as_deref(), &rule, tray),
        };
        self.tally.conflicts += 1;
        tray.edited = true;
        let entry = self.resolutions_entry(tray);
        let outcome = match &verdict {
            Verdict::Hold => None,
            Verdict::Incumbent => Some(canonical(record, shown)),
            Verdict::Incoming => Some(shown.values.clone()),
            Verdict::Merged(value) => {
                let field = shown.fields().next().unwrap_or(FieldId(0));
                Some(vec![(field, value.clone())])
            }
        };
        let resolutions = resolutions(record, shown, base.as_deref(), outcome.as_deref(), &by, tray);
        tray.resolutions.extend(resolutions);
        match (outcome, verdict_side(record, shown, tray)) {
            (None, _) => self.hold_conflict(record, shown, base, entry, tray),
            (Some(values), (incumbent_side, incumbent_at)) => {
                let (side, at) = match verdict {
                    Verdict::Incoming => (Some(tray.side), tray.at),
                    Verdict::Merged(_) => (None, tray.at.max(incumbent_at)),
                    _ => (incumbent_side, incumbent_at),
                };
                let provenance = Provenance { side, at, entry };
                let decided = Shown { unit: shown.unit, values };
                self.assign(record, &decided, &provenance);
                self.check_projection(record, shown.unit, tray.side);
            }
        }
    }

    /// Equal values count once, also for counters; where that drops a
    /// contribution it is journaled.
    fn note_same_edit(
        &mut self,
        record: &Record,
        shown: &Shown<'_>,
        base: &[(FieldId, Value)],
        rule: &Policy,
        tray: &mut Tray,
    ) {
        let moved = shown.values.iter().any(|(field, value)| of(base, *field).is_some_and(|b| !b.same_meaning(value)));
        if *rule != Policy::SumDeltas || !moved {
            return;
        }
        self.resolutions_entry(tray);
        let outcome = canonical(record, shown);
        let found = resolutions(record, shown, Some(base), Some(&outcome), "same edit", tray);
        tray.resolutions.extend(found);
    }

    /// The policy for a unit. A group takes the first one said on its fields.
    pub(super) fn rule(&self, unit: &[FieldId], initial: bool) -> &Policy {
        let spec = self.spec;
        let said = unit.iter().filter_map(|field| spec.field(*field));
        let own = said
            .filter_map(|field| match initial {
                true => field.initial.as_ref(),
                false => field.conflict.as_ref(),
            })
            .next();
        own.unwrap_or(match initial {
            true => &spec.initial,
            false => &spec.conflict,
        })
    }

    /// Decides a unit as one. A value made of both is only ever of one field.
    pub(super) fn judge(
        &self,
        record: &Record,
        shown: &Shown<'_>,
        base: Option<&[(FieldId, Value)]>,
        rule: &Policy,
        tray: &Tray,
    ) -> (Verdict, String) {
        let differing = shown
            .values
            .iter()
            .find(|(field, value)| !record.field(*field).is_some_and(|state| state.value.same_meaning(value)));
        let Some((field, value)) = differing else {
            return (Verdict::Incumbent, "same edit".into());
        };
        let (side, at) = verdict_side(record, shown, tray);
        let null = Value::Null;
        let dispute = rule.asks_code().then(|| self.dispute(record, shown, base, (side, at), tray));
        let contest = Contest {
            dispute: dispute.as_ref(),
            base: base.and_then(|base| of(base, *field)),
            incumbent: Claim { side, at, value: record.field(*field).map_or(&null, |state| &state.value) },
            incoming: Claim { side: Some(tray.side), at: tray.at, value },
            grouped: shown.unit.len() > 1,
            skew_tolerance_ms: self.spec.skew_tolerance_ms,
        };
        let words = policy::describe(self.spec, rule);
        match policy::resolve(rule, &contest) {
            Ok(verdict) => (verdict, words),
            Err(why) => (Verdict::Hold, format!("{words}: {why}")),
        }
    }

    /// What a component is told of a conflict.
    fn dispute<'a>(
        &'a self,
        record: &'a Record,
        shown: &'a Shown<'_>,
        base: Option<&'a [(FieldId, Value)]>,
        incumbent: (Option<SideId>, Timestamp),
        tray: &Tray,
    ) -> Dispute<'a> {
        let spec = self.spec;
        let name = |field: FieldId| spec.field(field).map_or("", |field| &*field.name);
        let known = |field: FieldId| record.field(field).map_or(&Value::Null, |state| &state.value);
        let claimant = |side: Option<SideId>, at: Timestamp| Claimant {
            side: side.and_then(|side| spec.side(side)).map_or("", |side| &*side.name),
            at,
        };
        let contested = |field: &FieldId| Contested {
            field: name(*field),
            base: base.and_then(|base| of(base, *field)),
            incumbent: known(*field),
            incoming: of(&shown.values, *field).unwrap_or(known(*field)),
        };
        Dispute {
            sync: &spec.name,
            incumbent: claimant(incumbent.0, incumbent.1),
            incoming: claimant(Some(tray.side), tray.at),
            fields: shown.unit.iter().map(contested).collect(),
            record: spec.fields().map(|field| (&*field.name, known(field.id))).collect(),
        }
    }

    /// Sets canonical values, remembering the former ones for sides that lag behind.
    pub(super) fn assign(
        &mut self,
        record: &mut Record,
        shown: &Shown<'_>,
        provenance: &Provenance,
    ) -> Vec<FieldChange> {
        let mut changes = Vec::new();
        let moves = !agrees(record, shown);
        for field in shown.unit {
            let value = of(&shown.values, *field);
            match (record.field_mut(*field), value) {
                (Some(state), value) => {
                    let value = value.unwrap_or(&state.value).clone();
                    if moves {
                        push_trail(&mut state.trail, state.value.clone());
                    }
                    if !state.value.same_meaning(&value) {
                        let before = std::mem::replace(&mut state.value, value.clone());
                        changes.push(FieldChange { field: *field, before: Some(before), after: value });
                    }
                    state.provenance = provenance.clone();
                }
                (None, Some(value)) => {
                    let state = FieldState {
                        value: value.clone(),
                        provenance: provenance.clone(),
                        hold: None,
                        bounces: Bounces::default(),
                        trail: Vec::new(),
                    };
                    record.set_field(*field, state);
                    changes.push(FieldChange { field: *field, before: None, after: value.clone() });
                }
                (None, None) => {}
            }
        }
        if !changes.is_empty() {
            self.lift_refusals(record);
        }
        changes
    }

    /// A value that some side cannot take is held, with that said.
    pub(super) fn check_projection(&mut self, record: &mut Record, unit: &[FieldId], from: SideId) {
        let spec = self.spec;
        for field in unit {
            let Some(field_spec) = spec.field(*field) else {
                continue;
            };
            for side in others(spec, from) {
                let writes = side.field(*field).is_some_and(|here| here.writes_create || here.writes_update);
                let Some(state) = record.field(*field).filter(|_| writes) else {
                    continue;
                };
                if let Projected::Uncastable(message) = project(self.refs, side, field_spec, &state.value) {
                    let message = format!("{} cannot take it: {message}", side.name);
                    self.hold_unprojectable(record, unit, *field, side, from, message);
                    return;
                }
            }
        }
    }

    pub(super) fn changes_entry(&mut self, tray: &mut Tray) -> u64 {
        if tray.changes_entry == 0 && !tray.quiet {
            tray.changes_entry = self.reserve();
        }
        tray.changes_entry
    }

    pub(super) fn resolutions_entry(&mut self, tray: &mut Tray) -> u64 {
        if tray.resolutions_entry == 0 {
            tray.resolutions_entry = self.reserve();
        }
        tray.resolutions_entry
    }

    /// Journals what a tray gathered, as an edit of its side.
    pub(super) fn empty_tray(&mut self, record: &Record, tray: Tray) {
        let edited_at = tray.at;
        let changes = tray.changes;
        self.empty_tray_as(
            record,
            tray.side,
            (tray.changes_entry, What::Absorbed { edited_at, changes }),
            (tray.resolutions_entry, tray.resolutions),
        );
    }

    pub(super) fn empty_tray_as(
        &mut self,
        record: &Record,
        side: SideId,
        told: (u64, What),
        decided: (u64, Vec<Resolution>),
    ) {
        if told.0 != 0 {
            self.tally.absorbed += 1;
            self.write_entry(told.0, Some(record.id), Some(side), told.1);
        }
        if decided.0 != 0 {
            let resolutions = decided.1;
            self.write_entry(decided.0, Some(record.id), Some(side), What::Conflict { resolutions });
        }
    }
}

/// How a unit stood at the side before a row was taken down.
#[derive(Debug, Default)]
struct Seen {
    /// Something the side may decide about has changed.
    readable: bool,
    /// Something is seen there for the first time.
    unseen: bool,
    /// What it last agreed to, when it had not agreed to what is canonical.
    base: Option<Vec<(FieldId, Value)>>,
}

pub(super) fn of(values: &[(FieldId, Value)], field: FieldId) -> Option<&Value> {
    values.iter().find(|(id, _)| *id == field).map(|(_, value)| value)
}

/// Whether what a side shows means what is canonical, in every field.
pub(super) fn agrees(record: &Record, shown: &Shown<'_>) -> bool {
    shown.values.iter().all(|(field, value)| record.field(*field).is_some_and(|state| state.value.same_meaning(value)))
}

/// Whether all that would be replaced is this side's own: it has seen that.
fn owns(record: &Record, shown: &Shown<'_>, side: SideId) -> bool {
    shown.values.iter().all(|(field, value)| {
        record.field(*field).is_none_or(|state| state.provenance.side == Some(side) || state.value.same_meaning(value))
    })
}

/// Whether the side only shows a value that was canonical after what it last
/// agreed to: an acknowledgement got lost, or this state is an older one.
fn lags(record: &Record, shown: &Shown<'_>, base: &[(FieldId, Value)]) -> bool {
    let at = |index: usize, values: &[(FieldId, Value)]| {
        shown.fields().all(|field| {
            let former = record.field(field).and_then(|state| state.trail.get(index));
            match (former, of(values, field)) {
                (Some(former), Some(value)) => former.same_meaning(value),
                _ => false,
            }
        })
    };
    let length =
        shown.fields().filter_map(|field| record.field(field).map(|state| state.trail.len())).min().unwrap_or(0);
    let Some(agreed) = (0..length).rev().find(|index| at(*index, base)) else {
        return false;
    };
    (agreed + 1..length).any(|index| at(index, &shown.values))
}

/// Whether the side shows what was agreed before, as long as that is remembered.
fn is_former(record: &Record, shown: &Shown<'_>) -> bool {
    let length = shown.fields().filter_map(|field| record.field(field).map(|state| state.trail.len())).min();
    (0..length.unwrap_or(0)).any(|index| {
        shown.values.iter().all(|(field, value)| {
            record
                .field(*field)
                .and_then(|state| state.trail.get(index))
                .is_some_and(|former| former.same_meaning(value))
        })
    })
}

/// Counts one rewrite of a field by another side's value. True: often enough.
fn bounce(state: &mut FieldState, value: &Value, recurrence: u16) -> bool {
    let (old, new) = (fingerprint(&state.value), fingerprint(value));
    let Bounces { weight, seen } = &mut state.bounces;
    let recurs = seen.contains(&new);
    *weight = weight.saturating_add(if recurs { recurrence } else { 1 });
    seen.rotate_right(1);
    if let Some(newest) = seen.first_mut() {
        *newest = old;
    }
    *weight >= BOUNCES_FUSE - BOUNCES_FUSE % recurrence
}

/// Never 0. Equal values have equal ones; that others may too only weighs a little.
fn fingerprint(value: &Value) -> u16 {
    let mut hasher = rustc_hash::FxHasher::default();
    value.hash(&mut hasher);
    let hash = hasher.finish();
    (hash ^ (hash >> 16) ^ (hash >> 32) ^ (hash >> 48)) as u16 | 1
}

fn push_trail(trail: &mut Vec<Value>, value: Value) {
    if trail.len() >= TRAIL_MAX {
        trail.remove(0);
    }
    trail.push(value);
}

fn canonical(record: &Record, shown: &Shown<'_>) -> Vec<(FieldId, Value)> {
    shown
        .fields()
        .map(|field| {
            let value = record.field(field).map(|state| state.value.clone());
            (field, value.unwrap_or(Value::Null))
        })
        .collect()
}

/// Whose the canonical value of a unit is: the latest of its fields'.
pub(super) fn verdict_side(record: &Record, shown: &Shown<'_>, tray: &Tray) -> (Option<SideId>, Timestamp) {
    shown
        .unit
        .iter()
        .filter_map(|field| record.field(*field))
        .map(|state| (state.provenance.side, state.provenance.at))
        .max_by_key(|(_, at)| *at)
        .unwrap_or((None, tray.at))
}

pub(super) fn resolutions(
    record: &Record,
    shown: &Shown<'_>,
    base: Option<&[(FieldId, Value)]>,
    outcome: Option<&[(FieldId, Value)]>,
    rule: &str,
    tray: &Tray,
) -> Vec<Resolution> {
    let resolution = |(field, value): &(FieldId, Value)| {
        let state = record.field(*field);
        let incumbent = match state {
            Some(state) => {
                Contribution { side: state.provenance.side, value: state.value.clone(), at: state.provenance.at }
            }
            None => Contribution { side: None, value: Value::Null, at: tray.at },
        };
        Resolution {
            field: *field,
            base: base.and_then(|base| of(base, *field)).cloned(),
            incumbent,
            incoming: Contribution { side: Some(tray.side), value: value.clone(), at: tray.at },
            result: outcome.and_then(|outcome| of(outcome, *field)).cloned(),
            rule: rule.to_owned(),
        }
    };
    shown.values.iter().map(resolution).collect()
}
