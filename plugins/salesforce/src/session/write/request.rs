//! The bodies of write requests.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::value::http_date_s;

/// Subrequests of one composite request (documented limit).
pub const COMPOSITE_MAX: usize = 25;
/// Rows of one collections request (documented limit).
pub const COLLECTION_MAX: usize = 200;

/// Fields with their JSON.
pub struct Body<'b> {
    pub fields: &'b [(&'b str, Box<RawValue>)],
    /// For collections: the object's name, and the id of an update.
    pub attributes: Option<(&'b str, Option<&'b str>)>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some((object, id)) = self.attributes {
            map.serialize_entry(
                "attributes",
                &[("type", object)].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            )?;
            if let Some(id) = id {
                map.serialize_entry("id", id)?;
            }
        }
        for (name, json) in self.fields {
            map.serialize_entry(name, json)?;
        }
        map.end()
    }
}

/// One conditional update.
pub struct Patch<'b> {
    pub path: String,
    pub body: Body<'b>,
    /// Not modified after this second.
    pub unmodified_since_s: Option<i64>,
}

/// Many conditional updates in one request, each by itself.
pub fn composite(patches: &[Patch<'_>]) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Part<'p> {
        method: &'static str,
        url: &'p str,
        reference_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        http_headers: Option<std::collections::BTreeMap<&'static str, String>>,
        body: &'p Body<'p>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Whole<'p> {
        all_or_none: bool,
        composite_request: Vec<Part<'p>>,
    }
    let part = |(at, patch): (usize, &'_ Patch<'_>)| {
        let since = patch.unmodified_since_s.map(http_date_s);
        (at, since)
    };
    let parts: Vec<(usize, Option<String>)> = patches.iter().enumerate().map(part).collect();
    let composite_request = patches
        .iter()
        .zip(parts)
        .map(|(patch, (at, since))| Part {
            method: "PATCH",
            url: &patch.path,
            reference_id: format!("r{at}"),
            http_headers: since.map(|since| [(HEADER, since)].into_iter().collect()),
            body: &patch.body,
        })
        .collect();
    serde_json::to_vec(&Whole { all_or_none: false, composite_request })
}

/// The precondition's header.
pub const HEADER: &str = "If-Unmodified-Since";

/// Rows for a collections request.
pub fn collection(records: &[Body<'_>]) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Whole<'r> {
        all_or_none: bool,
        records: &'r [Body<'r>],
    }
    serde_json::to_vec(&Whole { all_or_none: false, records })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).expect("JSON")
    }

    #[test]
    fn each_update_carries_its_own_precondition() {
        let fields = [("Email", raw("null")), ("Amount__c", raw("123456789012345678.5"))];
        let patch = Patch {
            path: "/services/data/v66.0/sobjects/Contact/003".into(),
            body: Body { fields: &fields, attributes: None },
            unmodified_since_s: Some(1_641_515_661),
        };
        let text = String::from_utf8(composite(&[patch]).expect("JSON")).expect("text");
        assert!(text.contains(r#""If-Unmodified-Since":"Fri, 07 Jan 2022 00:34:21 GMT""#), "{text}");
        assert!(text.contains(r#""body":{"Email":null,"Amount__c":123456789012345678.5}"#), "{text}");
        assert!(text.contains(r#""allOrNone":false"#), "{text}");
    }

    #[test]
    fn rows_of_a_collection_name_their_object() {
        let fields = [("LastName", raw("\"Smith\""))];
        let records = [
            Body { fields: &fields, attributes: Some(("Contact", Some("003"))) },
            Body { fields: &fields, attributes: Some(("Contact", None)) },
        ];
        let text = String::from_utf8(collection(&records).expect("JSON")).expect("text");
        assert_eq!(
            text,
            r#"{"allOrNone":false,"records":[{"attributes":{"type":"Contact"},"id":"003","LastName":"Smith"},{"attributes":{"type":"Contact"},"LastName":"Smith"}]}"#
        );
    }
}
