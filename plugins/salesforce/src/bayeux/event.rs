//! One change event: who changed what of which rows, and what it says of each
//! field. An update names only what changed; a field set to null is named and
//! absent or null; what is not named was not changed.

use std::collections::HashMap;

use lockstep_sdk::model::Cell;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::Record;
use crate::schema::Sobject;
use crate::value::decode;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChangeType {
    Create,
    Update,
    Delete,
    Undelete,
    GapCreate,
    GapUpdate,
    GapDelete,
    GapUndelete,
    GapOverflow,
    /// Something newer than this connector: read the rows again.
    #[default]
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Header {
    pub entity_name: String,
    pub record_ids: Vec<String>,
    pub change_type: ChangeType,
    pub changed_fields: Vec<String>,
    pub change_origin: String,
    pub transaction_key: String,
    pub sequence_number: i64,
    /// Milliseconds since 1970.
    pub commit_timestamp: i64,
    pub commit_number: i64,
    pub commit_user: String,
}

/// An event with its place in the stream.
#[derive(Debug)]
pub struct ChangeEvent {
    pub channel: String,
    pub replay_id: i64,
    pub schema: String,
    pub header: Header,
    fields: Record,
}

impl ChangeEvent {
    /// The second of its commit, by the server's clock.
    pub fn committed_s(&self) -> i64 {
        self.header.commit_timestamp.div_euclid(1000)
    }

    /// `None`: not a change event.
    pub fn parse(channel: &str, data: &RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        struct Data {
            #[serde(default)]
            schema: String,
            payload: Record,
            event: Place,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Place {
            replay_id: i64,
        }
        let mut data: Data = serde_json::from_str(data.get()).ok()?;
        let header = data.payload.remove("ChangeEventHeader")?;
        Some(ChangeEvent {
            channel: channel.to_owned(),
            replay_id: data.event.replay_id,
            schema: data.schema,
            header: serde_json::from_str(header.get()).ok()?,
            fields: data.payload,
        })
    }

    /// A whole table's worth of rows, of which the event names none: an
    /// overflowing transaction, or a wildcard id.
    pub fn is_about_everything(&self) -> bool {
        let unnamed = |id: &String| id.contains('*') || id.starts_with("000000000000000");
        self.header.change_type == ChangeType::GapOverflow
            || self.header.record_ids.is_empty()
            || self.header.record_ids.iter().any(unnamed)
    }

    /// Whether it tells the values of the rows it names.
    pub fn tells_values(&self) -> bool {
        matches!(self.header.change_type, ChangeType::Create | ChangeType::Update | ChangeType::Undelete)
    }

    /// What it says, by field.
    pub fn told<'s>(&self, sobject: &'s Sobject) -> HashMap<&'s str, Cell> {
        let mut told = HashMap::new();
        for (name, raw) in &self.fields {
            if let Some(field) = sobject.field(name) {
                told.insert(field.name.as_str(), decode(field.kind(), raw));
            } else if let Ok(parts) = serde_json::from_str::<Record>(raw.get()) {
                for (part, raw) in &parts {
                    if let Some(field) = sobject.part(name, part) {
                        told.insert(field.name.as_str(), decode(field.kind(), raw));
                    }
                }
            }
        }
        for name in &self.header.changed_fields {
            match name.split_once('.') {
                Some((compound, part)) => {
                    if let Some(field) = sobject.part(compound, part) {
                        told.entry(&field.name).or_insert(Cell::Null);
                    }
                }
                None => self.null_whole(sobject, name, &mut told),
            }
        }
        told
    }

    /// A field that is named as changed and not told is null; a compound field
    /// named as a whole, with all its parts.
    fn null_whole<'s>(&self, sobject: &'s Sobject, name: &str, told: &mut HashMap<&'s str, Cell>) {
        if let Some(field) = sobject.field(name) {
            told.entry(&field.name).or_insert(Cell::Null);
            return;
        }
        let parts = sobject.fields.iter().filter(|field| field.compound_field_name.as_deref() == Some(name));
        for field in parts {
            told.entry(&field.name).or_insert(Cell::Null);
        }
    }

    /// Cells for these columns, and whether the event tells all it should: a new
    /// row comes with all non-empty fields, so what is missing is null, unless
    /// it cannot be, or events never tell it.
    pub fn cells(&self, sobject: &Sobject, columns: &[String], id: &str) -> (Vec<Cell>, bool) {
        let mut told = self.told(sobject);
        let whole_row = matches!(self.header.change_type, ChangeType::Create | ChangeType::Undelete);
        let mut complete = true;
        let mut cell = |name: &String| {
            if name == "Id" {
                return Cell::Text(id.to_owned());
            }
            if let Some(cell) = told.remove(name.as_str()) {
                return cell;
            }
            let Some(field) = sobject.field(name) else {
                complete = false;
                return Cell::Absent;
            };
            match (field.is_in_events(), whole_row, field.nillable) {
                (true, false, _) => Cell::Absent,
                (true, true, true) => Cell::Null,
                (true, true, false) | (false, _, _) => {
                    complete = false;
                    Cell::Absent
                }
            }
        };
        let cells = columns.iter().map(&mut cell).collect();
        (cells, complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::parse_describe;

    const CONTACT: &str = r#"{"name":"Contact","queryable":true,"fields":[
        {"name":"Id","type":"id"},
        {"name":"FirstName","type":"string","nillable":true,"updateable":true,"compoundFieldName":"Name"},
        {"name":"LastName","type":"string","updateable":true,"compoundFieldName":"Name"},
        {"name":"Name","type":"string"},
        {"name":"Email","type":"email","nillable":true,"updateable":true},
        {"name":"Opted__c","type":"boolean","updateable":true},
        {"name":"Score__c","type":"double","nillable":true,"calculated":true},
        {"name":"MailingCity","type":"string","nillable":true,"updateable":true,"compoundFieldName":"MailingAddress"},
        {"name":"MailingAddress","type":"address"}]}"#;

    fn event(kind: &str, changed: &str, fields: &str) -> ChangeEvent {
        let data = format!(
            r#"{{"schema":"s","payload":{{"ChangeEventHeader":{{"entityName":"Contact","recordIds":["0034S000005YJY8QAO"],
            "changeType":"{kind}","changedFields":[{changed}],"commitTimestamp":1596695083000,"commitNumber":1,
            "sequenceNumber":1}}{fields}}},"event":{{"replayId":9}}}}"#
        );
        ChangeEvent::parse("/data/ContactChangeEvent", &RawValue::from_string(data).expect("JSON")).expect("an event")
    }

    fn cells(event: &ChangeEvent, columns: &[&str]) -> (Vec<Cell>, bool) {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        event.cells(&parse_describe(CONTACT.as_bytes()).expect("a describe"), &columns, "0034S000005YJY8QAO")
    }

    #[test]
    fn an_update_tells_what_changed_and_nothing_else() {
        let event = event(
            "UPDATE",
            r#""Email","MailingAddress.City","LastModifiedDate""#,
            r#","MailingAddress":{"City":"Ulm"}"#,
        );
        let (cells, complete) = cells(&event, &["Id", "Email", "MailingCity", "LastName"]);
        let expected = [Cell::Text("0034S000005YJY8QAO".into()), Cell::Null, Cell::Text("Ulm".into()), Cell::Absent];
        assert_eq!((cells, complete), (expected.to_vec(), true));
    }

    #[test]
    fn a_new_row_comes_with_all_that_is_not_empty() {
        let event = event("CREATE", "", r#","Name":{"LastName":"Smith"},"Opted__c":false"#);
        let (told, complete) = cells(&event, &["FirstName", "LastName", "Email", "Opted__c"]);
        let expected = [Cell::Null, Cell::Text("Smith".into()), Cell::Null, Cell::Boolean(false)];
        assert_eq!((told, complete), (expected.to_vec(), true));
        assert!(!cells(&event, &["Score__c"]).1, "events never tell a formula");
    }

    #[test]
    fn a_field_of_a_formula_leaves_an_update_incomplete() {
        let event = event("UPDATE", r#""Email""#, r#","Email":"a@b.c""#);
        assert_eq!(cells(&event, &["Email", "Score__c"]), (vec![Cell::Text("a@b.c".into()), Cell::Absent], false));
    }

    #[test]
    fn gaps_tell_no_values_and_an_overflow_names_no_rows() {
        let gap = event("GAP_UPDATE", "", "");
        assert!(!gap.tells_values() && !gap.is_about_everything());
        let mut overflow = event("GAP_OVERFLOW", "", "");
        assert!(overflow.is_about_everything());
        overflow.header.change_type = ChangeType::Update;
        overflow.header.record_ids = vec!["003*".into()];
        assert!(overflow.is_about_everything());
        assert_eq!(event("SOMETHING_NEW", "", "").header.change_type, ChangeType::Unknown);
    }
}
