//! Which search comes next when an object is looked through for what was
//! modified: page by page, beyond the number of results one search gives, and
//! through any number of records of one millisecond. Pure.

use serde_json::{Value, json};

use crate::request::{SEARCH_MAX, SEARCH_PAGE};
use crate::response::MERGED;

/// Property that holds when a record was modified. Contacts have their own.
pub fn modified_property(object: &str) -> &'static str {
    match object.to_ascii_lowercase().as_str() {
        "contacts" | "contact" | "0-1" => "lastmodifieddate",
        _ => "hs_lastmodifieddate",
    }
}

/// One pass over everything modified since a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    property: &'static str,
    from_ms: i64,
    /// More records share `from_ms` than one search gives: these are gone
    /// through by id, from this one on.
    tied_after_id: Option<u64>,
    /// Inside one search.
    after: Option<String>,
    given: u32,
    /// The first and last result of this search.
    first_ms: Option<i64>,
    last: (i64, u64),
}

/// What to do after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    More,
    Done,
}

impl Pass {
    pub fn new(object: &str, from_ms: i64) -> Self {
        Pass {
            property: modified_property(object),
            from_ms,
            tied_after_id: None,
            after: None,
            given: 0,
            first_ms: None,
            last: (from_ms, 0),
        }
    }

    /// Everything modified before this was gone through.
    pub fn from_ms(&self) -> i64 {
        self.from_ms
    }

    /// The next search's body.
    pub fn body(&self) -> Value {
        let time = self.from_ms.to_string();
        let (filters, sort) = match self.tied_after_id {
            None => (json!([{ "propertyName": self.property, "operator": "GTE", "value": time }]), self.property),
            Some(id) => (
                json!([
                    { "propertyName": self.property, "operator": "EQ", "value": time },
                    { "propertyName": "hs_object_id", "operator": "GT", "value": id.to_string() },
                ]),
                "hs_object_id",
            ),
        };
        let mut body = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": sort, "direction": "ASCENDING" }],
            "properties": [self.property, MERGED],
            "limit": SEARCH_PAGE,
        });
        if let (Some(map), Some(after)) = (body.as_object_mut(), &self.after) {
            map.insert("after".into(), json!(after));
        }
        body
    }

    /// Takes a page: the modified time and id of every result, in order, and
    /// where the next page starts.
    pub fn take(&mut self, results: &[(i64, u64)], after: Option<&str>) -> Step {
        self.given += results.len() as u32;
        if let Some((first, _)) = results.first() {
            self.first_ms.get_or_insert(*first);
        }
        if let Some(last) = results.last() {
            self.last = *last;
        }
        let exhausted = self.given >= SEARCH_MAX;
        match after {
            Some(after) if !exhausted && !results.is_empty() => {
                self.after = Some(after.to_owned());
                Step::More
            }
            _ if exhausted => self.search_on(),
            _ => self.search_done(),
        }
    }

    /// One search gave all it can: the next begins where it ended.
    fn search_on(&mut self) -> Step {
        let (last_ms, last_id) = self.last;
        match self.tied_after_id {
            Some(_) => self.tied_after_id = Some(last_id),
            // All of it in one millisecond: by id through that one.
            None if last_ms <= self.from_ms || self.first_ms == Some(last_ms) => {
                self.from_ms = last_ms;
                self.tied_after_id = Some(0);
            }
            None => self.from_ms = last_ms,
        }
        self.begin_search();
        Step::More
    }

    fn search_done(&mut self) -> Step {
        if self.tied_after_id.take().is_none() {
            return Step::Done;
        }
        self.from_ms += 1;
        self.begin_search();
        Step::More
    }

    fn begin_search(&mut self) {
        self.after = None;
        self.given = 0;
        self.first_ms = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search over rows as HubSpot does it.
    fn search(rows: &[(i64, u64)], body: &Value) -> (Vec<(i64, u64)>, Option<String>) {
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
        let filters: Vec<(&str, i64)> = body["filterGroups"][0]["filters"]
            .as_array()
            .expect("filters")
            .iter()
            .map(|filter| (filter["operator"].as_str().unwrap_or_default(), number(&filter["value"])))
            .collect();
        let mut found: Vec<(i64, u64)> = rows
            .iter()
            .filter(|(time, id)| {
                filters.iter().all(|(operator, value)| match *operator {
                    "GTE" => time >= value,
                    "EQ" => time == value,
                    _ => *id as i64 > *value,
                })
            })
            .copied()
            .collect();
        match body["sorts"][0]["propertyName"].as_str() {
            Some("hs_object_id") => found.sort_by_key(|(_, id)| *id),
            _ => found.sort_by_key(|(time, _)| *time),
        }
        let start = body["after"].as_str().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
        let end = (start + SEARCH_PAGE as usize).min(found.len()).min(SEARCH_MAX as usize);
        let more = end < found.len() && end < SEARCH_MAX as usize;
        (found.get(start..end).unwrap_or_default().to_vec(), more.then(|| end.to_string()))
    }

    fn all(rows: &[(i64, u64)], from: i64) -> Vec<u64> {
        let mut pass = Pass::new("contacts", from);
        let mut ids = Vec::new();
        for _ in 0..1_000 {
            let (page, after) = search(rows, &pass.body());
            ids.extend(page.iter().map(|(_, id)| *id));
            if pass.take(&page, after.as_deref()) == Step::Done {
                ids.sort_unstable();
                ids.dedup();
                return ids;
            }
        }
        panic!("the pass does not end");
    }

    #[test]
    fn more_than_one_search_gives_is_gone_through() {
        let rows: Vec<(i64, u64)> =
            (0..21_000).map(|number| (1_000 + i64::from(number) / 7, number as u64 + 1)).collect();
        assert_eq!(all(&rows, 0).len(), 21_000);
        assert_eq!(all(&rows, 1_000 + 2_999).len(), 7);
    }

    #[test]
    fn any_number_of_records_may_share_a_millisecond() {
        let mut rows: Vec<(i64, u64)> = (0..20_500).map(|number| (5_000, number as u64 + 1)).collect();
        rows.push((4_000, 50_000));
        rows.push((6_000, 50_001));
        assert_eq!(all(&rows, 0).len(), 20_502);
        assert_eq!(all(&rows, 5_000).len(), 20_501);
    }

    #[test]
    fn nothing_to_find_ends_at_once() {
        let mut pass = Pass::new("deals", 7);
        assert_eq!(pass.body()["sorts"][0]["propertyName"], "hs_lastmodifieddate");
        assert_eq!(pass.take(&[], None), Step::Done);
    }
}
