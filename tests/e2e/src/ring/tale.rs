//! What people did at Salesforce and at HubSpot, and how often the runtime wrote
//! there: told by the vendors' own records of every deed, not by the events that
//! the runtime was sent.

use std::collections::{BTreeMap, HashMap};

use lockstep_checker::{Deed, Edit};
use lockstep_simulators::{
    hubspot::{self, Change},
    salesforce::{self, ChangeKind},
};
use serde_json::Value;

use super::{CRM, FIELDS, HUB};

/// How the runtime's own entries are marked at HubSpot.
const PROGRAM: &str = "INTEGRATION";

type Values = BTreeMap<String, Option<String>>;

/// One side's part of a history.
#[derive(Debug, Default)]
pub(super) struct Tale {
    pub edits: Vec<Edit>,
    /// Rows the runtime changed.
    pub writes: u64,
    side: String,
    rows: HashMap<String, Values>,
}

impl Tale {
    fn of(side: &str) -> Self {
        Tale { side: side.to_owned(), ..Tale::default() }
    }

    fn note(&mut self, by_person: bool, record: Option<String>, at_micros: i64, deed: Deed) {
        if !by_person {
            self.writes += 1;
        } else if let Some(record) = record {
            self.edits.push(Edit { side: self.side.clone(), record, at_micros, deed });
        }
    }

    /// A row's new values, those that changed: what they were before is what is known of the row.
    fn changed(&mut self, id: &str, values: Values, by_person: bool, at_micros: i64, is_new: bool) {
        let row = self.rows.entry(id.to_owned()).or_default();
        let seen: Values = values.keys().map(|column| (column.clone(), row.get(column).cloned().flatten())).collect();
        row.extend(values.clone());
        let record = row.get("email").cloned().flatten();
        match (is_new, values.is_empty()) {
            (true, _) => self.note(by_person, record, at_micros, Deed::Insert { values }),
            (false, true) => {}
            (false, false) => self.note(by_person, record, at_micros, Deed::Update { values, seen }),
        }
    }

    fn gone(&mut self, id: &str, by_person: bool, at_micros: i64) {
        let seen = self.rows.remove(id).unwrap_or_default();
        let record = seen.get("email").cloned().flatten();
        self.note(by_person, record, at_micros, Deed::Delete { seen });
    }
}

/// The organisation's contacts. `ours`: the user behind the runtime's token.
pub(super) fn of_crm(deeds: &[salesforce::Deed], ours: &str) -> Tale {
    let mut tale = Tale::of(CRM);
    for deed in deeds {
        let (by_person, at) = (deed.user != ours, deed.at.as_microsecond());
        let is_new = matches!(deed.kind, ChangeKind::Create | ChangeKind::Undelete);
        let value = |field: &str| deed.row.value(field).as_str().map(str::to_owned);
        let told = FIELDS.iter().filter(|field| is_new || deed.changed.contains(field.crm));
        let values: Values = told.map(|field| (field.name.to_owned(), value(field.crm))).collect();
        match deed.kind {
            ChangeKind::Delete => tale.gone(&deed.row.id, by_person, at),
            _ => tale.changed(&deed.row.id, values, by_person, at, is_new),
        }
    }
    tale
}

/// Property changes of one record by one author at one moment: one write.
struct Open {
    id: String,
    at_ms: i64,
    by_person: bool,
    is_new: bool,
    values: Values,
}

impl Open {
    fn close(self, tale: &mut Tale) {
        tale.changed(&self.id, self.values, self.by_person, self.at_ms * 1_000, self.is_new);
    }
}

/// The account's contacts.
pub(super) fn of_hub(events: &[hubspot::Event]) -> Tale {
    let mut tale = Tale::of(HUB);
    let mut open: Option<Open> = None;
    for event in events {
        let (id, by_person) = (event.id.to_string(), event.source.kind != PROGRAM);
        // What HubSpot derives from a write belongs to none.
        if matches!(&event.change, Change::Property { name, .. } if field_of(name).is_none()) {
            continue;
        }
        let goes_on =
            open.as_ref().is_some_and(|open| open.id == id && open.at_ms == event.at_ms && open.by_person == by_person);
        let is_property = matches!(event.change, Change::Property { .. });
        if (!goes_on || !is_property)
            && let Some(open) = open.take()
        {
            open.close(&mut tale);
        }
        match &event.change {
            Change::Creation | Change::Property { .. } => {
                let is_new = event.change == Change::Creation;
                let write = open.get_or_insert_with(|| Open {
                    id,
                    at_ms: event.at_ms,
                    by_person,
                    is_new,
                    values: Values::new(),
                });
                if let Change::Property { name, value } = &event.change
                    && let Some(field) = field_of(name)
                {
                    write.values.insert(field.to_owned(), Some(value.clone()).filter(|text| !text.is_empty()));
                }
            }
            Change::Deletion | Change::PrivacyDeletion => tale.gone(&id, by_person, event.at_ms * 1_000),
            Change::Merge { merged, .. } => {
                for loser in merged {
                    tale.gone(&loser.to_string(), by_person, event.at_ms * 1_000);
                }
            }
            Change::Restore | Change::Association { .. } => {}
        }
    }
    if let Some(open) = open {
        open.close(&mut tale);
    }
    tale
}

fn field_of(property: &str) -> Option<&'static str> {
    FIELDS.iter().find(|field| field.hub == property).map(|field| field.name)
}

/// A row of the organisation in the sync's terms.
pub(super) fn crm_values(row: &Value) -> Values {
    let value = |field: &str| row.get(field).and_then(Value::as_str).map(str::to_owned);
    FIELDS.iter().map(|field| (field.name.to_owned(), value(field.crm))).collect()
}

/// A record of the account in the sync's terms.
pub(super) fn hub_values(values: &hubspot::Values) -> Values {
    let value = |property: &str| values.get(property).filter(|text| !text.is_empty()).cloned();
    FIELDS.iter().map(|field| (field.name.to_owned(), value(field.hub))).collect()
}

#[cfg(test)]
mod tests {
    use lockstep_simulators::hubspot::{Event, Source};

    use super::*;

    #[test]
    fn properties_set_together_are_one_edit_and_a_programs_are_none() {
        let user = Source::user(7);
        let property = |name: &str, value: &str| Change::Property { name: name.into(), value: value.into() };
        let event = |at_ms, source: &Source, change| Event::new("0-1", 5, at_ms, source, change);
        let tale = of_hub(&[
            event(1, &user, Change::Creation),
            event(1, &user, property("email", "a@b.example")),
            event(1, &user, property("phone", "1")),
            event(2, &Source::integration(9), property("phone", "2")),
            event(2, &Source::integration(9), property("city", "Bern")),
            event(3, &user, property("phone", "3")),
            event(4, &user, Change::Deletion),
        ]);
        assert_eq!((tale.writes, tale.edits.len()), (1, 3));
        let some = |text: &str| Some(text.to_owned());
        let Some(Deed::Update { values, seen }) = tale.edits.get(1).map(|edit| &edit.deed) else { panic!("no update") };
        assert_eq!((values["phone"].clone(), seen["phone"].clone()), (some("3"), some("2")));
        let Some(Deed::Delete { seen }) = tale.edits.get(2).map(|edit| &edit.deed) else { panic!("no delete") };
        assert_eq!(seen["city"], some("Bern"));
    }
}
