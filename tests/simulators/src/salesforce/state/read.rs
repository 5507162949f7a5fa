//! What a row shows: stored values, system fields, compound fields, formulas.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Row, State};
use crate::salesforce::{
    moment,
    schema::{Field, Formula, Kind, Object},
    soql::Bound,
};

/// The components of an address, as rows show them.
const ADDRESS_PARTS: [(&str, &str); 8] = [
    ("City", "city"),
    ("Country", "country"),
    ("GeocodeAccuracy", "geocodeAccuracy"),
    ("Latitude", "latitude"),
    ("Longitude", "longitude"),
    ("PostalCode", "postalCode"),
    ("State", "state"),
    ("Street", "street"),
];

/// A system time of a row.
pub fn instant_of(row: &Row, field: &str) -> Option<Timestamp> {
    match field {
        "CreatedDate" => Some(row.created_at),
        "LastModifiedDate" => Some(row.modified_at),
        "SystemModstamp" => Some(row.modstamp),
        _ => None,
    }
}

/// The object and row a reference value names, deleted or not.
pub fn by_reference<'a>(state: &'a State, field: &Field, value: &Value) -> Option<(&'a Object, &'a Row)> {
    let id = value.as_str()?;
    let mut targets = field.reference_to.iter().filter_map(|target| state.schema.object(target));
    targets.find_map(|object| state.table(&object.name).get(id).map(|row| (object, row)))
}

impl State {
    /// The value of a field of a row, as the API shows it.
    pub fn read(&self, object: &Object, row: &Row, field: &Field) -> Value {
        match field.name.as_str() {
            "Id" => row.id.clone().into(),
            "IsDeleted" => row.deleted.is_some().into(),
            "CreatedDate" | "LastModifiedDate" | "SystemModstamp" => {
                instant_of(row, &field.name).map_or(Value::Null, |at| moment::rest(at).into())
            }
            "CreatedById" => row.created_by.clone().into(),
            "LastModifiedById" => row.modified_by.clone().into(),
            "MasterRecordId" => {
                let winner = row.deleted.as_ref().and_then(|deleted| deleted.merged_into.clone());
                winner.map_or(Value::Null, Value::from)
            }
            "LastViewedDate" | "LastReferencedDate" => moment::rest(row.modified_at).into(),
            "PhotoUrl" => format!("/services/images/photo/{}", row.id).into(),
            "Name" if field.extra.as_deref() == Some("personname") => person_name(row),
            _ if field.kind == Kind::Address => address(object, row, field),
            _ => match &field.formula {
                Some(formula) => self.compute(object, row, formula),
                None => row.value(&field.name).clone(),
            },
        }
    }

    fn compute(&self, object: &Object, row: &Row, formula: &Formula) -> Value {
        let read = |name: &String| object.field(name).map_or(Value::Null, |field| self.read(object, row, field));
        match formula {
            Formula::Join { fields, separator } => {
                let texts: Vec<String> = fields
                    .iter()
                    .filter_map(|name| match read(name) {
                        Value::String(text) => Some(text),
                        Value::Number(number) => Some(number.to_string()),
                        _ => None,
                    })
                    .collect();
                if texts.is_empty() { Value::Null } else { texts.join(separator).into() }
            }
            Formula::Product { left, right } => match (read(left).as_f64(), read(right).as_f64()) {
                (Some(left), Some(right)) => (left * right).into(),
                _ => Value::Null,
            },
        }
    }

    /// The row a reference field of a row points at.
    pub fn parent(&self, object: &Object, row: &Row, reference: &Field) -> Option<(&Object, &Row)> {
        by_reference(self, reference, &self.read(object, row, reference))
    }

    /// The value at the end of a path.
    pub fn follow(&self, object: &Object, row: &Row, bound: &Bound<'_>) -> Value {
        let (mut object, mut row) = (object, row);
        for hop in &bound.hops {
            let Some(parent) = self.parent(object, row, hop) else { return Value::Null };
            (object, row) = parent;
        }
        self.read(object, row, bound.field)
    }

    /// The whole row, as one GET answers it. `only` names the fields asked for.
    pub fn show(&self, object: &Object, row: &Row, only: Option<&[&Field]>, version: &str) -> Value {
        let url = format!("/services/data/v{version}/sobjects/{}/{}", object.name, row.id);
        let mut shown = Map::from_iter([("attributes".to_owned(), json!({"type": object.name, "url": url}))]);
        match only {
            Some(fields) => {
                for field in fields {
                    shown.insert(field.name.clone(), self.read(object, row, field));
                }
                shown.entry("Id").or_insert_with(|| row.id.clone().into());
            }
            None => {
                for field in object.fields.iter().filter(|field| !field.hidden) {
                    shown.insert(field.name.clone(), self.read(object, row, field));
                }
            }
        }
        Value::Object(shown)
    }
}

fn person_name(row: &Row) -> Value {
    let parts: Vec<&str> = ["FirstName", "LastName"].iter().filter_map(|part| row.value(part).as_str()).collect();
    if parts.is_empty() { Value::Null } else { parts.join(" ").into() }
}

fn address(object: &Object, row: &Row, whole: &Field) -> Value {
    let prefix = whole.name.strip_suffix("Address").unwrap_or_default();
    let mut shown = Map::new();
    for (part, key) in ADDRESS_PARTS {
        let value = object.field(&format!("{prefix}{part}")).map_or(&Value::Null, |field| row.value(&field.name));
        shown.insert(key.to_owned(), value.clone());
    }
    if shown.values().all(Value::is_null) { Value::Null } else { Value::Object(shown) }
}
