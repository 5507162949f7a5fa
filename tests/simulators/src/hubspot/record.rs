//! One record: its values with their whole history, and what the search index
//! has seen of it. Knows no schema.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Who or what set a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `INTEGRATION`, `CRM_UI`, `AUTOMATION_PLATFORM`, `MERGE_OBJECTS`, `CALCULATED`, …
    pub kind: String,
    /// An app's id, `userId:…`, a workflow's; may be empty.
    pub id: String,
    pub user_id: Option<u64>,
}

impl Source {
    /// A program that came through the API.
    pub fn integration(app_id: u64) -> Self {
        Self { kind: "INTEGRATION".into(), id: app_id.to_string(), user_id: None }
    }

    /// A person in the vendor's own pages.
    pub fn user(user_id: u64) -> Self {
        Self { kind: "CRM_UI".into(), id: format!("userId:{user_id}"), user_id: Some(user_id) }
    }

    pub fn system(kind: &str, id: &str) -> Self {
        Self { kind: kind.into(), id: id.into(), user_id: None }
    }
}

/// One value a property had, from `at_ms` on. Empty: cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub value: String,
    pub at_ms: i64,
    pub source: Source,
}

/// Values as the search index has them, visible from `from_ms` on.
#[derive(Debug, Clone)]
pub struct Indexed {
    pub from_ms: i64,
    /// None: taken out of the index.
    pub values: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone)]
pub struct Record {
    pub id: u64,
    /// Per property, oldest first.
    pub versions: BTreeMap<String, Vec<Version>>,
    pub created_ms: i64,
    /// Archiving does not move it.
    pub updated_ms: i64,
    pub archived_ms: Option<i64>,
    /// Oldest first; at most one of them is already visible.
    pub index: Vec<Indexed>,
}

impl Record {
    pub fn new(id: u64, now_ms: i64) -> Self {
        Self {
            id,
            versions: BTreeMap::new(),
            created_ms: now_ms,
            updated_ms: now_ms,
            archived_ms: None,
            index: Vec::new(),
        }
    }

    /// The value now; None when unset or cleared.
    pub fn current(&self, property: &str) -> Option<&str> {
        self.versions.get(property)?.last().map(|version| version.value.as_str()).filter(|value| !value.is_empty())
    }

    /// Sets a value; whether it changed. The value that is there already leaves a
    /// trace only if `repeated` says so.
    pub fn set(&mut self, property: &str, value: &str, now_ms: i64, source: &Source, repeated: bool) -> bool {
        let same = self.current(property).unwrap_or_default() == value;
        if same && !repeated {
            return false;
        }
        let version = Version { value: value.to_owned(), at_ms: now_ms, source: source.clone() };
        self.versions.entry(property.to_owned()).or_default().push(version);
        self.updated_ms = now_ms;
        !same
    }

    /// What the search index shows at `now_ms`; forgets what it has outgrown.
    pub fn indexed(&mut self, now_ms: i64) -> Option<&BTreeMap<String, String>> {
        let visible = self.index.iter().rposition(|entry| entry.from_ms <= now_ms)?;
        self.index.drain(..visible);
        self.index.first()?.values.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_again_leaves_no_trace() {
        let mut record = Record::new(1, 10);
        let user = Source::user(7);
        assert!(record.set("city", "Bern", 20, &user, false));
        assert!(!record.set("city", "Bern", 30, &user, false));
        assert!(!record.set("state", "", 30, &user, false), "clearing what is unset is nothing");
        assert_eq!((record.updated_ms, record.versions["city"].len()), (20, 1));
        assert!(!record.set("city", "Bern", 40, &user, true));
        assert_eq!((record.updated_ms, record.versions["city"].len()), (40, 2), "unless it is asked to");
    }

    #[test]
    fn the_index_shows_what_was_written_only_later() {
        let mut record = Record::new(1, 0);
        let values = |city: &str| Some(BTreeMap::from([("city".to_owned(), city.to_owned())]));
        record.index.push(Indexed { from_ms: 100, values: values("Bern") });
        record.index.push(Indexed { from_ms: 200, values: values("Chur") });
        assert!(record.indexed(99).is_none());
        assert_eq!(record.indexed(150).map(|seen| seen["city"].as_str()), Some("Bern"));
        assert_eq!(record.indexed(200).map(|seen| seen["city"].as_str()), Some("Chur"));
        assert_eq!(record.index.len(), 1);
    }
}
