//! Whether a connection's settings fit the schema that its connector gives: found before
//! anything is opened, and said in the words of the configuration file.
//!
//! Of JSON Schema's words (draft 2020-12) these are looked at: `type`, `enum`, `const`, `required`,
//! `properties`, `additionalProperties`, `items`, `minimum`, `maximum`, `minLength`, `maxLength`,
//! `minItems`, `maxItems`, `minProperties` and `maxProperties`. All others are left to the connector, which checks its
//! settings anyway: patterns and references come from a stranger, and take as long as he likes.

use lockstep_core::config::{closest, listed};
use serde_json::{Map, Value};

use crate::error::HostError;

/// Further mistakes are not told.
const TOLD_MAX: usize = 5;
/// Settings in settings; what lies deeper is the connector's to check.
const DEPTH_MAX: usize = 16;
/// Values that are looked at; those after them are the connector's to check.
const VALUES_MAX: usize = 10_000;
/// Names and choices of a schema that are compared with what is written; longer lists are the connector's to
/// check, for they are a stranger's and each comparison takes time.
const COMPARED_MAX: usize = 1_000;
/// Characters shown of a value.
const SHOWN_MAX: usize = 80;

/// Whether `config` fits `schema`. A schema that is no JSON object fits everything.
///
/// # Errors
/// [`HostError::Setting`], with up to five mistakes.
pub(crate) fn check(config: &Value, schema: &str) -> Result<(), HostError> {
    let Ok(schema) = serde_json::from_str::<Value>(schema) else { return Ok(()) };
    let mut walk = Walk::default();
    walk.value("", config, &schema, 0);
    if walk.found.is_empty() {
        return Ok(());
    }
    let (reasons, remedies): (Vec<String>, Vec<String>) = walk.found.into_iter().unzip();
    let remedies: Vec<String> = remedies.into_iter().filter(|remedy| !remedy.is_empty()).collect();
    Err(HostError::Setting { reason: reasons.join("; "), remedy: remedies.join("\n") })
}

#[derive(Default)]
struct Walk {
    /// What does not fit, and what can be done.
    found: Vec<(String, String)>,
    values: usize,
}

impl Walk {
    fn value(&mut self, path: &str, value: &Value, schema: &Value, depth: usize) {
        self.values += 1;
        let Some(schema) = schema.as_object() else { return };
        if depth > DEPTH_MAX || self.values > VALUES_MAX || self.found.len() >= TOLD_MAX {
            return;
        }
        if let Some(wanted) = wrong_kind(value, schema) {
            return self.say(format!("{} is {}, and has to be {wanted}", name(path), article(value)), String::new());
        }
        self.choice(path, value, schema);
        self.bounds(path, value, schema);
        match value {
            Value::Object(members) => self.members(path, members, schema, depth),
            Value::Array(items) => {
                let of_each = schema.get("items").unwrap_or(&Value::Null);
                for (index, item) in items.iter().enumerate().take(VALUES_MAX) {
                    self.value(&format!("{path}[{index}]"), item, of_each, depth + 1);
                }
            }
            _ => {}
        }
    }

    fn members(&mut self, path: &str, members: &Map<String, Value>, schema: &Map<String, Value>, depth: usize) {
        let none = Map::new();
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let required = schema.get("required").and_then(Value::as_array);
        for missing in required.into_iter().flatten().filter_map(Value::as_str).take(COMPARED_MAX) {
            if !members.contains_key(missing) {
                let about = known.get(missing).and_then(|it| it.get("description")).and_then(Value::as_str);
                self.say(format!("{} is missing", name(&inside(path, missing))), about.map(shown).unwrap_or_default());
            }
        }
        for (key, member) in members {
            if self.found.len() >= TOLD_MAX {
                return;
            }
            let path = inside(path, key);
            match (known.get(key), schema.get("additionalProperties")) {
                (Some(of_it), _) => self.value(&path, member, of_it, depth + 1),
                (None, Some(Value::Bool(false))) => self.unknown(&path, key, known),
                (None, Some(of_it)) => self.value(&path, member, of_it, depth + 1),
                (None, None) => {}
            }
        }
    }

    fn unknown(&mut self, path: &str, key: &str, known: &Map<String, Value>) {
        let names = || known.keys().map(String::as_str).take(COMPARED_MAX);
        let remedy = match closest(key, names()) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None if known.is_empty() => "There are none.".into(),
            None => format!("There are: {}.", listed(names())),
        };
        self.say(format!("{} is none of the connector's settings", name(path)), remedy);
    }

    fn choice(&mut self, path: &str, value: &Value, schema: &Map<String, Value>) {
        let one = schema.get("const").map(std::slice::from_ref);
        let several = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice);
        for choices in [one, several].into_iter().flatten().filter(|choices| choices.len() <= COMPARED_MAX) {
            if choices.contains(value) {
                continue;
            }
            let remedy = match value.as_str().and_then(|text| closest(text, choices.iter().filter_map(Value::as_str))) {
                Some(meant) => format!("Did you mean \"{}\"?", shown(meant)),
                None => String::new(),
            };
            let choices: Vec<String> = choices.iter().map(|choice| shown(&choice.to_string())).collect();
            let choices = listed(choices.iter().map(String::as_str));
            self.say(
                format!("{} is {}, and has to be one of {choices}", name(path), shown(&value.to_string())),
                remedy,
            );
        }
    }

    fn bounds(&mut self, path: &str, value: &Value, schema: &Map<String, Value>) {
        let (size, what, least, most) = match value {
            Value::Number(number) => (number.as_f64(), "", "minimum", "maximum"),
            Value::String(text) => (Some(text.chars().count() as f64), " characters", "minLength", "maxLength"),
            Value::Array(items) => (Some(items.len() as f64), " entries", "minItems", "maxItems"),
            Value::Object(members) => (Some(members.len() as f64), " entries", "minProperties", "maxProperties"),
            Value::Null | Value::Bool(_) => return,
        };
        let Some(size) = size else { return };
        let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
        let has = if what.is_empty() { "is" } else { "has" };
        if let Some(least) = bound(least).filter(|least| size < *least) {
            self.say(format!("{} {has} {size}{what}, and at least {least} are needed", name(path)), String::new());
        } else if let Some(most) = bound(most).filter(|most| size > *most) {
            self.say(format!("{} {has} {size}{what}, and at most {most} are possible", name(path)), String::new());
        }
    }

    fn say(&mut self, what: String, remedy: String) {
        if self.found.len() < TOLD_MAX {
            self.found.push((what, remedy));
        }
    }
}

/// What the schema asks for, where the value is of another kind.
fn wrong_kind(value: &Value, schema: &Map<String, Value>) -> Option<String> {
    let kinds: Vec<&str> = match schema.get("type")? {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let fits = kinds.is_empty() || kinds.iter().any(|kind| is_of(value, kind));
    (!fits).then(|| kinds.iter().map(|kind| kind_words(kind)).collect::<Vec<_>>().join(" or "))
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        // A word of a later draft: the connector knows what it means.
        _ => true,
    }
}

fn kind_words(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

fn article(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// As it is written in the configuration.
fn name(path: &str) -> String {
    if path.is_empty() { "`config`".into() } else { format!("`config.{}`", shown(path)) }
}

fn inside(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A stranger's or an operator's text, not more of it than a line holds.
fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> String {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["url"],
            "properties": {
                "url": { "type": "string", "minLength": 3, "description": "where it answers" },
                "sslmode": { "enum": ["disable", "prefer", "require"] },
                "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
                "app_id": { "type": ["integer", "string"] },
                "objects": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": { "key": { "type": "array", "minItems": 1, "items": { "type": "string" } } },
                    },
                },
            },
        })
        .to_string()
    }

    /// What is told of settings that do not fit, each in a line, remedies after them.
    fn told(config: Value) -> String {
        match check(&config, &schema()) {
            Err(HostError::Setting { reason, remedy }) => format!("{reason}\n{remedy}").trim_end().to_owned(),
            Err(other) => panic!("{other}"),
            Ok(()) => String::new(),
        }
    }

    #[test]
    fn what_fits_passes() {
        for config in [
            json!({ "url": "db://" }),
            json!({ "url": "db://", "sslmode": "prefer", "port": 1, "app_id": "x", "objects": { "a": { "key": ["id"] } } }),
            json!({ "url": "db://", "port": 65535.0, "app_id": 7, "objects": {} }),
        ] {
            assert_eq!(told(config), "");
        }
    }

    #[test]
    fn every_mistake_is_told_in_the_words_of_the_file() {
        for (config, expected) in [
            (json!({}), "`config.url` is missing\nwhere it answers"),
            (
                json!({ "url": "db://", "sslmod": "prefer" }),
                "`config.sslmod` is none of the connector's settings\nDid you mean `sslmode`?",
            ),
            (
                json!({ "url": "db://", "colour": 1 }),
                "`config.colour` is none of the connector's settings\nThere are: app_id, objects, port, sslmode, url.",
            ),
            (
                json!({ "url": "db://", "sslmode": "prefre" }),
                "`config.sslmode` is \"prefre\", and has to be one of \"disable\", \"prefer\", \"require\"\n\
                 Did you mean \"prefer\"?",
            ),
            (json!({ "url": "db://", "port": "5432" }), "`config.port` is text, and has to be a whole number"),
            (json!({ "url": "db://", "port": 1.5 }), "`config.port` is a number, and has to be a whole number"),
            (json!({ "url": "db://", "port": 70_000 }), "`config.port` is 70000, and at most 65535 are possible"),
            (
                json!({ "url": "db://", "app_id": true }),
                "`config.app_id` is true or false, and has to be a whole number or text",
            ),
            (json!({ "url": "x" }), "`config.url` has 1 characters, and at least 3 are needed"),
            (
                json!({ "url": "db://", "objects": { "people": { "key": ["id", 2] } } }),
                "`config.objects.people.key[1]` is a whole number, and has to be text",
            ),
            (
                json!({ "url": "db://", "objects": { "people": { "kye": ["id"] } } }),
                "`config.objects.people.kye` is none of the connector's settings\nDid you mean `key`?",
            ),
            (json!([1]), "`config` is a list, and has to be a table"),
        ] {
            assert_eq!(told(config.clone()), expected, "{config}");
        }
    }

    #[test]
    fn a_value_is_shown_only_where_it_has_to_be_one_of_a_few() {
        assert!(!told(json!({ "url": 77_777, "port": "hush" })).contains("hush"));
    }

    #[test]
    fn what_a_stranger_asks_for_is_bounded() {
        let many: Map<String, Value> = (0..1000).map(|n| (format!("k{n}"), json!(1))).collect();
        assert!(told(Value::Object(many)).len() < 2000);
        let long = json!({ "url": "db://", "sslmode": "x".repeat(100_000), "y".repeat(100_000): 1 });
        assert!(told(long).len() < 1000);
        let choices: Vec<String> = (0..100_000).map(|n| format!("c{n}")).collect();
        let endless = json!({ "items": { "enum": choices } }).to_string();
        assert!(check(&json!(vec!["c99999"; 9_000]), &endless).is_ok());
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        for odd in [
            "",
            "7",
            "no JSON",
            "{\"type\": 7, \"enum\": 3, \"required\": {}, \"properties\": []}",
            "{\"type\":\"later\"}",
        ] {
            assert!(check(&deep, odd).is_ok(), "{odd}");
        }
    }
}
