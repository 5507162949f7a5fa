//! What became of writes.

use crate::{
    change::{Row, Version},
    journal::{FieldChange, What, Wrote},
    key::Key,
    record::{FieldId, Life, Link, Presence, Record, RecordId, SideId},
    spec::SideSpec,
    value::Value,
    write::{Action, Outcome, Overwritten, Rejection},
};

use super::{
    Planner, Sent, Settled, Workset,
    absorb::{advance, take_version},
    cells::{Cells, Told},
    merge::Tray,
};

/// How long to wait before asking a side again that was not there.
const UNAVAILABLE_RETRY_MS: u32 = 1_000;

impl Planner<'_> {
    /// What became of a write.
    pub fn settle(&mut self, set: &mut Workset, side: SideId, sent: &Sent, outcome: &Outcome) -> Settled {
        let Some(side) = self.spec.side(side) else {
            return Settled::Done;
        };
        match outcome {
            Outcome::Throttled { retry_after_ms } => {
                return Settled::Retry { after_ms: *retry_after_ms };
            }
            Outcome::Unavailable { .. } => {
                return Settled::Retry { after_ms: UNAVAILABLE_RETRY_MS };
            }
            Outcome::Unknown { .. } => return Settled::Refetch(sent.intent.key.clone()),
            Outcome::Gone if sent.intent.action == Action::Create => {
                return Settled::Refetch(None);
            }
            _ => {}
        }
        let Some(mut record) = set.take(sent.record) else {
            return Settled::Done;
        };
        self.tell_anew(&record);
        match outcome {
            Outcome::Applied(row) => self.applied(set, &mut record, side, sent, row),
            Outcome::Overwrote(row, foreign) => {
                self.overwrote(&mut record, side, sent, foreign);
                self.applied(set, &mut record, side, sent, row);
            }
            Outcome::Conflict(row) => self.refuted(set, &mut record, side, sent, row),
            Outcome::Duplicate(row) => self.duplicate(set, &mut record, side, sent, row),
            Outcome::Gone => self.gone(&mut record, side),
            Outcome::Rejected(rejection) => {
                self.refused(&mut record, side.id, sent, rejection.clone());
            }
            Outcome::Throttled { .. } | Outcome::Unavailable { .. } | Outcome::Unknown { .. } => {}
        }
        self.put_changed(set, record);
        Settled::Done
    }

    /// A row that was looked for, because a create of it may have been sent before the
    /// record died, is not there.
    pub fn absent(&mut self, set: &mut Workset, record: RecordId, side: SideId) {
        let Some(mut record) = set.take(record) else {
            return;
        };
        if never_made(&mut record, side) {
            self.tell_anew(&record);
            self.put_changed(set, record);
        } else {
            set.put_back(record);
        }
    }

    fn refused(&mut self, record: &mut Record, side: SideId, sent: &Sent, rejection: Rejection) {
        if never_made(record, side) {
            return;
        }
        let values = sent.fields.iter().map(|(field, _, native)| (*field, native.clone())).collect();
        self.quarantine(record, side, sent.intent.action, rejection, values);
    }

    fn gone(&mut self, record: &mut Record, side: &SideSpec) {
        if record.link(side.id).is_some_and(Link::is_live) {
            self.row_gone(record, side, &Version::default(), self.now);
        }
    }

    fn applied(&mut self, set: &mut Workset, record: &mut Record, side: &SideSpec, sent: &Sent, row: &Row) {
        self.journal_written(record, side, sent, row);
        match sent.intent.action {
            Action::Create => self.created(set, record, side, sent, row),
            Action::Update => self.updated(set, record, side, sent, row),
            Action::Delete => {
                if let Some(link) = record.link_mut(side.id) {
                    link.presence = Presence::Deleted;
                    link.written.clear();
                    take_version(link, &row.version);
                }
            }
        }
    }

    fn journal_written(&mut self, record: &Record, side: &SideSpec, sent: &Sent, row: &Row) {
        let before = |field: FieldId| {
            let column = side.field(field)?.column;
            sent.intent.expected.get(column)?.clone()
        };
        let changes = sent
            .fields
            .iter()
            .map(|(field, _, native)| Wrote { field: *field, before: before(*field), after: native.clone() })
            .collect();
        let key = sent.intent.key.clone().or_else(|| Some(row.key.clone()));
        let what = What::Written { action: sent.intent.action, key, changes };
        self.journal(Some(record.id), Some(side.id), what);
    }

    fn updated(&mut self, set: &mut Workset, record: &mut Record, side: &SideSpec, sent: &Sent, row: &Row) {
        let Some(link) = record.link_mut(side.id).filter(|link| link.is_live()) else {
            return;
        };
        // Something newer is known of the row already: it stands.
        let older = row.version.is_stale_against(&link.version) && row.version != link.version;
        if older {
            self.remember_as_stored(record, side, sent, row);
            return;
        }
        self.remember(record, side, sent, row);
        if let Some(link) = record.link_mut(side.id) {
            take_version(link, &row.version);
        }
        self.follow_key(set, record, side, row);
        let layout = self.layout(side, None);
        let told = Told {
            key: &row.key,
            cells: Cells::new(layout, &row.cells),
            version: &row.version,
            at: row.at.unwrap_or(self.now),
        };
        self.absorb_live(record, side, &told);
    }

    /// The row in an outcome is under another key than the one asked for.
    fn follow_key(&mut self, set: &mut Workset, record: &mut Record, side: &SideSpec, row: &Row) {
        let known = record.link(side.id).and_then(|link| link.key.as_ref());
        if known.is_some_and(|known| *known != row.key) {
            self.rekey(set, record, side, row.key.clone(), &row.version);
        }
    }

    /// Takes down what was written and what was stored of it.
    fn remember(&mut self, record: &mut Record, side: &SideSpec, sent: &Sent, row: &Row) {
        let layout = self.layout(side, None);
        let cells = Cells::new(layout, &row.cells);
        let Some(link) = record.link_mut(side.id) else {
            return;
        };
        for (field, _, native) in &sent.fields {
            let stored = cells.get(*field).unwrap_or(native);
            link.observe(*field, stored.clone());
            if stored != native {
                link.wrote(*field, native.clone());
            }
        }
    }

    /// An answer older than what is known still tells how the side stores what was
    /// written, where the newer shows just that. Without it the same would be
    /// written again and again.
    fn remember_as_stored(&mut self, record: &mut Record, side: &SideSpec, sent: &Sent, row: &Row) {
        let layout = self.layout(side, None);
        let cells = Cells::new(layout, &row.cells);
        let Some(link) = record.link_mut(side.id) else {
            return;
        };
        for (field, _, native) in &sent.fields {
            let Some(stored) = cells.get(*field).filter(|stored| link.observed(*field) == Some(*stored)) else {
                continue;
            };
            link.observe(*field, stored.clone());
            if stored != native {
                link.wrote(*field, native.clone());
            }
        }
    }

    fn created(&mut self, set: &mut Workset, record: &mut Record, side: &SideSpec, sent: &Sent, row: &Row) {
        if record.link(side.id).is_some_and(Link::is_live) {
            // The stream told of the row first.
            self.updated(set, record, side, sent, row);
            return;
        }
        let mut seen = None;
        if let Some(other) = set.by_key(side.id, &row.key).filter(|id| *id != record.id) {
            match self.take_over(set, side.id, other, record.id) {
                Ok(link) => seen = link,
                Err(Owned) => return self.clash(record, side.id, Action::Create, &row.key, other),
            }
        }
        let former = record.link(side.id).and_then(|link| Some((link.key.clone()?, link.version.clone())));
        if let Some((key, version)) = former.filter(|(key, _)| *key != row.key) {
            self.bury_key(set, side.id, key, version);
        }
        let mut link = Link::new(side.id, Some(row.key.clone()), Presence::Live);
        link.observed = vec![None; self.spec.fields.len()];
        advance(&mut link, &row.version);
        record.insert_link(link);
        self.remember(record, side, sent, row);
        self.absorb_defaults(record, side, row);
        if let Some(seen) = seen {
            self.absorb_seen(record, side, &seen, row);
        }
    }

    /// What the stream told of a created row before its outcome was known, if
    /// it is newer than that.
    fn absorb_seen(&mut self, record: &mut Record, side: &SideSpec, seen: &Link, row: &Row) {
        if seen.version.is_stale_against(&row.version) {
            return;
        }
        let mut cells = vec![None; side.columns.len()];
        for field in self.spec.fields() {
            let place = side.field(field.id).and_then(|here| cells.get_mut(here.column));
            if let Some(place) = place {
                *place = seen.observed(field.id).cloned();
            }
        }
        let layout = self.layout(side, None);
        let cells = Cells::new(layout, &cells);
        let told = Told { key: &row.key, cells, version: &seen.version, at: self.now };
        self.absorb_live(record, side, &told);
    }

    /// Columns a create left out hold what the side gave them. That is nobody's
    /// edit: it is taken only where nothing is agreed yet.
    fn absorb_defaults(&mut self, record: &mut Record, side: &SideSpec, row: &Row) {
        let layout = self.layout(side, None);
        let cells = Cells::new(layout, &row.cells);
        let mut tray = Tray::new(side.id, row.at.unwrap_or(self.now));
        let spec = self.spec;
        for unit in spec.units() {
            let told = unit.iter().any(|field| record.field(*field).is_some());
            if told {
                let Some(link) = record.link_mut(side.id) else {
                    continue;
                };
                for field in unit {
                    if let (None, Some(shown)) = (link.observed(*field), cells.get(*field)) {
                        link.observe(*field, shown.clone());
                    }
                }
            } else {
                self.absorb_unit(record, side, unit, &|field| cells.get(field), &mut tray);
            }
        }
        self.empty_tray(record, tray);
    }

    /// Makes way for a record whose own create made a row that was taken for a
    /// new record: possible while that record is nothing but the row. Gives
    /// what was seen of the row, if it lives.
    pub(super) fn take_over(
        &mut self,
        set: &mut Workset,
        side: SideId,
        other: RecordId,
        taker: RecordId,
    ) -> Result<Option<Link>, Owned> {
        let Some(found) = set.get(other) else {
            return Ok(None);
        };
        let tombstone = !found.link(side).is_some_and(Link::is_live);
        let only_here = found.links.iter().all(|link| link.side == side);
        if !tombstone && !only_here {
            return Err(Owned);
        }
        let Some(mut found) = set.take(other) else {
            return Ok(None);
        };
        self.touch(&found);
        let mut seen = None;
        if tombstone {
            if let Some(link) = found.link_mut(side) {
                link.key = None;
            }
        } else {
            self.lift_refusals(&mut found);
            seen = found.links.pop();
            found.life = Life::Deleted { by: None, at: self.now };
            let by = format!("it is the row of record {}", taker.0);
            self.journal(Some(other), Some(side), What::Released { field: None, by });
        }
        self.put_changed(set, found);
        Ok(seen)
    }

    /// Nothing was written: the row is not what it was thought to be.
    fn refuted(&mut self, set: &mut Workset, record: &mut Record, side: &SideSpec, sent: &Sent, row: &Row) {
        if !record.link(side.id).is_some_and(Link::is_live) {
            if sent.intent.action == Action::Create {
                self.duplicate(set, record, side, sent, row);
            } else {
                let cells = Cells::new(self.layout(side, None), &row.cells);
                let at = row.at.unwrap_or(self.now);
                let told = Told { key: &row.key, cells, version: &row.version, at };
                self.keep_answer(record, side, &told);
            }
            return;
        }
        let link = record.link(side.id);
        if link.is_some_and(|link| row.version.is_stale_against(&link.version) && row.version != link.version) {
            return;
        }
        let explained = sent
            .intent
            .expected
            .iter()
            .zip(&row.cells)
            .any(|(expected, found)| expected.is_some() && found.is_some() && expected != found);
        self.follow_key(set, record, side, row);
        let layout = self.layout(side, None);
        let told = Told {
            key: &row.key,
            cells: Cells::new(layout, &row.cells),
            version: &row.version,
            at: row.at.unwrap_or(self.now),
        };
        self.absorb_live(record, side, &told);
        if !explained {
            let rejection = Rejection {
                code: "LS-CONFLICT-UNEXPLAINED".into(),
                class: "other".into(),
                message: "the side reports a conflict, but its row holds what was expected".into(),
                columns: Vec::new(),
            };
            self.refused(record, side.id, sent, rejection);
        }
    }

    /// A create found its row there: it is linked with an initial merge, unless
    /// it belongs to another record.
    fn duplicate(&mut self, set: &mut Workset, record: &mut Record, side: &SideSpec, sent: &Sent, row: &Row) {
        if record.link(side.id).is_some_and(Link::is_live) {
            return self.updated(set, record, side, &nothing_sent(sent), row);
        }
        let holder = set.by_key(side.id, &row.key).filter(|id| *id != record.id);
        let lives = |id: &RecordId| set.get(*id).and_then(|holder| holder.link(side.id)).is_some_and(Link::is_live);
        if let Some(other) = holder.filter(lives) {
            self.clash(record, side.id, sent.intent.action, &row.key, other);
            return;
        }
        let what = What::Linked { key: row.key.clone() };
        self.journal(Some(record.id), Some(side.id), what);
        let layout = self.layout(side, None);
        let told = Told {
            key: &row.key,
            cells: Cells::new(layout, &row.cells),
            version: &row.version,
            at: row.at.unwrap_or(self.now),
        };
        let mut tray = Tray::new(side.id, told.at);
        let key: Key = row.key.clone();
        self.attach(set, record, side, &key, &told, &mut tray);
        self.attached(record, side, tray);
    }

    /// Foreign values that a write displaced are absorbed as if they had been
    /// seen before it.
    fn overwrote(&mut self, record: &mut Record, side: &SideSpec, sent: &Sent, foreign: &[Overwritten]) {
        let mut found: Vec<(FieldId, &Overwritten)> = Vec::new();
        for overwritten in foreign {
            let field = self.spec.fields().find(|field| {
                side.field(field.id).is_some_and(|here| side.columns.get(here.column) == Some(&overwritten.column))
            });
            let Some(field) = field else {
                continue;
            };
            found.push((field.id, overwritten));
            // The foreign edit was made on what the write expected to find.
            let column = side.field(field.id).map_or(0, |here| here.column);
            if let (Some(Some(expected)), Some(link)) = (sent.intent.expected.get(column), record.link_mut(side.id)) {
                link.observe(field.id, expected.clone());
            }
        }
        let spec = self.spec;
        let mut edited = false;
        for unit in spec.units() {
            let cell = |field: FieldId| -> Option<&Value> {
                let (_, overwritten) = found.iter().find(|(id, _)| *id == field)?;
                Some(&overwritten.value)
            };
            let Some((first, _)) = found.iter().find(|(id, _)| unit.contains(id)) else {
                continue;
            };
            let told = found.iter().find(|(id, _)| id == first);
            let at = told.and_then(|(_, overwritten)| overwritten.at);
            let mut tray = Tray::new(side.id, at.unwrap_or(self.now));
            self.absorb_unit(record, side, unit, &cell, &mut tray);
            edited |= tray.edited;
            self.empty_tray(record, tray);
        }
        if edited {
            self.edited_after_delete(record, side);
        }
        for (field, overwritten) in found {
            let change = FieldChange {
                field,
                before: Some(overwritten.value.clone()),
                after: record.field(field).map_or(Value::Null, |state| state.value.clone()),
            };
            let what = What::Overwrote { by: overwritten.by.clone(), changes: vec![change] };
            self.journal(Some(record.id), Some(side.id), what);
        }
    }
}

/// The record is dead, and no row of it was made at the side. False: it is not dead,
/// or has a row there.
fn never_made(record: &mut Record, side: SideId) -> bool {
    let dead = matches!(record.life, Life::Deleted { .. });
    let Some(link) = record.link_mut(side).filter(|link| dead && link.presence == Presence::Uncertain) else {
        return false;
    };
    link.presence = Presence::Deleted;
    if link.key.is_none() {
        record.links.retain(|link| link.side != side);
    }
    true
}

/// The row belongs to a record that is more than the row.
pub(super) struct Owned;

fn nothing_sent(sent: &Sent) -> Sent {
    Sent { fields: Vec::new(), ..sent.clone() }
}
