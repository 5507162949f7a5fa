//! The history, arranged for looking up. Also refuses histories that cannot be
//! judged, such as ones whose values are not tokens.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::{Result, ensure};

use crate::history::{Edit, History, Kept, KeptState, Row, Shown};

/// One value of one field of one record.
pub(crate) type Spot<'h> = (&'h str, &'h str, Option<&'h str>);

pub(crate) struct Index<'h> {
    /// By record: its rows at the end, side by side (duplicates included).
    pub rows: BTreeMap<&'h str, BTreeMap<&'h str, Vec<&'h Row>>>,
    /// Every record that was edited or is there.
    pub records: BTreeSet<&'h str>,
    /// What somebody wrote.
    pub written: HashSet<Spot<'h>>,
    /// Values that an edit replaced, knowing them.
    pub superseded: HashSet<Spot<'h>>,
    /// By value: the values its writers replaced.
    pub ancestors: HashMap<Spot<'h>, Vec<Option<&'h str>>>,
    /// Exports about one field, record filled in from the token where missing.
    pub fields_kept: HashMap<(&'h str, &'h str), Vec<&'h Kept>>,
    /// Exports about a record as a whole.
    pub records_kept: HashMap<&'h str, Vec<&'h Kept>>,
}

/// Whether a value that went with its row at a blind side may never have been seen
/// by the runtime: none of the answers it had time to keep showed it.
fn is_never_shown(history: &History, side: &str, field: &str, value: Option<&str>) -> bool {
    if !history.blind.contains(side) {
        return false;
    }
    let (Some(shown), Some(value)) = (&history.shown, value) else {
        return true;
    };
    let one = Shown { side: side.to_owned(), field: field.to_owned(), value: value.to_owned() };
    !shown.contains(&one)
}

impl<'h> Index<'h> {
    pub fn new(history: &'h History) -> Result<Self> {
        let mut index = Index {
            rows: BTreeMap::new(),
            records: BTreeSet::new(),
            written: HashSet::new(),
            superseded: HashSet::new(),
            ancestors: HashMap::new(),
            fields_kept: HashMap::new(),
            records_kept: HashMap::new(),
        };
        index.take_tables(history)?;
        let owners = index.take_edits(history)?;
        index.take_kept(history, &owners);
        Ok(index)
    }

    /// Returns by (field, value) the record it was written to, for finding
    /// records from tokens; `None` where several records hold the value.
    fn take_edits(&mut self, history: &'h History) -> Result<HashMap<(&'h str, &'h str), Option<&'h str>>> {
        let mut owners = HashMap::new();
        for (position, edit) in history.edits.iter().enumerate() {
            ensure!(history.sides.contains(&edit.side), "an edit names the unknown side {}", edit.side);
            let record = edit.record.as_str();
            self.records.insert(record);
            for (field, value) in edit.values() {
                ensure!(history.fields.contains(field), "an edit names the unknown field {field}");
                let spot = (record, field.as_str(), value.as_deref());
                self.written.insert(spot);
                let seen = edit.seen().find(|(name, _)| *name == field);
                if let Some((_, seen)) = seen {
                    self.ancestors.entry(spot).or_default().push(seen.as_deref());
                }
                if let Some(value) = value.as_deref() {
                    let owner = owners.entry((field.as_str(), value)).or_insert(Some(record));
                    if *owner != Some(record) {
                        *owner = None;
                    }
                }
            }
            let later = history.edits.get(position + 1..).unwrap_or_default();
            // Of one row of several the same record has, a delete says nothing of the others.
            let stands = !edit.is_delete() || self.has_twins(history, record) || self.stays_deleted(record, later);
            for (field, seen) in edit.seen() {
                let replaced = edit.values().find(|(name, _)| *name == field);
                let stands = stands || is_never_shown(history, &edit.side, field, seen.as_deref());
                if stands && replaced.is_none_or(|(_, value)| value != seen) {
                    self.superseded.insert((record, field.as_str(), seen.as_deref()));
                }
            }
        }
        Ok(owners)
    }

    /// Whether it was made at several sides by themselves: a delete of one row
    /// says nothing of the others.
    pub fn has_twins(&self, history: &History, record: &str) -> bool {
        let mut makers = history.edits.iter().filter(|edit| edit.record == record && edit.is_insert());
        let first = makers.next().map(|edit| edit.side.as_str());
        makers.any(|edit| Some(edit.side.as_str()) != first)
    }

    /// Whether a delete before `later` replaced what its row held: not if the
    /// record lives on without having been made again.
    fn stays_deleted(&self, record: &str, later: &[Edit]) -> bool {
        !self.rows.contains_key(record) || later.iter().any(|edit| edit.record == record && edit.is_insert())
    }

    fn take_tables(&mut self, history: &'h History) -> Result<()> {
        ensure!(
            history.tables.keys().eq(history.sides.iter()),
            "final tables are needed of every side, and of no other"
        );
        for (side, rows) in &history.tables {
            for row in rows {
                self.records.insert(&row.record);
                self.rows.entry(&row.record).or_default().entry(side).or_default().push(row);
            }
        }
        Ok(())
    }

    fn take_kept(&mut self, history: &'h History, owners: &HashMap<(&'h str, &'h str), Option<&'h str>>) {
        for kept in &history.kept {
            match &kept.field {
                None => {
                    if let Some(record) = &kept.record {
                        self.records_kept.entry(record).or_default().push(kept);
                    }
                }
                Some(field) => {
                    let by_token = || {
                        kept.values
                            .iter()
                            .flatten()
                            .find_map(|value| owners.get(&(field.as_str(), value.as_str())).copied()?)
                    };
                    if let Some(record) = kept.record.as_deref().or_else(by_token) {
                        self.fields_kept.entry((record, field)).or_default().push(kept);
                    }
                }
            }
        }
    }

    pub fn kept(&self, record: &'h str, field: &'h str) -> &[&'h Kept] {
        self.fields_kept.get(&(record, field)).map_or(&[], Vec::as_slice)
    }

    pub fn record_kept(&self, record: &'h str) -> &[&'h Kept] {
        self.records_kept.get(record).map_or(&[], Vec::as_slice)
    }

    /// The value is in the journal, held or in quarantine.
    pub fn keeps_value(&self, record: &'h str, field: &'h str, value: Option<&str>) -> bool {
        self.kept(record, field).iter().any(|kept| kept.values.iter().any(|v| v.as_deref() == value))
    }

    /// The record as a whole waits for a person or was refused somewhere.
    pub fn record_waits(&self, record: &'h str) -> bool {
        self.record_kept(record).iter().any(|kept| kept.state != KeptState::Decided)
    }

    /// The field's final value at each row of the record, by side.
    pub fn finals(&self, record: &str, field: &str) -> Vec<(&'h str, Option<&'h str>)> {
        let Some(sides) = self.rows.get(record) else {
            return Vec::new();
        };
        sides
            .iter()
            .flat_map(|(side, rows)| rows.iter().map(move |row| (*side, *row)))
            .map(|(side, row)| (side, row.values.get(field).and_then(Option::as_deref)))
            .collect()
    }

    /// Whether the writer of `later` had seen `earlier`, directly or through others.
    pub fn had_seen(&self, record: &'h str, field: &'h str, later: Option<&'h str>, earlier: Option<&str>) -> bool {
        let mut visited = HashSet::new();
        let mut open = vec![later];
        while let Some(value) = open.pop() {
            for seen in self.ancestors.get(&(record, field, value)).into_iter().flatten() {
                if *seen == earlier {
                    return true;
                }
                if visited.insert(*seen) {
                    open.push(*seen);
                }
            }
        }
        false
    }
}
