//! What the events of a webhook name. Both payloads are read: the older
//! `contact.propertyChange` under `subscriptionType`, and the generic
//! `object.propertyChange` with an `objectTypeId`, also under `eventType`.
//! Rests on vendor documentation alone.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::audit::{Entry, INTEGRATION, Ours};

/// Records to look at again, by object and by who changed them; each once.
pub type Named = BTreeMap<(String, String), Vec<String>>;

/// How the contract calls the runtime itself.
const SELF: &str = "self";

/// The records a payload names, and how many of its events could not be read.
/// `None`: it is not a list of events at all.
pub fn named(body: &[u8], ours: &Ours) -> Option<(Named, usize)> {
    let events = match serde_json::from_slice(body).ok()? {
        Value::Array(events) => events,
        // One event by itself.
        one @ Value::Object(_) => vec![one],
        _ => return None,
    };
    let mut named = Named::new();
    let mut unread = 0;
    for event in &events {
        if take(event, ours, &mut named).is_none() {
            unread += 1;
        }
    }
    Some((named, unread))
}

fn take(event: &Value, ours: &Ours, named: &mut Named) -> Option<()> {
    let kind = event.get("subscriptionType").or(event.get("eventType")).and_then(Value::as_str)?;
    let (prefix, change) = kind.rsplit_once('.').unwrap_or(("", kind));
    let type_id = text(event.get("objectTypeId"));
    let object = type_id.as_deref().map_or_else(|| object_of(prefix), |id| Some(object_of_id(id)))?;
    let origin = origin_of(event, ours);
    let mut add = |object: &str, id: Option<String>| {
        let Some(id) = id else { return };
        let ids = named.entry((object.to_owned(), origin.clone())).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    };
    match change {
        "associationChange" => {
            // Both ends show the association.
            let (from, to) = (event.get("fromObjectTypeId"), event.get("toObjectTypeId"));
            let end = |id: Option<&Value>| text(id).map_or_else(|| object.clone(), |id| object_of_id(&id));
            add(&end(from), text(event.get("fromObjectId")));
            if to.is_some() {
                add(&end(to), text(event.get("toObjectId")));
            }
            if text(event.get("fromObjectId")).is_none() {
                add(&object, text(event.get("objectId")));
            }
        }
        "merge" => {
            for one in ["primaryObjectId", "newObjectId", "objectId"] {
                add(&object, text(event.get(one)));
            }
            for loser in event.get("mergedObjectIds").and_then(Value::as_array).into_iter().flatten() {
                add(&object, text(Some(loser)));
            }
        }
        // creation, deletion, propertyChange, restore, privacyDeletion, and what comes later.
        _ => add(&object, Some(text(event.get("objectId"))?)),
    }
    Some(())
}

/// Who changed it: ourselves, another by HubSpot's name for it, or (empty) who knows.
fn origin_of(event: &Value, ours: &Ours) -> String {
    let entry = Entry {
        source_type: text(event.get("changeSource")).unwrap_or_default(),
        source_id: text(event.get("sourceId")),
        ..Entry::default()
    };
    match (&ours.app_id, entry.source_type.as_str()) {
        _ if ours.app_id.is_some() && ours.made(&entry, false) => SELF.to_owned(),
        // Without the app's id another app cannot be told from ours.
        (None, INTEGRATION) => String::new(),
        (_, source) => source.to_owned(),
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The object of an event such as `contact.creation`.
fn object_of(prefix: &str) -> Option<String> {
    Some(
        match prefix {
            "contact" => "contacts",
            "company" => "companies",
            "deal" => "deals",
            "ticket" => "tickets",
            "product" => "products",
            "line_item" => "line_items",
            _ => return None,
        }
        .to_owned(),
    )
}

/// The name that a standard type's id goes by here; others go by their id.
pub fn object_of_id(id: &str) -> String {
    match id {
        "0-1" => "contacts",
        "0-2" => "companies",
        "0-3" => "deals",
        "0-5" => "tickets",
        "0-7" => "products",
        "0-8" => "line_items",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Vec<(String, Vec<String>)> {
        let named = named(body.as_bytes(), &Ours::default()).expect("events").0;
        named.into_iter().map(|((object, _), ids)| (object, ids)).collect()
    }

    fn one(object: &str, ids: &[&str]) -> Vec<(String, Vec<String>)> {
        vec![(object.to_owned(), ids.iter().map(|id| (*id).to_owned()).collect())]
    }

    #[test]
    fn both_payloads_name_the_same_record_once() {
        let body = r#"[
            {"subscriptionType":"contact.propertyChange","objectId":7,"propertyName":"email","propertyValue":"x"},
            {"eventType":"object.propertyChange","objectTypeId":"0-1","objectId":"7"},
            {"subscriptionType":"contact.deletion","objectId":8}]"#;
        assert_eq!(ids(body), one("contacts", &["7", "8"]));
    }

    #[test]
    fn a_merge_names_everyone_who_took_part() {
        let body = r#"[{"subscriptionType":"company.merge","objectId":1,"primaryObjectId":1,
            "mergedObjectIds":[2,3],"newObjectId":4}]"#;
        assert_eq!(ids(body), one("companies", &["1", "4", "2", "3"]));
    }

    #[test]
    fn an_association_names_both_ends() {
        let body = r#"[{"eventType":"object.associationChange","objectTypeId":"0-1","fromObjectId":1,"toObjectId":2,
            "fromObjectTypeId":"0-1","toObjectTypeId":"0-2"}]"#;
        let all = ids(body);
        assert_eq!(all.len(), 2);
        assert_eq!(all.first(), one("companies", &["2"]).first());
        let old = r#"[{"subscriptionType":"contact.associationChange","fromObjectId":1,"toObjectId":2}]"#;
        assert_eq!(ids(old), one("contacts", &["1"]));
    }

    #[test]
    fn custom_objects_go_by_their_id() {
        assert_eq!(ids(r#"{"eventType":"object.restore","objectTypeId":"2-36","objectId":5}"#), one("2-36", &["5"]));
    }

    #[test]
    fn what_cannot_be_read_is_counted() {
        let (named, unread) =
            named(br#"[{"subscriptionType":"contact.creation"},{"x":1},7]"#, &Ours::default()).expect("a list");
        assert!(named.is_empty());
        assert_eq!(unread, 3);
        assert!(super::named(b"hello", &Ours::default()).is_none());
    }

    #[test]
    fn our_own_changes_are_told_from_those_of_people_and_of_other_apps() {
        let event = |id: u32, source: &str, app: &str| {
            format!(
                r#"{{"subscriptionType":"contact.propertyChange","objectId":{id},"changeSource":"{source}",
                    "sourceId":"{app}"}}"#
            )
        };
        let body =
            format!("[{},{},{}]", event(1, "INTEGRATION", "77"), event(2, "INTEGRATION", "8"), event(3, "CRM_UI", "x"));
        let origins = |app_id: Option<&str>| -> Vec<String> {
            let ours = Ours { app_id: app_id.map(str::to_owned) };
            named(body.as_bytes(), &ours).expect("events").0.into_keys().map(|(_, origin)| origin).collect()
        };
        assert_eq!(origins(Some("77")), ["CRM_UI", "INTEGRATION", "self"]);
        assert_eq!(origins(None), ["", "CRM_UI"]);
    }
}
