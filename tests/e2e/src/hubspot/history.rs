//! What happened at an account, told by its own property histories: what people
//! did, what they had before them, and what is there at the end.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_checker::{Deed, Edit, History, Row};
use lockstep_simulators::hubspot::{Account, Version};

use super::MAPPED;

const SIDE: &str = "hs";
/// How programs' entries are marked; the only program here is the runtime.
const PROGRAM: &str = "INTEGRATION";

/// Adds the account's side.
pub(super) fn add(history: &mut History, account: &Account) {
    history.sides.insert(SIDE.to_owned());
    // A write that overwrote an unseen value is followed by more than one each.
    history.effective_writes = None;
    let mut rows = Vec::new();
    for (id, values) in account.all("contacts") {
        let record = values.get("email").cloned().unwrap_or_default();
        history.edits.extend(edits(account, id, &record));
        let value = |property: &str| values.get(property).filter(|text| !text.is_empty()).cloned();
        let mut fields: BTreeMap<String, Option<String>> =
            MAPPED.iter().map(|(column, property)| ((*column).to_owned(), value(property))).collect();
        fields.insert("email".to_owned(), value("email"));
        rows.push(Row { record, values: fields });
    }
    history.tables.insert(SIDE.to_owned(), rows);
    history.edits.sort_by_key(|edit| edit.at_micros);
}

/// The people's edits of one contact: created by one of them, all of its first
/// values are one insert.
fn edits(account: &Account, id: u64, record: &str) -> Vec<Edit> {
    let fields = MAPPED.iter().chain([&("email", "email")]);
    let histories: Vec<(&str, Vec<Version>)> =
        fields.map(|(column, property)| (*column, account.history("contacts", id, property))).collect();
    let all = histories.iter().flat_map(|(_, versions)| versions);
    let created_ms = all.map(|version| version.at_ms).min().unwrap_or_default();
    let by_person = |version: &Version| version.source.kind != PROGRAM;
    let email = histories.iter().find(|(column, _)| *column == "email");
    let made_by_person = email.and_then(|(_, versions)| versions.first()).is_some_and(by_person);
    let edit =
        |at_ms: i64, deed| Edit { side: SIDE.to_owned(), record: record.to_owned(), at_micros: at_ms * 1_000, deed };
    let mut edits = Vec::new();
    let mut born: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (column, versions) in &histories {
        let mut before: Option<String> = None;
        for version in versions {
            let value = Some(version.value.clone()).filter(|text| !text.is_empty());
            let seen = std::mem::replace(&mut before, value.clone());
            if made_by_person && version.at_ms == created_ms && seen.is_none() {
                born.insert((*column).to_owned(), value);
            } else if by_person(version) {
                let one = |value| BTreeMap::from([((*column).to_owned(), value)]);
                edits.push(edit(version.at_ms, Deed::Update { values: one(value), seen: one(seen) }));
            }
        }
    }
    if made_by_person {
        edits.push(edit(created_ms, Deed::Insert { values: born }));
    }
    edits
}

/// People's values that a write of the runtime came directly on top of within
/// `gap_ms`, by record and column: it cannot have seen them before it was sent.
pub fn displaced(account: &Account, gap_ms: i64) -> BTreeSet<(u64, &'static str, String)> {
    let mut found = BTreeSet::new();
    for id in account.all("contacts").into_keys() {
        for (column, property) in MAPPED {
            let versions = account.history("contacts", id, property);
            for pair in versions.windows(2) {
                if let [person, program] = pair
                    && person.source.kind != PROGRAM
                    && program.source.kind == PROGRAM
                    && program.at_ms - person.at_ms <= gap_ms
                {
                    found.insert((id, column, person.value.clone()));
                }
            }
        }
    }
    found
}
