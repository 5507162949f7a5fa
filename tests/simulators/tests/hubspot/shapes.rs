//! Recorded traffic of the real vendor, played again: each answer must have the
//! recorded status, headers and shape (members, nulls, kinds of text). The
//! recordings are not part of this repository; without them this says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use lockstep_simulators::hubspot::Settings;
use serde_json::{Value, json};

use crate::client::Caller;

/// Where recordings are looked for, unless the environment names a folder.
const ENVIRONMENT: &str = "LOCKSTEP_RECORDINGS";
/// The legacy properties API is recorded and not played.
const NOT_PLAYED: &str = "/properties/v1/";
/// The exchanges that are expected to be played.
const PLAYED_MIN: usize = 30;

fn recordings() -> Result<Option<Vec<Value>>> {
    let beside = || -> Option<PathBuf> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
        Some(repository.parent()?.join("shared").join("recordings"))
    };
    let folder = env::var_os(ENVIRONMENT).map(PathBuf::from).or_else(beside).context("a folder")?;
    let Ok(text) = fs::read_to_string(folder.join("hubspot.jsonl")) else { return Ok(None) };
    Ok(Some(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?))
}

/// A value with everything forgotten but its shape.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::String(text) => kind(text).into(),
        Value::Number(_) => "<number>".into(),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

/// Times and correlation ids by their pattern; every other text by itself, unless it is an id.
fn kind(text: &str) -> String {
    let pattern: String = text.chars().map(|one| if one.is_ascii_hexdigit() { '#' } else { one }).collect();
    if pattern == "####-##-##T##:##:##.###Z" {
        return "<time>".into();
    }
    if pattern == "########-####-####-####-############" {
        return "<uuid>".into();
    }
    if text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_digit()) { "<id>".into() } else { text.to_owned() }
}

/// An account with the object types of the recorded one, and its clock stopped.
fn account() -> Result<Caller> {
    let hub = Caller::with(Settings { burst_max: 100, ..Settings::default() })?;
    hub.account.stage().clock.stop_at("2022-02-17T20:19:27.424Z".parse()?);
    let text = |name: &str| json!({ "name": name, "label": name, "type": "string", "fieldType": "text" });
    let number = json!({ "name": "number_field", "type": "number", "fieldType": "number" });
    let date = json!({ "name": "date_field", "type": "date", "fieldType": "date" });
    let mut properties: Vec<Value> =
        ["email", "first_name", "last_name", "text_field", "grouparoo_object_property"].map(text).into();
    properties.extend([number.clone(), date.clone()]);
    let id = hub.account.declare_object(json!({
        "name": "grouparoo_object",
        "labels": { "singular": "Grouparoo object", "plural": "Grouparoo objects" },
        "requiredProperties": ["grouparoo_object_property"],
        "searchableProperties": ["grouparoo_object_property"],
        "primaryDisplayProperty": "grouparoo_object_property",
        "properties": properties,
    }))?;
    ensure!(id == "2-3604285", "the recorded paths name 2-3604285, ours is {id}");
    for object in ["contacts", "companies"] {
        for property in [text("text_field"), number.clone(), date.clone()] {
            hub.account.declare_property(object, property)?;
        }
    }
    Ok(hub)
}

#[test]
fn recorded_exchanges_are_answered_in_the_recorded_shape() -> Result<()> {
    let Some(recorded) = recordings()? else {
        eprintln!("SKIPPED: no recordings; set {ENVIRONMENT} to the folder that holds hubspot.jsonl");
        return Ok(());
    };
    let hub = account()?;
    // A contact that the recording begins with, long in the index.
    let old = hub.account.create("contacts", &[("email", "grouparoo@demo.com"), ("firstname", "John")])?;
    hub.account.stage().clock.advance(Duration::from_secs(60));
    let mut ids = BTreeMap::from([("286101".to_owned(), old.to_string())]);
    let mut played = 0;
    for exchange in recorded.iter().filter(|one| one["path"].as_str().is_some_and(|path| !path.contains(NOT_PLAYED))) {
        if exchange["path"].as_str().is_some_and(|path| path.contains("/schemas")) {
            continue;
        }
        play(&hub, exchange, &mut ids).with_context(|| format!("{} {}", exchange["method"], exchange["path"]))?;
        played += 1;
    }
    let schemas: Vec<&Value> =
        recorded.iter().filter(|one| one["path"].as_str().is_some_and(|path| path.contains("/schemas"))).collect();
    for exchange in &schemas {
        compare_schema(&hub, exchange, &schemas).with_context(|| format!("{}", exchange["path"]))?;
        played += 1;
    }
    ensure!(played >= PLAYED_MIN, "only {played} exchanges were played");
    Ok(())
}

fn play(hub: &Caller, exchange: &Value, ids: &mut BTreeMap<String, String>) -> Result<()> {
    let limited = exchange["status"] == 429;
    hub.account.set(|settings| settings.search_secondly_max = if limited { 0 } else { 100 });
    // Past the burst's window, while the index stays as it was.
    hub.account.set(|settings| settings.search_lag_ms = 3_600_000);
    hub.account.stage().clock.advance(Duration::from_millis(31_003));
    let mut body = exchange["request"].to_string();
    for (theirs, ours) in ids.iter() {
        body = body.replace(&format!("\"{theirs}\""), &format!("\"{ours}\""));
    }
    let body: Value = serde_json::from_str(&body)?;
    let path = exchange["path"].as_str().context("path")?;
    let answer = hub.post(path, &body)?;
    ensure!(
        answer.status == exchange["status"],
        "status {} for {}: {}",
        answer.status,
        exchange["status"],
        answer.body
    );
    let theirs = if exchange["body"] == "" { &Value::Null } else { &exchange["body"] };
    let (mine, expected) = (shape(&answer.body), shape(theirs));
    ensure!(mine == expected, "\n  ours   {mine}\n  theirs {expected}");
    compare_headers(&answer.headers, &exchange["headers"])?;
    if path.ends_with("/batch/create") {
        ids.insert(theirs["results"][0]["id"].as_str().context("id")?.into(), answer.text("/results/0/id")?);
    }
    Ok(())
}

fn compare_headers(ours: &[(String, String)], theirs: &Value) -> Result<()> {
    let counted = |name: &str| name.starts_with("x-hubspot-ratelimit") || name == "content-type";
    let mine: BTreeSet<&str> = ours.iter().map(|(name, _)| name.as_str()).filter(|name| counted(name)).collect();
    let expected: BTreeSet<&str> =
        theirs.as_object().context("headers")?.keys().map(String::as_str).filter(|name| counted(name)).collect();
    ensure!(mine == expected, "headers\n  ours   {mine:?}\n  theirs {expected:?}");
    for name in ["content-type", "x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-max", "x-hubspot-ratelimit-secondly"]
    {
        let own = ours.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        ensure!(own == theirs[name].as_str(), "{name}: {own:?}, recorded {}", theirs[name]);
    }
    Ok(())
}

type Keys = BTreeSet<String>;

fn keys(value: &Value) -> Keys {
    value.as_object().into_iter().flat_map(|members| members.keys().cloned()).collect()
}

/// One schema of an answer, which may be a list of them.
fn first_schema(body: &Value) -> &Value {
    body.get("results").map_or(body, |list| &list[0])
}

/// The schemas of ours have other properties; each must have the members that
/// some recorded property has.
fn compare_schema(hub: &Caller, exchange: &Value, all: &[&Value]) -> Result<()> {
    let path = exchange["path"].as_str().context("path")?;
    let answer = hub.get(path)?;
    ensure!(exchange["status"] == answer.status, "status {}", answer.status);
    let (ours, theirs) = (first_schema(&answer.body), first_schema(&exchange["body"]));
    ensure!(keys(ours) == keys(theirs), "\n  ours   {:?}\n  theirs {:?}", keys(ours), keys(theirs));
    for list in ["properties", "associations"] {
        let recorded = all.iter().filter_map(|one| first_schema(&one["body"])[list].as_array());
        let known: BTreeSet<Keys> = recorded.flatten().map(keys).collect();
        for one in ours[list].as_array().context("a list")? {
            ensure!(known.contains(&keys(one)), "{list}: no recorded one has the members of {one}");
        }
    }
    for member in ["archived", "restorable", "metaType", "fullyQualifiedName", "objectTypeId", "name", "id"] {
        let listed = exchange["body"].get("results").is_some();
        ensure!(listed || ours[member] == theirs[member], "{member}: {} for {}", ours[member], theirs[member]);
    }
    let option_keys = |schema: &Value| -> BTreeSet<Keys> {
        let properties = schema["properties"].as_array().into_iter().flatten();
        properties.flat_map(|one| one["options"].as_array().into_iter().flatten().map(keys)).collect()
    };
    let known = option_keys(theirs);
    ensure!(known.is_empty() || option_keys(ours).is_subset(&known), "options {:?}", option_keys(ours));
    Ok(())
}
