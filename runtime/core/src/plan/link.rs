//! Keys not known yet: which record a row belongs to. Never guessed.

use crate::{
    journal::{FieldChange, What},
    key::{Key, MatchKey},
    record::{Life, Link, Presence, Record, RecordId, SideId},
    spec::SideSpec,
};

use super::{
    Absorbed, Planner, Workset,
    absorb::advance,
    cells::Told,
    merge::Tray,
    needs::{record_matches, row_matches},
};

impl Planner<'_> {
    /// A row whose key is not linked: it matches a record, appears, or is ambiguous.
    pub(super) fn absorb_unknown(
        &mut self,
        set: &mut Workset,
        side: &SideSpec,
        key: &Key,
        told: &Told<'_>,
    ) -> Absorbed {
        let complete = self
            .spec
            .fields()
            .filter(|field| side.field(field.id).is_some())
            .all(|field| told.cells.get(field.id).is_some());
        if !complete {
            return Absorbed::Fetch(key.clone());
        }
        let matches = row_matches(self.spec, side, &told.cells);
        if matches.iter().any(|matched| set.is_unsought(matched)) {
            // Its key was linked when this was gathered, and a change before it ended that.
            return Absorbed::Fetch(key.clone());
        }
        let candidates = self.candidates(set, side.id, &matches);
        let ambiguous =
            |id: &RecordId| set.get(*id).is_some_and(|record| matches!(record.life, Life::Ambiguous { .. }));
        match candidates.as_slice() {
            [] if !side.inserts_from => {}
            [] => self.appear(set, side, key, told),
            [single] if !ambiguous(single) => self.link(set, side, *single, key, told),
            _ => self.appear_ambiguous(set, side, key, told, candidates),
        }
        Absorbed::Done
    }

    /// The records of the first match set that has any, without a live row at the side.
    /// Dead ones only where no other is left: first those of which a row may be there.
    pub(super) fn candidates(&self, set: &Workset, side: SideId, matches: &[MatchKey]) -> Vec<RecordId> {
        let found = |wanted: Standing| {
            let fits = |id: &RecordId, key: &MatchKey| {
                set.get(*id).is_some_and(|record| {
                    standing(record, side) == Some(wanted) && record_matches(self.spec, record).contains(key)
                })
            };
            matches
                .iter()
                .map(|key| {
                    let known = set.by_match(key).iter().copied();
                    known.filter(|id| fits(id, key)).collect::<Vec<_>>()
                })
                .find(|found| !found.is_empty())
        };
        let mut all = [Standing::Lives, Standing::MayHaveRow, Standing::Dies].into_iter().filter_map(found);
        all.next().unwrap_or_default()
    }

    fn appear(&mut self, set: &mut Workset, side: &SideSpec, key: &Key, told: &Told<'_>) {
        let mut record = self.blank(Life::Live);
        let mut tray = Tray::new(side.id, told.at);
        tray.quiet = self.phase.is_first_copy();
        if !tray.quiet {
            tray.changes_entry = self.reserve();
        }
        self.attach(set, &mut record, side, key, told, &mut tray);
        match tray.quiet {
            true => self.copied.1 += 1,
            false => self.tally.absorbed += 1,
        }
        self.journal_appeared(&record, key, tray);
        self.put_changed(set, record);
    }

    fn journal_appeared(&mut self, record: &Record, key: &Key, tray: Tray) {
        let key = key.clone();
        let changes: Vec<FieldChange> = tray.changes;
        if tray.changes_entry != 0 {
            let what = What::Appeared { key, changes };
            self.write_entry(tray.changes_entry, Some(record.id), Some(tray.side), what);
        }
    }

    /// The row is the record's at this side: an initial link, no base.
    pub(super) fn link(&mut self, set: &mut Workset, side: &SideSpec, id: RecordId, key: &Key, told: &Told<'_>) {
        let Some(mut record) = set.take(id) else {
            return;
        };
        self.touch(&record);
        if standing(&record, side.id) == Some(Standing::Dies) {
            self.relive(&mut record);
            let by = "a row of it is there again".into();
            self.journal(Some(id), Some(side.id), What::Released { field: None, by });
        }
        if self.phase.is_first_copy() {
            self.copied.0 += 1;
        } else {
            self.tally.absorbed += 1;
            let what = What::Linked { key: key.clone() };
            self.journal(Some(id), Some(side.id), what);
        }
        let mut tray = Tray::new(side.id, told.at);
        tray.quiet = self.phase.is_first_copy();
        self.attach(set, &mut record, side, key, told, &mut tray);
        self.attached(&mut record, side, tray);
        self.put_changed(set, record);
    }

    /// A row that is linked to a record that has died meanwhile shows an edit, or is
    /// deleted like the others.
    pub(super) fn attached(&mut self, record: &mut Record, side: &SideSpec, tray: Tray) {
        let edited = tray.edited;
        self.empty_tray(record, tray);
        if edited {
            self.edited_after_delete(record, side);
        }
    }

    pub(super) fn appear_ambiguous(
        &mut self,
        set: &mut Workset,
        side: &SideSpec,
        key: &Key,
        told: &Told<'_>,
        candidates: Vec<RecordId>,
    ) {
        let entry = self.reserve();
        let life = Life::Ambiguous { candidates: candidates.clone(), entry };
        let mut record = self.blank(life);
        let mut tray = Tray::new(side.id, told.at);
        tray.quiet = true;
        self.attach(set, &mut record, side, key, told, &mut tray);
        let what = What::Ambiguous { key: key.clone(), candidates };
        self.tally.held += 1;
        self.write_entry(entry, Some(record.id), Some(side.id), what);
        self.put_changed(set, record);
    }

    fn blank(&mut self, life: Life) -> Record {
        let id = self.new_id();
        self.touch_new(id);
        Record {
            id,
            life,
            fields: Vec::with_capacity(self.spec.fields.len()),
            links: Vec::with_capacity(self.spec.sides.len()),
        }
    }

    /// Gives the record a live link to the row and merges what the row holds,
    /// with no base.
    pub(super) fn attach(
        &mut self,
        set: &mut Workset,
        record: &mut Record,
        side: &SideSpec,
        key: &Key,
        told: &Told<'_>,
        tray: &mut Tray,
    ) {
        if let Some(holder) = set.by_key(side.id, key).filter(|id| *id != record.id) {
            self.give_way(set, side.id, holder, key, record.id);
        }
        self.forget_refusal(record, side.id);
        let former = record.link(side.id).and_then(|link| {
            let from = link.key.clone().filter(|from| from != key)?;
            Some((from, link.version.clone()))
        });
        if let Some((from, version)) = former {
            self.bury_key(set, side.id, from, version);
        }
        let mut link = Link::new(side.id, Some(key.clone()), Presence::Live);
        link.observed = vec![None; self.spec.fields.len()];
        advance(&mut link, told.version);
        record.insert_link(link);
        self.absorb_cells(record, side, &told.cells, tray);
    }

    /// A row under a key whose link is gone or barred: it lives again.
    pub(super) fn absorb_again(
        &mut self,
        set: &mut Workset,
        side: &SideSpec,
        id: RecordId,
        shown: Option<&Key>,
        told: &Told<'_>,
    ) -> Absorbed {
        let key = shown.unwrap_or(told.key);
        let remembered = set.get(id).is_some_and(|record| record.fields.iter().any(Option::is_some));
        if !remembered {
            return self.absorb_unknown(set, side, key, told);
        }
        let complete = self
            .spec
            .fields()
            .filter(|field| side.field(field.id).is_some())
            .all(|field| told.cells.get(field.id).is_some());
        if !complete {
            return Absorbed::Fetch(key.clone());
        }
        let Some(mut record) = set.take(id) else {
            return Absorbed::Done;
        };
        self.touch(&record);
        let alone = !record.links.iter().any(Link::is_live);
        let mut tray = Tray::new(side.id, told.at);
        let uncertain = record.link(side.id).is_some_and(|link| link.presence == Presence::Uncertain);
        match record.life {
            Life::Deleted { .. } if uncertain => {
                self.journal(Some(id), Some(side.id), What::Linked { key: key.clone() });
                self.attach(set, &mut record, side, key, told, &mut tray);
                self.attached(&mut record, side, tray);
            }
            Life::Deleted { .. } if alone => {
                tray.changes_entry = self.reserve();
                self.relive(&mut record);
                self.attach_over(set, &mut record, side, key, told, &mut tray);
                self.tally.absorbed += 1;
                self.journal_appeared(&record, key, tray);
            }
            Life::Deleted { .. } | Life::HeldDelete { .. } => {
                self.relive(&mut record);
                let by = "the row is there again".into();
                self.journal(Some(id), Some(side.id), What::Released { field: None, by });
                self.attach(set, &mut record, side, key, told, &mut tray);
                self.empty_tray(&record, tray);
            }
            Life::Live | Life::Ambiguous { .. } => {
                self.attach(set, &mut record, side, key, told, &mut tray);
                self.empty_tray(&record, tray);
            }
        }
        self.put_changed(set, record);
        Absorbed::Done
    }

    /// Nobody holds the record any more: what the row shows is the record.
    fn attach_over(
        &mut self,
        set: &mut Workset,
        record: &mut Record,
        side: &SideSpec,
        key: &Key,
        told: &Told<'_>,
        tray: &mut Tray,
    ) {
        let mut former = std::mem::take(&mut record.fields);
        self.attach(set, record, side, key, told, tray);
        for (field, state) in former.iter_mut().enumerate() {
            let now = record.fields.get_mut(field);
            match (now, state.take()) {
                (Some(now @ None), Some(mut before)) => {
                    before.hold = None;
                    *now = Some(before);
                }
                (None, before) => record.fields.push(before),
                (Some(_), _) => {}
            }
        }
    }

    fn relive(&mut self, record: &mut Record) {
        record.life = Life::Live;
    }
}

/// How a record without a live row at a side stands to rows there that nobody knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Lives,
    /// It is dead, and a create of it may have been sent there.
    MayHaveRow,
    /// It is dead, and not deleted everywhere yet.
    Dies,
}

fn standing(record: &Record, side: SideId) -> Option<Standing> {
    let presence = record.link(side).map(|link| link.presence);
    if presence == Some(Presence::Live) {
        return None;
    }
    if !matches!(record.life, Life::Deleted { .. }) {
        return Some(Standing::Lives);
    }
    if presence == Some(Presence::Uncertain) {
        return Some(Standing::MayHaveRow);
    }
    record.links.iter().any(Link::is_live).then_some(Standing::Dies)
}
