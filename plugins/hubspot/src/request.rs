//! Where things are in HubSpot's API, and requests for them. The API version
//! is looked at here and nowhere else.

use std::fmt::Write as _;
use std::time::Duration;

use lockstep_sdk::http::Request;
use serde_json::{Value, json};

/// Rows in a batch call.
pub const BATCH_MAX: usize = 100;
/// Rows in a batch call that asks for property history (vendor documentation
/// says that history lowers the limit; the lower one is used throughout).
pub const HISTORY_BATCH_MAX: usize = 50;
/// Rows on a page of a list.
pub const LIST_MAX: u32 = 100;
/// Rows on a page of a search.
pub const SEARCH_PAGE: u32 = 200;
/// Results of one search, over all its pages.
pub const SEARCH_MAX: u32 = 10_000;

/// The API as configured.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    /// `v3`, or a date.
    version: String,
    timeout: Duration,
}

impl Api {
    pub fn new(base_url: &str, version: &str, timeout_ms: u64) -> Self {
        Api { base: base_url.to_owned(), version: version.to_owned(), timeout: Duration::from_millis(timeout_ms) }
    }

    fn is_dated(&self) -> bool {
        self.version != "v3"
    }

    fn objects(&self, object: &str) -> String {
        match self.is_dated() {
            true => format!("{}/crm/objects/{}/{object}", self.base, self.version),
            false => format!("{}/crm/v3/objects/{object}", self.base),
        }
    }

    fn get(&self, url: String) -> Request {
        Request { timeout: self.timeout, ..Request::new("GET", url) }.header("accept", "application/json")
    }

    fn post(&self, url: String, body: &Value) -> Request {
        let request = Request { timeout: self.timeout, ..Request::new("POST", url) };
        request.header("accept", "application/json").json(body.to_string().into_bytes())
    }

    /// A page of all records of a type, in the order HubSpot keeps them in.
    pub fn list(&self, object: &str, properties: &[String], after: &str, limit: u32, archived: bool) -> Request {
        let mut url = format!("{}?limit={limit}&archived={archived}", self.objects(object));
        if !properties.is_empty() {
            url.push_str("&properties=");
            url.push_str(&escaped(&properties.join(",")));
        }
        if !after.is_empty() {
            url.push_str("&after=");
            url.push_str(&escaped(after));
        }
        self.get(url)
    }

    /// Records by their ids, or by a unique property.
    pub fn batch_read(&self, object: &str, read: &BatchRead<'_>) -> Request {
        let inputs: Vec<Value> = read.ids.iter().map(|id| json!({ "id": id })).collect();
        let mut body = json!({ "inputs": inputs, "properties": read.properties });
        if let Some(map) = body.as_object_mut() {
            map.insert("propertiesWithHistory".into(), json!(read.history));
            if let Some(property) = read.id_property {
                map.insert("idProperty".into(), json!(property));
            }
        }
        let archived = if read.archived { "?archived=true" } else { "" };
        self.post(format!("{}/batch/read{archived}", self.objects(object)), &body)
    }

    /// `update`, `create` or `archive` of many.
    pub fn batch(&self, object: &str, verb: &str, inputs: Vec<Value>) -> Request {
        self.post(format!("{}/batch/{verb}", self.objects(object)), &json!({ "inputs": inputs }))
    }

    pub fn search(&self, object: &str, body: &Value) -> Request {
        self.post(format!("{}/search", self.objects(object)), body)
    }

    pub fn properties(&self, object: &str) -> Request {
        self.get(self.properties_url(object))
    }

    pub fn create_property(&self, object: &str, property: &Value) -> Request {
        self.post(self.properties_url(object), property)
    }

    fn properties_url(&self, object: &str) -> String {
        match self.is_dated() {
            true => format!("{}/crm/properties/{}/{object}", self.base, self.version),
            false => format!("{}/crm/v3/properties/{object}", self.base),
        }
    }

    /// Custom object types.
    pub fn schemas(&self) -> Request {
        self.get(match self.is_dated() {
            true => format!("{}/crm-object-schemas/{}/schemas", self.base, self.version),
            false => format!("{}/crm/v3/schemas", self.base),
        })
    }

    /// What the day's budget of private apps is, and how much of it is spent.
    /// Rests on vendor documentation alone; has no dated form there.
    pub fn daily_usage(&self) -> Request {
        self.get(format!("{}/account-info/v3/api-usage/daily/private-apps", self.base))
    }
}

/// What to read of which records.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchRead<'a> {
    pub ids: &'a [String],
    /// What `ids` are values of; the record's own id when absent.
    pub id_property: Option<&'a str>,
    pub properties: &'a [String],
    pub history: &'a [String],
    pub archived: bool,
}

/// Percent-encoding for a query's values (RFC 3986 unreserved, and commas).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b',' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(version: &str) -> Api {
        Api::new("https://api.hubapi.com", version, 1_000)
    }

    #[test]
    fn the_version_decides_the_paths() {
        let list = |version| api(version).list("contacts", &["email".into()], "7", 100, false).url;
        assert_eq!(
            list("v3"),
            "https://api.hubapi.com/crm/v3/objects/contacts?limit=100&archived=false&properties=email&after=7"
        );
        assert!(list("2026-09").starts_with("https://api.hubapi.com/crm/objects/2026-09/contacts?"));
        assert_eq!(api("2026-09").properties("deals").url, "https://api.hubapi.com/crm/properties/2026-09/deals");
    }

    #[test]
    fn a_batch_read_asks_for_history_and_may_go_by_a_unique_property() {
        let ids = ["a@b.example".to_owned()];
        let columns = ["email".to_owned()];
        let read = BatchRead {
            ids: &ids,
            id_property: Some("email"),
            properties: &columns,
            history: &columns,
            ..BatchRead::default()
        };
        let request = api("v3").batch_read("contacts", &read);
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        assert_eq!(body["idProperty"], "email");
        assert_eq!(body["propertiesWithHistory"][0], "email");
        assert_eq!(body["inputs"][0]["id"], "a@b.example");
    }

    #[test]
    fn what_a_query_cannot_hold_is_escaped() {
        assert_eq!(escaped("a b&c=d,e"), "a%20b%26c%3Dd,e");
    }
}
