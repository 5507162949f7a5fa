//! One entry of a property's history, and whose it is.

use serde::Deserialize;

use crate::value::calendar;

/// How HubSpot marks what an app wrote.
pub const INTEGRATION: &str = "INTEGRATION";

/// A value a property had, since when, and who gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Entry {
    pub value: Option<String>,
    pub timestamp: String,
    pub source_type: String,
    pub source_id: Option<String>,
    pub source_label: Option<String>,
    pub updated_by_user_id: Option<i64>,
}

impl Entry {
    /// Microseconds since 1970; 0 where it cannot be read.
    pub fn at_us(&self) -> i64 {
        calendar::parse_timestamp(&self.timestamp).unwrap_or_default()
    }

    /// Who made it, for people.
    pub fn by(&self) -> String {
        let id = self.source_id.as_deref().filter(|id| !id.is_empty());
        match (id, self.updated_by_user_id) {
            (Some(id), _) => format!("{} {id}", self.source_type),
            (None, Some(user)) => format!("{} user {user}", self.source_type),
            (None, None) => self.source_type.clone(),
        }
    }
}

/// How entries of ours are told.
#[derive(Clone, Debug, Default)]
pub struct Ours {
    pub app_id: Option<String>,
}

impl Ours {
    /// Whether an entry is one of ours. Without the app's id nobody's entry is
    /// taken for ours unless it is an app's and holds what we wanted to write:
    /// what is wrongly taken for foreign is merged, what is wrongly taken for
    /// ours would be lost.
    pub fn made(&self, entry: &Entry, is_wanted: bool) -> bool {
        entry.source_type == INTEGRATION
            && match &self.app_id {
                Some(id) => entry.source_id.as_deref() == Some(id),
                None => is_wanted,
            }
    }
}

/// When the newest of these entries was made, in milliseconds since 1970.
pub fn newest_ms<'a>(histories: impl IntoIterator<Item = &'a [Entry]>) -> Option<i64> {
    histories.into_iter().flatten().map(Entry::at_us).max().map(|micros| micros.div_euclid(1_000))
}

#[cfg(test)]
pub(super) mod samples {
    use super::Entry;

    /// `seconds` after some hour; `source` is `app` for ours or a user's name.
    pub fn entry(value: &str, seconds: u32, source: &str) -> Entry {
        let app = source == "app";
        Entry {
            value: Some(value.into()),
            timestamp: format!("2026-11-27T08:00:{seconds:02}.000Z"),
            source_type: if app { "INTEGRATION".into() } else { "CRM_UI".into() },
            source_id: Some(if app { "77".into() } else { format!("userId:{source}") }),
            ..Entry::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::entry;
    use super::*;

    #[test]
    fn an_apps_entry_is_ours_by_its_id_or_else_by_what_we_wanted() {
        let ours = Ours { app_id: Some("77".into()) };
        assert!(ours.made(&entry("x", 1, "app"), false));
        assert!(!Ours { app_id: Some("78".into()) }.made(&entry("x", 1, "app"), true));
        assert!(!ours.made(&entry("x", 1, "ann"), true));
        assert!(Ours::default().made(&entry("x", 1, "app"), true));
        assert!(!Ours::default().made(&entry("x", 1, "app"), false));
    }

    #[test]
    fn the_newest_of_all_histories_counts() {
        let (a, b) = ([entry("x", 1, "ann")], [entry("y", 3, "ann"), entry("z", 2, "ann")]);
        assert_eq!(newest_ms([&a[..], &b[..]]), calendar::parse_timestamp(&b[0].timestamp).map(|us| us / 1_000));
        assert_eq!(newest_ms([&[][..]]), None);
    }
}
