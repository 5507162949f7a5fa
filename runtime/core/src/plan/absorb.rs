//! Rows as sides tell them: stale, an echo, news of a known record, or a key
//! never seen.

use crate::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Row, Version},
    delta::QuarantineChange,
    journal::What,
    key::{Key, MatchKey},
    record::{FieldId, Life, Link, Presence, Record, RecordId, SideId},
    spec::SideSpec,
    value::{Timestamp, Value},
    write::{Action, Rejection},
};

use super::{
    Absorbed, Planner, Workset,
    cells::{Cells, Told},
    deletes::whole,
    merge::Tray,
    needs::{record_matches, row_matches},
    standing::{Lifted, lift},
};

impl Planner<'_> {
    /// One streamed row (`Upsert` or `Delete` batches).
    pub fn absorb(&mut self, set: &mut Workset, side: SideId, batch: &ChangeBatch, row: usize) -> Absorbed {
        let (Some(side), Some(change)) = (self.spec.side(side), batch.rows.get(row)) else {
            return Absorbed::Done;
        };
        let at = change.at.unwrap_or(self.now);
        match batch.kind {
            ChangeKind::Upsert => {
                let told = self.told(side, batch, change);
                if self.is_unordered_news(set, side, &told) {
                    return Absorbed::Fetch(change.key.clone());
                }
                if self.holder(set, side, &told).is_some() {
                    return Absorbed::Fetch(key_now(&told));
                }
                self.absorb_told(set, side, &told)
            }
            ChangeKind::Delete => {
                let link = set.by_key(side.id, &change.key).and_then(|id| set.get(id)?.link(side.id));
                if link.is_some_and(|link| link.is_live() && !can_order(&change.version, link)) {
                    return Absorbed::Fetch(change.key.clone());
                }
                self.absorb_delete(set, side, &change.key, &change.version, at)
            }
            ChangeKind::Invalidate => Absorbed::Fetch(change.key.clone()),
            ChangeKind::Truncate | ChangeKind::Schema | ChangeKind::Gap => Absorbed::Done,
        }
    }

    fn told<'r>(&mut self, side: &SideSpec, batch: &ChangeBatch, change: &'r ChangeRow) -> Told<'r> {
        let layout = self.layout(side, Some(&batch.columns));
        let at = change.at.unwrap_or(self.now);
        Told { key: &change.key, cells: Cells::new(layout, &change.cells), version: &change.version, at }
    }

    /// A streamed row that was to be read again and is gone: the last that was told
    /// of it before it went is what it held, whether or not that can be ordered.
    pub fn absorb_told_last(&mut self, set: &mut Workset, side: SideId, batch: &ChangeBatch, row: usize) -> Absorbed {
        let (Some(side), Some(change)) = (self.spec.side(side), batch.rows.get(row)) else {
            return Absorbed::Done;
        };
        let told = self.told(side, batch, change);
        self.absorb_told(set, side, &told)
    }

    /// A streamed row that was to be read again and is gone, told in no order: what
    /// was glimpsed of it may be older than what is known, or an edit nobody will
    /// see again. It decides nothing; it is journaled with the delete, also with one
    /// that is known already.
    pub fn keep_glimpse(&mut self, set: &mut Workset, side: SideId, batch: &ChangeBatch, row: usize) {
        let (Some(side), Some(change)) = (self.spec.side(side), batch.rows.get(row)) else {
            return;
        };
        let told = self.told(side, batch, change);
        let Some(record) = set.by_key(side.id, told.key).and_then(|id| set.get(id)) else {
            return self.keep_stranger(side, &told);
        };
        let Some((last, shown_there)) = self.unknown_of(record, side, &told) else {
            return;
        };
        let known = record.link(side.id).is_some_and(|link| link.presence == Presence::Deleted);
        let id = record.id;
        self.journal(Some(id), Some(side.id), What::Deleted { edited_at: told.at, last });
        if let Some(mut record) = known.then(|| set.take(id)).flatten() {
            self.touch(&record);
            see(&mut record, side.id, shown_there);
            self.put_changed(set, record);
        }
    }

    /// What a write was answered of a row that is known to be gone: what it held at its
    /// end may be an edit that nothing else shows.
    pub(super) fn keep_answer(&mut self, record: &mut Record, side: &SideSpec, told: &Told<'_>) {
        let gone = record.link(side.id).is_some_and(|link| link.presence == Presence::Deleted);
        if let Some((last, shown_there)) = self.unknown_of(record, side, told).filter(|_| gone) {
            self.journal(Some(record.id), Some(side.id), What::Deleted { edited_at: told.at, last });
            see(record, side.id, shown_there);
        }
    }

    /// What is told of a row that is or may be gone and is not known of it: the record
    /// with that in it, and the values as shown.
    fn unknown_of(&self, record: &Record, side: &SideSpec, told: &Told<'_>) -> Option<(Values, Values)> {
        let gone = |link: &&Link| matches!(link.presence, Presence::Live | Presence::Deleted);
        let link = record.link(side.id).filter(gone)?;
        let mut last = whole(record);
        let mut shown_there = Vec::new();
        for field in self.spec.fields() {
            let Some(native) = told.cells.get(field.id).filter(|native| link.observed(field.id) != Some(*native))
            else {
                continue;
            };
            let Lifted::Value(shown) = lift(self.spec, self.refs, side, field.id, native) else {
                continue;
            };
            match last.iter_mut().find(|(known, _)| *known == field.id) {
                Some((_, value)) if value.same_meaning(&shown) => continue,
                Some((_, value)) => *value = shown,
                // Of a key that was given up nothing is known but that it is gone.
                None if shown.is_null() => continue,
                None => last.push((field.id, shown)),
            }
            shown_there.push((field.id, native.clone()));
        }
        (!shown_there.is_empty()).then_some((last, shown_there))
    }

    /// A row that nobody knew and that is gone: what was told of it may be an edit of a
    /// record that an older state does not know at this side.
    fn keep_stranger(&mut self, side: &SideSpec, told: &Told<'_>) {
        let shown = self.spec.fields().filter_map(|field| {
            match lift(self.spec, self.refs, side, field.id, told.cells.get(field.id)?) {
                Lifted::Value(value) if !value.is_null() => Some((field.id, value)),
                Lifted::Value(_) | Lifted::Waiting(_) | Lifted::Uncastable(_) => None,
            }
        });
        let last: Vec<_> = shown.collect();
        if !last.is_empty() {
            self.journal(None, Some(side.id), What::Deleted { edited_at: told.at, last });
        }
    }

    /// Whether the one row of a batch shows something that a stream without versions
    /// may never tell again.
    pub fn is_fleeting(&mut self, set: &Workset, side: SideId, batch: &ChangeBatch) -> bool {
        let (Some(side), Some(change)) = (self.spec.side(side), batch.rows.first()) else {
            return false;
        };
        if batch.kind != ChangeKind::Upsert || !change.version.order.is_empty() {
            return false;
        }
        let told = self.told(side, batch, change);
        set.by_key(side.id, told.key).is_none() || self.is_unordered_news(set, side, &told)
    }

    /// Whether a streamed row differs from what is known of it and the two cannot
    /// be ordered: what is known may be what came after. That the row is gone is
    /// known in the same way: an index that lags would bring it back to life.
    fn is_unordered_news(&self, set: &Workset, side: &SideSpec, told: &Told<'_>) -> bool {
        let link = set.by_key(side.id, told.key).and_then(|id| set.get(id)?.link(side.id));
        let Some(link) = link.filter(|link| !can_order(told.version, link)) else {
            return false;
        };
        match link.presence {
            Presence::Live => told.cells.shows_key(told.key) && !is_echo(self.spec, link, &told.cells),
            Presence::Deleted => true,
            Presence::Barred | Presence::Uncertain => false,
        }
    }

    /// The record that an unknown row, as read, matches and that has another row at the
    /// side: a read may show a row that was made anew before the stream tells of the end
    /// of the one before it, whatever its version.
    pub fn unsure_holder(&mut self, set: &Workset, side: SideId, row: &Row) -> Option<(RecordId, Key)> {
        let side = self.spec.side(side)?;
        let layout = self.layout(side, None);
        let cells = Cells::new(layout, &row.cells);
        let at = row.at.unwrap_or(self.now);
        self.holder(set, side, &Told { key: &row.key, cells, version: &Version::default(), at })
    }

    /// Whether an unknown row, as read, would be that of a record without one at the side.
    pub fn is_awaited(&mut self, set: &Workset, side: SideId, row: &Row) -> bool {
        !self.would_be(set, side, row).is_empty()
    }

    /// Whether it is rather that of a record that lives than of this one, which is dead.
    pub fn lives_elsewhere(&mut self, set: &Workset, side: SideId, dead: RecordId, row: &Row) -> bool {
        let lives = |id: RecordId| set.get(id).is_some_and(|record| !matches!(record.life, Life::Deleted { .. }));
        !lives(dead) && self.would_be(set, side, row).into_iter().any(lives)
    }

    fn would_be(&mut self, set: &Workset, side: SideId, row: &Row) -> Vec<RecordId> {
        let Some(side) = self.spec.side(side) else {
            return Vec::new();
        };
        let layout = self.layout(side, None);
        let matches = row_matches(self.spec, side, &Cells::new(layout, &row.cells));
        self.candidates(set, side.id, &matches)
    }

    fn holder(&self, set: &Workset, side: &SideSpec, told: &Told<'_>) -> Option<(RecordId, Key)> {
        let known = |key: &Key| set.by_key(side.id, key).is_some();
        // Mostly it is known: then no key is copied.
        if self.phase.is_first_copy() || known(told.key) {
            return None;
        }
        let key = key_now(told);
        if known(&key) {
            return None;
        }
        let matches = row_matches(self.spec, side, &told.cells);
        if !self.candidates(set, side.id, &matches).is_empty() {
            return None;
        }
        // What is known of the other row may also be what came of this one.
        let unsure = |link: &Link| !can_order(told.version, link) || told.version.is_stale_against(&link.version);
        let holds = |matched: &MatchKey, id: &RecordId| {
            let record = set.get(*id)?;
            let link = record.link(side.id).filter(|link| link.is_live() && unsure(link))?;
            let other = link.key.as_ref().filter(|other| **other != key)?;
            record_matches(self.spec, record).contains(matched).then(|| (*id, other.clone()))
        };
        matches.iter().find_map(|matched| set.by_match(matched).iter().find_map(|id| holds(matched, id)))
    }

    /// One row as read by backfill, reconcile or fetch, positional by the side's columns.
    pub fn absorb_row(&mut self, set: &mut Workset, side: SideId, row: &Row) -> Absorbed {
        let Some(side) = self.spec.side(side) else {
            return Absorbed::Done;
        };
        let layout = self.layout(side, None);
        let told = Told {
            key: &row.key,
            cells: Cells::new(layout, &row.cells),
            version: &row.version,
            at: row.at.unwrap_or(self.now),
        };
        self.absorb_told(set, side, &told)
    }

    /// A linked row that a complete read or a fetch of its key did not find.
    pub fn absorb_missing(&mut self, set: &mut Workset, side: SideId, key: &Key, at: Timestamp) -> Absorbed {
        let Some(side) = self.spec.side(side) else {
            return Absorbed::Done;
        };
        self.absorb_delete(set, side, key, &Version::default(), at)
    }

    pub(super) fn absorb_told(&mut self, set: &mut Workset, side: &SideSpec, told: &Told<'_>) -> Absorbed {
        let shown = match told.cells.shows_key(told.key) {
            true => None,
            false => told.cells.key(),
        };
        let (found, shown) = self.place(set, side.id, shown, told);
        let Some(id) = found else {
            let key = shown.as_ref().unwrap_or(told.key);
            return self.absorb_unknown(set, side, key, told);
        };
        if let Some(link) = set.get(id).and_then(|record| record.link(side.id)) {
            if told.version.is_stale_against(&link.version) {
                self.tally.stale += 1;
                return Absorbed::Stale;
            }
            let same_key = shown.is_none() || link.key == shown;
            if link.is_live() && same_key && is_echo(self.spec, link, &told.cells) {
                self.tally.echoes += 1;
                self.note_echo(set, side.id, id, told);
                return Absorbed::Done;
            }
        }
        let Some(mut record) = set.take(id) else {
            return Absorbed::Done;
        };
        if record.link(side.id).is_none_or(|link| !link.is_live()) {
            set.put_back(record);
            return self.absorb_again(set, side, id, shown.as_ref(), told);
        }
        self.touch(&record);
        if let Some(new) = shown {
            self.rekey(set, &mut record, side, new, told.version);
        }
        self.absorb_live(&mut record, side, told);
        self.put_changed(set, record);
        Absorbed::Done
    }

    /// An echo alone is not worth a commit: its version is kept where one is made anyway.
    /// Not where what is known has none: an echo of some columns says nothing of the
    /// others, and what was told before that of those would pass for newer.
    fn note_echo(&self, set: &mut Workset, side: SideId, id: RecordId, told: &Told<'_>) {
        if !self.is_touched(id) {
            return;
        }
        let Some(mut record) = set.take(id) else {
            return;
        };
        if let Some(link) = record.link_mut(side).filter(|link| can_order(told.version, link)) {
            advance(link, told.version);
        }
        set.put_back(record);
    }

    /// The record a row belongs to, and its new key if that is news. A row that
    /// moved away from a key that another row has taken since is looked for
    /// under its new key: what is known of the old one is about that other row.
    fn place(
        &self,
        set: &Workset,
        side: SideId,
        shown: Option<Key>,
        told: &Told<'_>,
    ) -> (Option<RecordId>, Option<Key>) {
        let old = set.by_key(side, told.key);
        let Some(new) = shown else {
            return (old, None);
        };
        let link = |id: RecordId| set.get(id).and_then(|record| record.link(side));
        let passed = old.and_then(link).is_none_or(|link| told.version.is_stale_against(&link.version));
        if !passed {
            return (old, Some(new));
        }
        match set.by_key(side, &new) {
            Some(id) => (Some(id), link(id).is_some_and(|link| !link.is_live()).then_some(new)),
            None => (None, Some(new)),
        }
    }

    /// News of a row that is linked and lives.
    pub(super) fn absorb_live(&mut self, record: &mut Record, side: &SideSpec, told: &Told<'_>) {
        if let Some(link) = record.link_mut(side.id) {
            advance(link, told.version);
        }
        if matches!(record.life, Life::Deleted { .. }) {
            return self.absorb_update_after_delete(record, side, told);
        }
        let mut tray = Tray::new(side.id, told.at);
        self.absorb_cells(record, side, &told.cells, &mut tray);
        if tray.news
            && let Some(link) = record.link_mut(side.id)
        {
            take_version(link, told.version);
        }
        if tray.news {
            self.lift_refusal(record, side.id);
        }
        self.empty_tray(record, tray);
    }

    /// The row has a new key. What was known by the old one stays known as
    /// gone, so that a replay of older changes does not revive it.
    pub(super) fn rekey(
        &mut self,
        set: &mut Workset,
        record: &mut Record,
        side: &SideSpec,
        to: Key,
        version: &Version,
    ) {
        if let Some(other) = set.by_key(side.id, &to).filter(|other| *other != record.id) {
            self.give_way(set, side.id, other, &to, record.id);
        }
        let Some(link) = record.link_mut(side.id) else {
            return;
        };
        let from = link.key.replace(to.clone());
        if let Some(from) = from.filter(|from| *from != to) {
            let what = What::Rekeyed { from: from.clone(), to };
            self.journal(Some(record.id), Some(side.id), what);
            self.bury_key(set, side.id, from, version.clone());
        }
    }

    /// Another record held a key that now belongs to `taker`.
    pub(super) fn give_way(&mut self, set: &mut Workset, side: SideId, holder: RecordId, key: &Key, taker: RecordId) {
        let Some(mut record) = set.take(holder) else {
            return;
        };
        self.touch(&record);
        let lives = record.link(side).is_some_and(Link::is_live);
        if let Some(link) = record.link_mut(side) {
            link.key = None;
            if lives {
                link.presence = Presence::Barred;
            }
        }
        if lives {
            self.clash(&mut record, side, Action::Update, key, taker);
        }
        self.put_changed(set, record);
    }

    /// Two records claim one row: both keys are named and a person decides.
    pub(super) fn clash(&mut self, record: &mut Record, side: SideId, action: Action, key: &Key, other: RecordId) {
        let what = What::Clash { key: key.clone(), other };
        self.journal(Some(record.id), Some(side), what);
        let shown: Vec<String> = key.0.iter().map(Value::show).collect();
        let rejection = Rejection {
            code: "LS-KEY-CLASH".into(),
            class: "unique".into(),
            message: format!("the row {} belongs to record {} already", shown.join(", "), other.0),
            columns: Vec::new(),
        };
        self.quarantine(record, side, action, rejection, Vec::new());
    }

    /// Remembers that a key is gone, without values.
    pub(super) fn bury_key(&mut self, set: &mut Workset, side: SideId, key: Key, version: Version) {
        let id = self.new_id();
        let mut link = Link::new(side, Some(key), Presence::Deleted);
        link.version = version;
        let record =
            Record { id, life: Life::Deleted { by: Some(side), at: self.now }, fields: Vec::new(), links: vec![link] };
        self.touch_new(id);
        set.put(record);
    }

    pub(super) fn new_id(&mut self) -> RecordId {
        let id = RecordId(self.next_record);
        self.next_record += 1;
        id
    }

    /// Takes back a refusal that no longer concerns anything.
    pub(super) fn forget_refusal(&mut self, record: &mut Record, side: SideId) {
        if let Some(link) = record.link_mut(side).filter(|link| link.quarantined) {
            link.quarantined = false;
            let record = record.id;
            let change = QuarantineChange::Clear { record, side };
            self.delta.quarantine.push(change);
        }
    }
}

type Values = Vec<(FieldId, Value)>;

/// Told once more, as after a restart, it is not journaled once more.
fn see(record: &mut Record, side: SideId, shown_there: Values) {
    if let Some(link) = record.link_mut(side) {
        shown_there.into_iter().for_each(|(field, native)| link.observe(field, native));
    }
}

/// The key that a row has, as it shows.
fn key_now(told: &Told<'_>) -> Key {
    match told.cells.shows_key(told.key) {
        true => told.key.clone(),
        false => told.cells.key().unwrap_or_else(|| told.key.clone()),
    }
}

/// Whether it can be told if a change of this version is news to the link. Else
/// a streamed change is no more than a hint: the row is read again, by whoever
/// writes to it, so that the answer comes after every write before it. A stream
/// that began anew tells old changes again: none of them is known to be newer than
/// what was written or read while the one before it was in force.
pub fn can_order(version: &Version, link: &Link) -> bool {
    !version.order.is_empty() && !link.version.order.is_empty() && version.generation == link.version.generation
}

/// Remembers the version of what was taken from a row. What cannot be ordered
/// leaves a link that cannot be ordered: older changes may still come.
pub(super) fn take_version(link: &mut Link, version: &Version) {
    if version.order.is_empty() {
        link.version = Version::default();
    } else {
        advance(link, version);
    }
}

/// Raises what is known of a link's version.
pub(super) fn advance(link: &mut Link, version: &Version) {
    if !version.order.is_empty() && !version.is_stale_against(&link.version) {
        link.version = version.clone();
    }
}

/// Whether a row shows no more than what is known of it.
pub(super) fn is_echo(spec: &crate::spec::SyncSpec, link: &Link, cells: &Cells<'_>) -> bool {
    spec.fields().all(|field| match cells.get(field.id) {
        None => true,
        Some(native) => link.observed(field.id) == Some(native),
    })
}
