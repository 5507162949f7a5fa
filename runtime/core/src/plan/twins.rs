//! Rows made in one moment at a side that does not refuse the same record twice: ours,
//! and somebody's between our look and our create. Theirs stays, ours goes.

use crate::{
    change::{ChangeBatch, ChangeKind, Row},
    journal::What,
    key::{Key, MatchKey},
    record::{FieldId, FieldState, Life, Link, Presence, Record, RecordId, SideId},
    spec::SideSpec,
    value::Value,
    write::Action,
};

use super::{
    Planner, Sent, Workset,
    absorb::is_echo,
    cells::{Cells, Told},
    intent::intent,
    merge::Tray,
    needs::{record_matches, row_matches},
};

/// Whether a row is known to be one that the runtime made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Maker {
    /// With what the side had told of the record by then, see [`told_by`].
    Runtime(Vec<(FieldId, u64)>),
    /// It may as well be somebody else's.
    Unknown,
}

/// Fields whose value is the side's own, with the journal's entries that tell of it.
pub fn told_by(record: &Record, side: SideId) -> Vec<(FieldId, u64)> {
    let fields = (0..).map(FieldId).zip(&record.fields);
    let own = fields.filter_map(|(field, state)| Some((field, &state.as_ref()?.provenance)));
    own.filter(|(_, now)| now.side == Some(side)).map(|(field, now)| (field, now.entry)).collect()
}

impl Planner<'_> {
    /// `rows`: all that were found at the side, in one look, by what the record is matched
    /// by, after its row `own` was made or found. Another one among them, which is no other
    /// record's, becomes the record's row as an initial link, so that the two are merged;
    /// the one that was made is deleted, unless somebody has edited it since. Where that
    /// cannot be, or it is not known who made which, the others wait for a person.
    pub fn absorb_twins(
        &mut self,
        set: &mut Workset,
        side: SideId,
        record: RecordId,
        (own, maker): (&Key, &Maker),
        rows: &[&Row],
    ) {
        let Some(side) = self.spec.side(side) else {
            return;
        };
        let Some(ours) = rows.iter().find(|row| row.key == *own) else {
            return;
        };
        let Some(link) = self.lives_by(set, side, record, own) else {
            return;
        };
        let edited = match maker {
            Maker::Runtime(told) => set.get(record).is_none_or(|record| told_by(record, side.id) != *told),
            Maker::Unknown => true,
        };
        let cells = Cells::new(self.layout(side, None), &ours.cells);
        let goes = !edited && side.deletes && is_echo(self.spec, &link, &cells);
        let twins: Vec<&Row> = rows.iter().copied().filter(|row| self.is_twin(set, side, record, row)).collect();
        match twins.as_slice() {
            [] => {}
            [twin] if goes => self.go_on_with(set, side, record, twin),
            several => several.iter().for_each(|twin| self.hold_apart(set, side, record, twin)),
        }
    }

    /// What a create of the record would write that a row nobody knows is about to become
    /// the row of: it may have been sent before, and made another one.
    /// `may_have_sent`: whether it may have been sent for that record.
    pub fn create_before(
        &mut self,
        set: &Workset,
        side: SideId,
        (batch, row): (&ChangeBatch, usize),
        may_have_sent: impl Fn(RecordId) -> bool,
    ) -> Option<Sent> {
        let side = self.spec.side(side).filter(|side| !side.refuses_twins && batch.kind == ChangeKind::Upsert)?;
        let change = batch.rows.get(row)?;
        let cells = Cells::new(self.layout(side, Some(&batch.columns)), &change.cells);
        self.create_of(set, side, &row_matches(self.spec, side, &cells), may_have_sent)
    }

    /// The same for a row as read.
    pub fn create_before_row(
        &mut self,
        set: &Workset,
        side: SideId,
        row: &Row,
        may_have_sent: impl Fn(RecordId) -> bool,
    ) -> Option<Sent> {
        let side = self.spec.side(side).filter(|side| !side.refuses_twins)?;
        let cells = Cells::new(self.layout(side, None), &row.cells);
        self.create_of(set, side, &row_matches(self.spec, side, &cells), may_have_sent)
    }

    fn create_of(
        &self,
        set: &Workset,
        side: &SideSpec,
        matches: &[MatchKey],
        may_have_sent: impl Fn(RecordId) -> bool,
    ) -> Option<Sent> {
        let [single] = self.candidates(set, side.id, matches).try_into().ok()?;
        if !may_have_sent(single) {
            return None;
        }
        let sent = intent(self.spec, self.refs, set.get(single)?, side.id)?;
        (sent.intent.action == Action::Create).then_some(sent)
    }

    /// The record of `sent` has become that of a row here, and the create may have made
    /// another: of the two, found in one look, the one that holds what was sent is deleted.
    pub fn give_up_made(&mut self, set: &mut Workset, side: SideId, sent: &Sent, rows: &[&Row]) {
        let Some(spec) = self.spec.side(side) else {
            return;
        };
        let lives = set.get(sent.record).filter(|record| record.life == Life::Live);
        let link = lives.and_then(|record| record.link(side)).filter(|link| link.is_live());
        let Some(own) = link.and_then(|link| link.key.clone()) else {
            return;
        };
        let twins: Vec<&Row> = rows.iter().copied().filter(|row| self.is_twin(set, spec, sent.record, row)).collect();
        let ours: Vec<&Row> = twins.into_iter().filter(|row| holds(row, sent)).collect();
        let own_is_ours = rows.iter().any(|row| row.key == own && holds(row, sent));
        match (own_is_ours, ours.as_slice()) {
            (true, []) => {
                let told = lives.map(|record| told_by(record, side)).unwrap_or_default();
                self.absorb_twins(set, side, sent.record, (&own, &Maker::Runtime(told)), rows);
            }
            (true, _) => self.absorb_twins(set, side, sent.record, (&own, &Maker::Unknown), rows),
            (false, [row]) if spec.deletes => self.give_up(set, spec, sent.record, row),
            (false, _) => {}
        }
    }

    fn give_up(&mut self, set: &mut Workset, side: &SideSpec, id: RecordId, row: &Row) {
        if let Some(holder) = set.by_key(side.id, &row.key) {
            drop(self.take_over(set, side.id, holder, id));
        }
        let Some(record) = set.get(id) else {
            return;
        };
        let Some(stays) = record.link(side.id).and_then(|link| link.key.clone()) else {
            return;
        };
        let fields = record.fields.clone();
        let cells = Cells::new(self.layout(side, None), &row.cells);
        let mut link = Link::new(side.id, Some(row.key.clone()), Presence::Live);
        link.version = row.version.clone();
        for field in self.spec.fields() {
            if let Some(shown) = cells.get(field.id) {
                link.observe(field.id, shown.clone());
            }
        }
        self.appear_as_stray(set, fields, link, (id, &stays));
    }

    fn lives_by(&self, set: &Workset, side: &SideSpec, record: RecordId, own: &Key) -> Option<Link> {
        let record = set.get(record).filter(|record| record.life == Life::Live)?;
        record.link(side.id).filter(|link| link.is_live() && link.key.as_ref() == Some(own)).cloned()
    }

    /// Whether a row matches the record and is nobody else's: at most a record's that is
    /// nothing but this row.
    fn is_twin(&mut self, set: &Workset, side: &SideSpec, record: RecordId, row: &Row) -> bool {
        let cells = Cells::new(self.layout(side, None), &row.cells);
        let matches = row_matches(self.spec, side, &cells);
        let wanted = set.get(record).map(|record| record_matches(self.spec, record)).unwrap_or_default();
        let is_free = match set.by_key(side.id, &row.key) {
            None => true,
            Some(holder) => holder != record && set.get(holder).is_some_and(|holder| is_only_here(holder, side.id)),
        };
        is_free && matches.iter().any(|matched| wanted.contains(matched))
    }

    /// The record's row is the twin from now on; the one it had becomes a record of its
    /// own that is to be deleted.
    fn go_on_with(&mut self, set: &mut Workset, side: &SideSpec, id: RecordId, twin: &Row) {
        if let Some(holder) = set.by_key(side.id, &twin.key) {
            drop(self.take_over(set, side.id, holder, id));
        }
        let Some(mut record) = set.take(id) else {
            return;
        };
        self.touch(&record);
        let Some(place) = record.links.iter().position(|link| link.side == side.id) else {
            return set.put_back(record);
        };
        let link = record.links.remove(place);
        self.appear_as_stray(set, record.fields.clone(), link, (id, &twin.key));
        self.tally.absorbed += 1;
        self.journal(Some(id), Some(side.id), What::Linked { key: twin.key.clone() });
        let told = Told {
            key: &twin.key,
            cells: Cells::new(self.layout(side, None), &twin.cells),
            version: &twin.version,
            at: twin.at.unwrap_or(self.now),
        };
        let mut tray = Tray::new(side.id, told.at);
        self.attach(set, &mut record, side, &twin.key, &told, &mut tray);
        self.attached(&mut record, side, tray);
        self.put_changed(set, record);
    }

    /// See [`Record::is_stray`].
    fn appear_as_stray(
        &mut self,
        set: &mut Workset,
        mut fields: Vec<Option<FieldState>>,
        link: Link,
        (of, stays): (RecordId, &Key),
    ) {
        for state in fields.iter_mut().flatten() {
            state.hold = None;
            state.trail.clear();
        }
        let (id, side) = (self.new_id(), link.side);
        self.touch_new(id);
        let shown: Vec<String> = stays.0.iter().map(Value::show).collect();
        let by = format!("record {}, which goes on with the row {}, made in the same moment", of.0, shown.join(", "));
        self.journal(Some(id), Some(side), What::Released { field: None, by });
        let life = Life::Deleted { by: Some(side), at: self.now };
        self.put_changed(set, Record { id, life, fields, links: vec![link] });
    }

    /// Which of two rows a record is cannot be told: the one that is not its own waits.
    fn hold_apart(&mut self, set: &mut Workset, side: &SideSpec, record: RecordId, twin: &Row) {
        let told = Told {
            key: &twin.key,
            cells: Cells::new(self.layout(side, None), &twin.cells),
            version: &twin.version,
            at: twin.at.unwrap_or(self.now),
        };
        let Some(holder) = set.by_key(side.id, &twin.key) else {
            return self.appear_ambiguous(set, side, &twin.key, &told, vec![record]);
        };
        let Some(mut found) = set.take(holder) else {
            return;
        };
        self.touch(&found);
        self.make_ambiguous(&mut found, side.id, &twin.key, vec![record]);
        self.put_changed(set, found);
    }

    /// A row that nothing else of its record is at: which record it is waits for a person.
    pub(super) fn make_ambiguous(&mut self, record: &mut Record, side: SideId, key: &Key, candidates: Vec<RecordId>) {
        let what = What::Ambiguous { key: key.clone(), candidates: candidates.clone() };
        self.tally.held += 1;
        let entry = self.journal(Some(record.id), Some(side), what);
        record.life = Life::Ambiguous { candidates, entry };
    }
}

fn is_only_here(record: &Record, side: SideId) -> bool {
    record.life == Life::Live && record.links.iter().all(|link| link.side == side && link.is_live())
}

/// Whether the row shows what was sent, as far as something was: sides put texts in a
/// form of their own.
pub fn holds(row: &Row, sent: &Sent) -> bool {
    let alike = |sent: &Value, shown: &Value| match (sent, shown) {
        (Value::Text(sent), Value::Text(shown)) => plain(sent).eq(plain(shown)),
        _ => sent.same_meaning(shown),
    };
    sent.intent.cells.iter().zip(&row.cells).all(|(sent, shown)| match (sent, shown) {
        (Some(sent), Some(shown)) => alike(sent, shown),
        _ => true,
    })
}

/// The letters and digits of a text, whatever their case.
fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase)
}
