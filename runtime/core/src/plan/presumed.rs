//! Rows of which a side tells no more than their keys, and that are gone. Where a
//! record's create may have been sent, and its answer was never heard, such a row
//! was the record's: without it the record would be made there again, and the
//! delete be lost.

use crate::{
    change::{ChangeBatch, ChangeKind, Row},
    journal::What,
    key::{Key, MatchKey},
    record::{Life, Link, Presence, Record, RecordId, SideId},
    spec::SideSpec,
    value::Value,
    write::Action,
};

use super::{
    Planner, Workset,
    cells::Cells,
    needs::{key_matches, record_matches, row_matches},
    standing::{Projected, project},
    wants,
};

/// Why a record may have had a row at a side of which the state knows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presumed {
    /// A create of it may have been sent, and its answer was never heard.
    Sent,
    /// The state may have lost what it knew last, and the record was told of since: its
    /// row elsewhere may be one that the runtime had made of this one.
    Regained,
}

impl Planner<'_> {
    /// A row that nobody knows was told of and is not there any more. Links it to the
    /// record that wants a row with its key there, if `may_have_had` says so. What it
    /// held was never seen; but whatever was edited since a create could first be sent
    /// was not seen there either, and of a record that the state may only have regained
    /// nothing was: its delete meets that by the rule, and the journal tells of it. That
    /// the row is gone is for the caller to establish.
    pub fn presume_made(
        &mut self,
        set: &mut Workset,
        side: SideId,
        key: &Key,
        may_have_had: impl Fn(RecordId) -> Option<Presumed>,
    ) -> bool {
        let Some(side) = self.spec.side(side).filter(|side| set.by_key(side.id, key).is_none()) else {
            return false;
        };
        let fits = |id: &RecordId, matched: &MatchKey| {
            set.get(*id).is_some_and(|record| {
                record.life == Life::Live
                    && record.link(side.id).is_none()
                    && wants(self.spec, self.refs, record, side.id) == Some(Action::Create)
                    && record_matches(self.spec, record).contains(matched)
            })
        };
        let matches = key_matches(self.spec, side, key);
        let mut found: Vec<RecordId> = Vec::new();
        for matched in &matches {
            found.extend(set.by_match(matched).iter().filter(|id| fits(id, matched) && may_have_had(**id).is_some()));
        }
        found.sort_unstable();
        found.dedup();
        let [single] = found.as_slice() else {
            return false;
        };
        let Some(mut record) = set.take(*single) else {
            return false;
        };
        self.touch(&record);
        let why = may_have_had(record.id).unwrap_or(Presumed::Sent);
        let link = self.as_never_seen(&record, side, key, why);
        record.insert_link(link);
        self.journal(Some(record.id), Some(side.id), What::Linked { key: key.clone() });
        self.put_changed(set, record);
        true
    }

    /// A link to a row of which nothing was seen. Fields that were edited since are
    /// pending there.
    fn as_never_seen(&self, record: &Record, side: &SideSpec, key: &Key, why: Presumed) -> Link {
        let spec = self.spec;
        let mut link = Link::new(side.id, Some(key.clone()), Presence::Live);
        link.observed = vec![None; spec.fields.len()];
        for field in spec.fields().filter(|field| side.field(field.id).is_some()) {
            if why == Presumed::Regained {
                link.observe(field.id, Value::Null);
                continue;
            }
            let former = record.field(field.id).and_then(|state| state.trail.first());
            if let Some(Projected::Value(native)) = former.map(|value| project(self.refs, side, field, value)) {
                link.observe(field.id, native);
            }
        }
        link
    }

    /// The record of this kind that a row nobody knows matches.
    pub fn told_match(
        &mut self,
        set: &Workset,
        side: SideId,
        (batch, row): (&ChangeBatch, usize),
        of_this_kind: impl Fn(RecordId) -> bool,
    ) -> Option<RecordId> {
        let (side, change) = (self.spec.side(side)?, batch.rows.get(row)?);
        let matches = match batch.kind {
            ChangeKind::Upsert => {
                let cells = Cells::new(self.layout(side, Some(&batch.columns)), &change.cells);
                row_matches(self.spec, side, &cells)
            }
            _ => key_matches(self.spec, side, &change.key),
        };
        first_of(set, &matches, of_this_kind)
    }

    /// The same of a row as read.
    pub fn row_match(
        &mut self,
        set: &Workset,
        side: SideId,
        row: &Row,
        of_this_kind: impl Fn(RecordId) -> bool,
    ) -> Option<RecordId> {
        let side = self.spec.side(side)?;
        let cells = Cells::new(self.layout(side, None), &row.cells);
        first_of(set, &row_matches(self.spec, side, &cells), of_this_kind)
    }
}

fn first_of(set: &Workset, matches: &[MatchKey], of_this_kind: impl Fn(RecordId) -> bool) -> Option<RecordId> {
    matches.iter().flat_map(|matched| set.by_match(matched)).copied().find(|id| of_this_kind(*id))
}
