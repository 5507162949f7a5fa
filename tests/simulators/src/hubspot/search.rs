//! Search: filter groups, sorting, paging by position, over an index that lags
//! behind the records. What the index finds is then read from the records
//! themselves, so that an archived one is counted and not shown.

use std::{cmp::Ordering, collections::BTreeMap};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    error::ApiError,
    schema::ObjectType,
    show::{Wanted, iso},
    store::Store,
    value::instant_ms,
};

pub const PAGE_MAX: usize = 200;
const PAGE_DEFAULT: usize = 10;
pub const GROUPS_MAX: usize = 5;
pub const GROUP_FILTERS_MAX: usize = 6;
pub const FILTERS_MAX: usize = 18;
const VALUES_MAX: usize = 100;
const ISO_LENGTH: usize = "2022-02-17T20:19:27.424Z".len();
const QUERY_CHARACTERS_MAX: usize = 3_000;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Search {
    filter_groups: Vec<Group>,
    sorts: Vec<Sort>,
    query: Option<String>,
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    filters: Vec<Filter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    property_name: String,
    operator: String,
    value: Option<Value>,
    values: Option<Vec<Value>>,
    high_value: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Sort {
    /// `-createdate`: descending.
    Name(String),
    Full {
        #[serde(rename = "propertyName")]
        property: String,
        direction: Option<String>,
    },
}

impl Sort {
    fn parts(&self) -> (&str, bool) {
        match self {
            Self::Name(name) => name.strip_prefix('-').map_or((name.as_str(), false), |name| (name, true)),
            Self::Full { property, direction } => {
                (property, direction.as_deref().is_some_and(|direction| direction.eq_ignore_ascii_case("DESCENDING")))
            }
        }
    }
}

type Values = BTreeMap<String, String>;

impl Store {
    pub fn search(&mut self, now_ms: i64, object: &ObjectType, mut search: Search) -> Result<Value, ApiError> {
        let limit = search.limit.unwrap_or(PAGE_DEFAULT);
        search.check(object, limit)?;
        let start = match &search.after {
            None | Some(Value::Null) => 0,
            Some(after) => {
                let text = plain(after);
                if text.is_empty() { 0 } else { text.parse::<usize>().map_err(|_| invalid("after is not a number"))? }
            }
        };
        if start + limit > self.settings.search_results_max {
            let max = self.settings.search_results_max;
            return Err(ApiError::validation(format!("Paging through more than {max} results is not supported")));
        }
        let records = self.records.entry(object.object_type_id.clone()).or_default();
        for record in records.values_mut() {
            record.indexed(now_ms);
        }
        let records = self.records.get(&object.object_type_id).into_iter().flat_map(BTreeMap::values);
        let mut found: Vec<(u64, &Values)> = records
            .filter_map(|record| {
                let visible = record.index.first().filter(|entry| entry.from_ms <= now_ms)?;
                Some((record.id, visible.values.as_ref()?))
            })
            .filter(|(_, values)| search.finds(object, values))
            .collect();
        found.sort_by(|one, other| search.order(object, one, other));
        let wanted = Wanted { properties: search.properties.clone(), ..Wanted::default() };
        let page = found.iter().skip(start).take(limit);
        let results: Vec<Value> = page
            .filter_map(|(id, _)| self.record(&object.object_type_id, *id))
            .filter(|record| record.archived_ms.is_none())
            .map(|record| self.show(object, record, &wanted))
            .collect();
        let mut out = Map::new();
        out.insert("total".into(), found.len().into());
        out.insert("results".into(), results.into());
        if start + limit < found.len() {
            out.insert("paging".into(), json!({ "next": { "after": (start + limit).to_string() } }));
        }
        Ok(Value::Object(out))
    }
}

impl Search {
    fn check(&mut self, object: &ObjectType, limit: usize) -> Result<(), ApiError> {
        if limit > PAGE_MAX {
            return Err(invalid(format!("limit must be at most {PAGE_MAX}")));
        }
        let filters: usize = self.filter_groups.iter().map(|group| group.filters.len()).sum();
        if self.filter_groups.len() > GROUPS_MAX
            || filters > FILTERS_MAX
            || self.filter_groups.iter().any(|group| group.filters.len() > GROUP_FILTERS_MAX)
        {
            return Err(invalid(format!(
                "Too many filters: at most {GROUPS_MAX} groups, {GROUP_FILTERS_MAX} filters in each, {FILTERS_MAX} in all"
            )));
        }
        if self.query.as_ref().is_some_and(|query| query.chars().count() > QUERY_CHARACTERS_MAX) {
            return Err(invalid(format!("query is longer than {QUERY_CHARACTERS_MAX} characters")));
        }
        for filter in self.filter_groups.iter_mut().flat_map(|group| &mut group.filters) {
            filter.check(object)?;
            let is_time = object.property(&filter.property_name).is_some_and(|property| property.kind == "datetime");
            for value in [&mut filter.value, &mut filter.high_value].into_iter().flatten().filter(|_| is_time) {
                if let Some(ms) = instant_ms(&plain(value)) {
                    *value = iso(ms).into();
                }
            }
        }
        let unknown = self.sorts.iter().map(|sort| sort.parts().0).find(|name| object.property(name).is_none());
        match unknown {
            Some(name) => Err(invalid(format!("There was a problem with the request: property {name} does not exist"))),
            None => Ok(()),
        }
    }

    fn finds(&self, object: &ObjectType, values: &Values) -> bool {
        let filtered = self.filter_groups.is_empty()
            || self.filter_groups.iter().any(|group| group.filters.iter().all(|filter| filter.holds(object, values)));
        let asked = self.query.as_deref().map(str::to_lowercase).filter(|query| !query.trim().is_empty());
        let mentioned = asked.is_none_or(|query| {
            let mut texts = object.searchable_properties.iter().filter_map(|name| values.get(name));
            texts.any(|text| text.to_lowercase().contains(query.trim()))
        });
        filtered && mentioned
    }

    /// The sorts asked for, then oldest first.
    fn order(&self, object: &ObjectType, one: &(u64, &Values), other: &(u64, &Values)) -> Ordering {
        for sort in &self.sorts {
            let (name, descending) = sort.parts();
            let kind = object.property(name).map_or("string", |property| property.kind.as_str());
            let order = match (one.1.get(name), other.1.get(name)) {
                // Records without the value come last, whichever the direction.
                (None, None) => continue,
                (None, Some(_)) => return Ordering::Greater,
                (Some(_), None) => return Ordering::Less,
                (Some(one), Some(other)) => compare(kind, one, other),
            };
            if order.is_ne() {
                return if descending { order.reverse() } else { order };
            }
        }
        one.0.cmp(&other.0)
    }
}

impl Filter {
    fn check(&self, object: &ObjectType) -> Result<(), ApiError> {
        if object.property(&self.property_name).is_none() {
            return Err(invalid(format!(
                "There was a problem with the request: property {} does not exist",
                self.property_name
            )));
        }
        let single = self.value.is_some();
        let list = self.values.as_ref().is_some_and(|values| !values.is_empty());
        let complete = match self.operator.as_str() {
            "EQ" | "NEQ" | "LT" | "LTE" | "GT" | "GTE" | "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN" => single,
            "BETWEEN" => single && self.high_value.is_some(),
            "IN" | "NOT_IN" => list,
            "HAS_PROPERTY" | "NOT_HAS_PROPERTY" => !single,
            other => return Err(invalid(format!("Invalid input JSON: unknown operator {other}"))),
        };
        if !complete {
            return Err(invalid(format!("operator {} does not have the values it needs", self.operator)));
        }
        if self.values.as_ref().is_some_and(|values| values.len() > VALUES_MAX) {
            return Err(invalid(format!("at most {VALUES_MAX} values")));
        }
        Ok(())
    }

    fn holds(&self, object: &ObjectType, values: &Values) -> bool {
        let property = object.property(&self.property_name);
        let kind = property.map_or("string", |property| property.kind.as_str());
        let many = property.is_some_and(|property| property.holds_many());
        let own = values.get(&self.property_name).map(String::as_str);
        let wanted = self.value.as_ref().map(plain).unwrap_or_default();
        let is = |own: &str, wanted: &str| match many {
            true => own.split(';').any(|one| one.eq_ignore_ascii_case(wanted)),
            false => compare(kind, own, wanted).is_eq(),
        };
        let against = |test: fn(Ordering) -> bool| own.is_some_and(|own| test(compare(kind, own, &wanted)));
        let any = || self.values.iter().flatten().any(|one| own.is_some_and(|own| is(own, &plain(one))));
        match self.operator.as_str() {
            "EQ" => own.is_some_and(|own| is(own, &wanted)),
            "NEQ" => own.is_none_or(|own| !is(own, &wanted)),
            "LT" => against(Ordering::is_lt),
            "LTE" => against(Ordering::is_le),
            "GT" => against(Ordering::is_gt),
            "GTE" => against(Ordering::is_ge),
            "BETWEEN" => {
                let high = self.high_value.as_ref().map(plain).unwrap_or_default();
                against(Ordering::is_ge) && own.is_some_and(|own| compare(kind, own, &high).is_le())
            }
            "IN" => any(),
            "NOT_IN" => !any(),
            "HAS_PROPERTY" => own.is_some(),
            "NOT_HAS_PROPERTY" => own.is_none(),
            "CONTAINS_TOKEN" => own.is_some_and(|own| contains_token(own, &wanted)),
            "NOT_CONTAINS_TOKEN" => own.is_none_or(|own| !contains_token(own, &wanted)),
            _ => false,
        }
    }
}

/// Numbers as numbers, times as times, text without regard to case.
fn compare(kind: &str, one: &str, other: &str) -> Ordering {
    match kind {
        "number" => match (one.parse::<f64>(), other.parse::<f64>()) {
            (Ok(one), Ok(other)) => one.total_cmp(&other),
            _ => one.cmp(other),
        },
        // Times with milliseconds sort as they stand.
        "datetime" if one.len() == ISO_LENGTH && other.len() == ISO_LENGTH => one.cmp(other),
        "date" | "datetime" => match (instant_ms(one), instant_ms(other)) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => one.cmp(other),
        },
        _ => one.to_lowercase().cmp(&other.to_lowercase()),
    }
}

/// Whether one word of `text` is the wanted one; `*` stands for any letters.
fn contains_token(text: &str, wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    let text = text.to_lowercase();
    let words = text.split(|character: char| character.is_whitespace() || ",;/".contains(character));
    let parts = words.clone().flat_map(|word| word.split(['@', '.', '-', '_']));
    words.chain(parts).any(|word| like(word, &wanted))
}

fn like(word: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return word == pattern };
    let Some(mut left) = word.strip_prefix(first) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return left.ends_with(piece);
        }
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    true
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::validation(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_by_their_kind() {
        assert!(compare("number", "9", "10").is_lt());
        assert!(compare("string", "9", "10").is_gt());
        assert!(compare("string", "Bern", "bern").is_eq());
        assert!(compare("datetime", "2022-02-17T20:19:27.424Z", "1645129167424").is_eq());
    }

    #[test]
    fn a_token_is_a_word_or_a_part_of_an_address() {
        for (text, wanted, expected) in [
            ("Ann Lee", "lee", true),
            ("Ann Lee", "le", false),
            ("Ann Lee", "le*", true),
            ("ann@example.com", "*@example.com", true),
            ("ann@example.com", "example", true),
            ("ann@example.com", "*@other.com", false),
        ] {
            assert_eq!(contains_token(text, wanted), expected, "{wanted} in {text}");
        }
    }
}
