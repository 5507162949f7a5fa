//! What the connector says of itself, and what it makes of a configuration
//! that cannot work.

use std::collections::BTreeSet;

use lockstep_host::{HostError, Role};
use serde_json::{Value, json};

use super::refused;
use crate::{
    bench::Bench,
    report::{Checked, Stop, expect},
    subject::Opening,
};

const CHANGES: [&str; 4] = ["log", "webhook", "poll", "none"];
const PRECONDITIONS: [&str; 4] = ["atomic", "precondition", "read-check-write", "none"];
const ABILITIES: [&str; 6] = ["delete", "ensure", "transactions", "webhooks", "truncate", "release"];
const SCHEMES: [&str; 6] =
    ["oauth2-client-credentials", "oauth2-jwt-bearer", "oauth2-refresh-token", "bearer", "api-key-header", "basic"];
const REACHES: [&str; 3] = ["tcp:", "https:", "http:"];

pub(crate) fn well_formed(bench: &mut Bench<'_>) -> Checked {
    let spec = &bench.spec;
    expect(!spec.name.trim().is_empty(), "a name", || "an empty one".into())?;
    expect(!spec.version.trim().is_empty(), "a version", || "an empty one".into())?;
    one_of("`changes`", &spec.changes, &CHANGES)?;
    one_of("`precondition`", &spec.precondition, &PRECONDITIONS)?;
    for ability in &spec.abilities {
        one_of("an ability", ability, &ABILITIES)?;
    }
    let abilities: BTreeSet<&String> = spec.abilities.iter().collect();
    expect(abilities.len() == spec.abilities.len(), "each ability once", || spec.abilities.join(", "))?;
    for ask in &spec.permissions {
        let known = REACHES.iter().any(|kind| ask.strip_prefix(kind).is_some_and(|rest| !rest.is_empty()));
        expect(known, "permissions such as `https:config.base_url`", || format!("`{ask}`"))?;
    }
    for ask in &spec.credentials {
        let is_use = ask.split_once(':').is_some_and(|(operation, secret)| !operation.is_empty() && !secret.is_empty());
        expect(is_use, "credential uses such as `hmac-sha256:secret`", || format!("`{ask}`"))?;
    }
    let mut names = BTreeSet::new();
    for scheme in &spec.auth_schemes {
        one_of("an authentication scheme's kind", &scheme.kind, &SCHEMES)?;
        expect(names.insert(&scheme.name), "each scheme's name once", || format!("`{}` twice", scheme.name))?;
        expect(!scheme.secret.is_empty(), "a scheme that names its secret", || scheme.name.clone())?;
        expect(!scheme.hosts.is_empty(), "a scheme that says where it may be sent", || scheme.name.clone())?;
    }
    Ok(())
}

fn one_of(what: &str, found: &str, known: &[&str]) -> Checked {
    expect(known.contains(&found), format!("{what} to be one of {}", known.join(", ")), || format!("`{found}`"))
}

pub(crate) fn config_schema(bench: &mut Bench<'_>) -> Checked {
    let schema: Value = serde_json::from_str(&bench.spec.config_schema)
        .map_err(|error| Stop::failed("a JSON Schema", format!("no JSON: {error}")))?;
    expect(schema["type"] == json!("object"), "a schema of an object", || schema["type"].to_string())?;
    let properties = schema["properties"].as_object();
    let given = bench.subject.config().as_object();
    for name in given.into_iter().flat_map(|given| given.keys()) {
        let known = properties.is_some_and(|properties| properties.contains_key(name));
        expect(known, "every setting in use under `properties`", || format!("`{name}` is not described"))?;
    }
    let required = schema["required"].as_array();
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let is_given = given.is_some_and(|given| given.contains_key(name));
        expect(is_given, "every required setting to be given", || format!("`{name}` is required and missing"))?;
    }
    Ok(())
}

/// Settings of the wrong type, each refused by `open` before anything is sent.
pub(crate) async fn open_refuses(bench: &mut Bench<'_>) -> Checked {
    let mut tried = vec![("a configuration that is a list", json!([1, 2, 3]))];
    let schema: Value = serde_json::from_str(&bench.spec.config_schema).unwrap_or(Value::Null);
    let mut given = bench.subject.config().clone();
    let text = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).next().map(str::to_owned);
    if let (Some(name), Some(settings)) = (text, given.as_object_mut()) {
        settings.remove(&name);
        tried.push(("a configuration without a required setting", given));
    }
    for (what, config) in tried {
        let opened = open_with(bench, config).await;
        refused(what, opened, &["config"])?;
    }
    Ok(())
}

async fn open_with(bench: &Bench<'_>, config: Value) -> Result<(), HostError> {
    // A session opens with its first call.
    let session = bench.subject.open(Role::Read, Opening::Config(config)).await?;
    session.check(&[]).await.map(drop)
}
