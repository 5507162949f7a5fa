//! Rows that are gone, and what happens when a delete and an edit meet.

use crate::{
    change::Version,
    journal::What,
    key::Key,
    record::{FieldId, Life, Link, Presence, Record, SideId},
    spec::{DeletePolicy, SideSpec},
    value::{Timestamp, Value},
};

use super::{
    Absorbed, Planner, Workset,
    absorb::advance,
    cells::Told,
    filter::is_loose,
    merge::Tray,
    standing::{Stand, stand},
};

impl Planner<'_> {
    pub(super) fn absorb_delete(
        &mut self,
        set: &mut Workset,
        side: &SideSpec,
        key: &Key,
        version: &Version,
        at: Timestamp,
    ) -> Absorbed {
        let Some(id) = set.by_key(side.id, key) else {
            // A page read before the delete may still show the row.
            if self.phase.is_first_copy() && !version.order.is_empty() {
                self.bury_key(set, side.id, key.clone(), version.clone());
            }
            return Absorbed::Done;
        };
        let Some(mut record) = set.take(id) else {
            return Absorbed::Done;
        };
        let known = record.link(side.id);
        if known.is_some_and(|link| version.is_stale_against(&link.version)) {
            self.tally.stale += 1;
            set.put_back(record);
            return Absorbed::Stale;
        }
        if !known.is_some_and(Link::is_live) {
            if let Some(link) = record.link_mut(side.id) {
                advance(link, version);
            }
            set.put_back(record);
            return Absorbed::Done;
        }
        self.touch(&record);
        self.row_gone(&mut record, side, version, at);
        self.put_changed(set, record);
        Absorbed::Done
    }

    /// The side's row is gone: a delete, or an update/delete conflict if the
    /// side had not yet seen an edit.
    pub(super) fn row_gone(&mut self, record: &mut Record, side: &SideSpec, version: &Version, at: Timestamp) {
        self.tally.deleted += 1;
        let loose = is_loose(self.spec, record, side.id);
        let unseen = self.unseen_edit(record, side);
        self.forget_refusal(record, side.id);
        if let Some(link) = record.link_mut(side.id) {
            link.presence = Presence::Deleted;
            link.written.clear();
            advance(link, version);
        }
        let alone = !record.links.iter().any(Link::is_live);
        match &record.life {
            Life::Deleted { .. } => {}
            // It took no part there any more: the others keep what they have.
            Life::Live if loose && !alone => {}
            Life::HeldDelete { by, .. } if alone => {
                let by = *by;
                let what = What::Released { field: None, by: "deleted everywhere".into() };
                self.journal(Some(record.id), Some(side.id), what);
                self.journal_deleted(record, side.id, at);
                record.life = Life::Deleted { by: Some(by), at };
            }
            // It waits on; but edits made since it does may be told nowhere else.
            Life::HeldDelete { .. } => self.journal_deleted(record, side.id, at),
            Life::Ambiguous { .. } => self.delete_record(record, side.id, at),
            Life::Live => match unseen {
                Some(editor) if !alone || editor != Some(side.id) => {
                    self.delete_meets_update(record, side.id, editor, at, None);
                }
                _ => self.delete_record(record, side.id, at),
            },
        }
    }

    fn delete_record(&mut self, record: &mut Record, side: SideId, at: Timestamp) {
        self.journal_deleted(record, side, at);
        record.life = Life::Deleted { by: Some(side), at };
    }

    fn journal_deleted(&mut self, record: &Record, side: SideId, at: Timestamp) {
        let what = What::Deleted { edited_at: at, last: whole(record) };
        self.journal(Some(record.id), Some(side), what);
    }

    /// An edit that the side has not acknowledged, by whose it is.
    fn unseen_edit(&self, record: &Record, side: &SideSpec) -> Option<Option<SideId>> {
        let link = record.link(side.id)?;
        let mut fields = self.spec.fields().filter_map(|field| {
            let here = side.field(field.id)?;
            let state = record.field(field.id)?;
            let unseen = match &state.hold {
                Some(hold) => {
                    let touched = match &hold.base {
                        Some(base) => !base.same_meaning(&state.value),
                        None => !state.value.is_null(),
                    };
                    touched || hold.contenders.iter().any(|other| other.side != side.id)
                }
                None => {
                    here.writes_update && stand(self.spec, self.refs, record, link, side, field.id) == Stand::Pending
                }
            };
            unseen.then_some(state.provenance.side)
        });
        fields.next()
    }

    /// Decides an update/delete conflict. `displaced`: what the loser's edit
    /// was, if not the record as it stands.
    fn delete_meets_update(
        &mut self,
        record: &mut Record,
        deleted_by: SideId,
        updated_by: Option<SideId>,
        at: Timestamp,
        displaced: Option<Vec<(FieldId, Value)>>,
    ) {
        self.tally.conflicts += 1;
        let (kept, rule) = match self.spec.deletes {
            DeletePolicy::UpdateWins => (Some(true), "update-wins"),
            DeletePolicy::DeleteWins => (Some(false), "delete-wins"),
            DeletePolicy::Hold => (None, "hold"),
        };
        let what = What::DeleteConflict {
            deleted_by,
            updated_by,
            kept,
            rule: rule.into(),
            displaced: displaced.unwrap_or_else(|| whole(record)),
        };
        let entry = self.journal(Some(record.id), Some(deleted_by), what);
        record.life = match kept {
            Some(true) => Life::Live,
            Some(false) => Life::Deleted { by: Some(deleted_by), at },
            None => {
                self.tally.held += 1;
                Life::HeldDelete { by: deleted_by, at, entry }
            }
        };
    }

    /// A side edits a row of a record that was deleted elsewhere and has not
    /// been deleted here yet.
    pub(super) fn absorb_update_after_delete(&mut self, record: &mut Record, side: &SideSpec, told: &Told<'_>) {
        let mut tray = Tray::new(side.id, told.at);
        self.absorb_cells(record, side, &told.cells, &mut tray);
        let edited = tray.edited;
        self.empty_tray(record, tray);
        if edited {
            self.edited_after_delete(record, side);
        }
    }

    /// An edit of a record that was deleted elsewhere: an update/delete conflict.
    pub(super) fn edited_after_delete(&mut self, record: &mut Record, side: &SideSpec) {
        let stray = record.links.first().and_then(|link| link.key.clone()).filter(|_| record.is_stray());
        if let Some(key) = stray {
            return self.make_ambiguous(record, side.id, &key, Vec::new());
        }
        if let Life::Deleted { by, at } = record.life {
            self.delete_meets_update(record, by.unwrap_or(side.id), Some(side.id), at, None);
        }
    }
}

/// A record's values, all that are known.
pub(super) fn whole(record: &Record) -> Vec<(FieldId, Value)> {
    let value = |(index, state): (usize, &Option<crate::record::FieldState>)| {
        let field = FieldId(u16::try_from(index).ok()?);
        Some((field, state.as_ref()?.value.clone()))
    };
    record.fields.iter().enumerate().filter_map(value).collect()
}
