//! Writes whose answer may have been lost, and what a read must not show of
//! them: see docs/decisions, "a lost answer must not hide what was overwritten".

use std::collections::{HashMap, HashSet};

use crate::audit::{Ours, is_unsettled};
use crate::response::Record;

/// How long after a session began an earlier one's writes may still be about
/// to be sent again.
pub(super) const YOUNG_MS: u64 = 120_000;
/// How long after a session began a request that an earlier one had sent may still
/// take effect: longer than HubSpot works on one.
const UNDER_WAY_US: i64 = 60_000_000;
/// How long the search index may lag behind: a miss before that proves nothing.
const INDEX_LAG_MS: u64 = 15_000;

#[derive(Debug, Default)]
pub(super) struct Unsettled {
    opened_us: i64,
    opened_ms: u64,
    /// Records of which a write by this session is in doubt: object and id.
    records: HashSet<(String, String)>,
    /// When a create of an object was last in doubt.
    creates: HashMap<String, u64>,
}

impl Unsettled {
    pub fn new(opened_us: i64, opened_ms: u64) -> Self {
        Unsettled { opened_us, opened_ms, ..Unsettled::default() }
    }

    /// A write of this record may or may not have been done.
    pub fn doubt(&mut self, object: &str, id: &str) {
        self.records.insert((object.to_owned(), id.to_owned()));
    }

    /// The record's next write has looked at its history.
    pub fn settle(&mut self, object: &str, id: &str) {
        if !self.records.is_empty() {
            self.records.remove(&(object.to_owned(), id.to_owned()));
        }
    }

    pub fn doubt_create(&mut self, object: &str, now_ms: u64) {
        self.creates.insert(object.to_owned(), now_ms);
    }

    /// Whether a property's present value is better not told yet: it is ours
    /// and lies over somebody's, and the write's answer may have been lost.
    pub fn withholds(&self, object: &str, record: &Record, property: &str, ours: &Ours, now_ms: u64) -> bool {
        let doubted = self.records.contains(&(object.to_owned(), record.id.clone()));
        let young = now_ms.saturating_sub(self.opened_ms) < YOUNG_MS;
        if !doubted && !young {
            return false;
        }
        let entries = record.history(property);
        // What was written later than this is settled, unless in doubt. What the sessions of
        // this time wrote meanwhile is known, so that leaving it out changes nothing.
        let until_us = self.opened_us.saturating_add(UNDER_WAY_US);
        let may_be_earlier = entries.first().is_some_and(|entry| entry.at_us() < until_us);
        (doubted || may_be_earlier) && is_unsettled(entries, ours)
    }

    /// Milliseconds until a search that finds nothing can be believed.
    pub fn search_believed_in_ms(&self, object: &str, now_ms: u64) -> u64 {
        let since = self.creates.get(object).copied().unwrap_or(self.opened_ms).max(self.opened_ms);
        (since + INDEX_LAG_MS).saturating_sub(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let json = r#"{"id":"7","properties":{"name":"Y"},"propertiesWithHistory":{"name":[
            {"value":"Y","timestamp":"1970-01-01T00:00:10Z","sourceType":"INTEGRATION","sourceId":"77"},
            {"value":"F","timestamp":"1970-01-01T00:00:09Z","sourceType":"CRM_UI"}]}}"#;
        serde_json::from_str(json).expect("a record")
    }

    #[test]
    fn an_earlier_sessions_write_over_somebodys_value_is_not_shown_for_a_while() {
        let ours = Ours { app_id: Some("77".into()) };
        let after = Unsettled::new(20_000_000, 0);
        assert!(after.withholds("contacts", &record(), "name", &ours, 1_000));
        assert!(!after.withholds("contacts", &record(), "name", &ours, YOUNG_MS));
        // A request that was under way when the earlier session died took effect in this one's time.
        let under_way = Unsettled::new(9_500_000, 0);
        assert!(under_way.withholds("contacts", &record(), "name", &ours, 1_000));
        let before = Unsettled::new(-UNDER_WAY_US, 0);
        assert!(!before.withholds("contacts", &record(), "name", &ours, 1_000));
    }

    #[test]
    fn a_doubted_write_is_not_shown_until_its_next_look() {
        let ours = Ours { app_id: Some("77".into()) };
        let mut unsettled = Unsettled::new(-UNDER_WAY_US, 0);
        unsettled.doubt("contacts", "7");
        assert!(unsettled.withholds("contacts", &record(), "name", &ours, 10 * YOUNG_MS));
        unsettled.settle("contacts", "7");
        assert!(!unsettled.withholds("contacts", &record(), "name", &ours, 10 * YOUNG_MS));
    }

    #[test]
    fn a_search_miss_is_believed_when_the_index_had_time() {
        let mut unsettled = Unsettled::new(0, 1_000);
        assert_eq!(unsettled.search_believed_in_ms("deals", 1_000), INDEX_LAG_MS);
        unsettled.doubt_create("deals", 31_000);
        assert_eq!(unsettled.search_believed_in_ms("deals", 32_000), INDEX_LAG_MS - 1_000);
        assert_eq!(unsettled.search_believed_in_ms("contacts", 32_000), 0);
    }
}
