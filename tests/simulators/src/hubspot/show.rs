//! Records as the API shows them: times, properties, history, associations.
//! Reads only; knows nothing of requests.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    record::{Record, Version},
    schema::ObjectType,
    store::Store,
};

/// What a reader asked to see of each record.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub properties: Vec<String>,
    pub with_history: Vec<String>,
    /// Object types whose associated ids are wanted, as the reader named them.
    pub associations: Vec<String>,
}

/// `2022-02-17T20:19:27.424Z`; no fraction on a whole second.
pub fn iso(ms: i64) -> String {
    let Ok(at) = Timestamp::from_millisecond(ms) else { return String::new() };
    if ms.rem_euclid(1_000) == 0 { format!("{at:.0}") } else { format!("{at:.3}") }
}

/// Newest first, bounded as the vendor bounds it.
pub fn history(versions: &[Version], values_max: usize) -> Value {
    versions.iter().rev().take(values_max).map(show_version).collect()
}

fn show_version(version: &Version) -> Value {
    let mut out = Map::new();
    out.insert("value".into(), version.value.clone().into());
    out.insert("timestamp".into(), iso(version.at_ms).into());
    out.insert("sourceType".into(), version.source.kind.clone().into());
    if !version.source.id.is_empty() {
        out.insert("sourceId".into(), version.source.id.clone().into());
    }
    if let Some(user) = version.source.user_id {
        out.insert("updatedByUserId".into(), user.into());
    }
    Value::Object(out)
}

impl Store {
    /// One record with the properties asked for; those that do not exist are
    /// left out, those that are unset are null.
    pub fn show(&self, object: &ObjectType, record: &Record, wanted: &Wanted) -> Value {
        let mut names: Vec<&str> = match wanted.properties.is_empty() {
            true => object.default_properties.iter().map(String::as_str).collect(),
            false => wanted.properties.iter().map(String::as_str).collect(),
        };
        names.extend([object.created_property.as_str(), object.modified_property.as_str(), "hs_object_id"]);
        names.sort_unstable();
        names.dedup();
        let mut properties = Map::new();
        for name in names {
            if object.property(name).is_some() {
                properties.insert(name.to_owned(), self.value(object, record, name).map_or(Value::Null, Value::from));
            }
        }
        let mut out = head(record, properties);
        if !wanted.with_history.is_empty() {
            out.insert("propertiesWithHistory".into(), self.show_history(object, record, &wanted.with_history));
        }
        tail(record, &mut out);
        if !wanted.associations.is_empty() {
            let associations = self.show_associations(object, record, &wanted.associations);
            if !associations.is_empty() {
                out.insert("associations".into(), Value::Object(associations));
            }
        }
        Value::Object(out)
    }

    fn show_history(&self, object: &ObjectType, record: &Record, names: &[String]) -> Value {
        let values_max =
            if object.is_contact() { self.settings.contact_history_max } else { self.settings.history_max };
        let mut out = Map::new();
        for name in names.iter().filter(|name| object.property(name).is_some()) {
            let versions = record.versions.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            out.insert(name.clone(), history(versions, values_max));
        }
        Value::Object(out)
    }

    fn show_associations(&self, object: &ObjectType, record: &Record, wanted: &[String]) -> Map<String, Value> {
        let mut out = Map::new();
        for to in wanted.iter().filter_map(|name| self.schema.find(name)) {
            let mut results = Vec::new();
            for (other, types) in self.associated(&object.object_type_id, record.id, &to.object_type_id) {
                for type_id in types {
                    let name = self.association_name(object, to, type_id);
                    results.push(json!({ "id": other.to_string(), "type": name }));
                }
            }
            if !results.is_empty() {
                out.insert(to.plural.clone(), json!({ "results": results }));
            }
        }
        out
    }

    /// What a write answers: what was written and what that computed, cleared
    /// values as empty text. A contact's update leaves the id and creation out.
    pub fn show_written(
        &self,
        object: &ObjectType,
        record: &Record,
        touched: &[String],
        created: bool,
    ) -> Map<String, Value> {
        let mut names: Vec<&str> = touched.iter().map(String::as_str).collect();
        names.push(&object.modified_property);
        if created || !object.is_contact() {
            names.extend([object.created_property.as_str(), "hs_object_id"]);
        }
        names.sort_unstable();
        names.dedup();
        let mut properties = Map::new();
        for name in names {
            properties.insert(name.to_owned(), self.value(object, record, name).unwrap_or_default().into());
        }
        let mut out = head(record, properties);
        tail(record, &mut out);
        out
    }
}

fn head(record: &Record, properties: Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("id".into(), record.id.to_string().into());
    out.insert("properties".into(), Value::Object(properties));
    out
}

fn tail(record: &Record, out: &mut Map<String, Value>) {
    out.insert("createdAt".into(), iso(record.created_ms).into());
    out.insert("updatedAt".into(), iso(record.updated_ms).into());
    out.insert("archived".into(), record.archived_ms.is_some().into());
    if let Some(at) = record.archived_ms {
        out.insert("archivedAt".into(), iso(at).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_unless_the_second_is_whole() {
        assert_eq!(iso(1_645_129_167_424), "2022-02-17T20:19:27.424Z");
        assert_eq!(iso(1_645_129_167_400), "2022-02-17T20:19:27.400Z");
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
    }
}
