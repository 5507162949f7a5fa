//! The file's JSON Schema, for editors.

use serde_json::{Value, json};

/// A JSON Schema (2020-12) of the configuration file. Looser than the reader
/// where JSON Schema cannot follow, such as names that refer to each other.
pub fn json_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lockstep configuration",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "connections": named(json!({ "$ref": "#/$defs/connection" })),
            "syncs": named(json!({ "$ref": "#/$defs/sync" })),
            "state": closed(json!({ "path": { "type": "string", "description": "The state file, relative to this one" } }), &[]),
            "server": closed(json!({
                "listen": { "type": "string", "description": "Address and port where webhooks are taken, and health and metrics told" },
                "public_url": { "type": "string", "pattern": "^https?://" }
            }), &[]),
            "connectors": closed(json!({
                "probation": { "$ref": "#/$defs/duration" },
                "trusted_keys": {
                    "description": "Who may sign components",
                    "type": "object",
                    "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,62}$" },
                    "additionalProperties": {
                        "type": "string",
                        "pattern": "^(ed25519:[A-Za-z0-9+/]{43}=$|\\s*-----BEGIN PUBLIC KEY-----)"
                    }
                },
                "require_signature": { "type": "boolean", "default": false },
                "watch_folder": { "type": "string", "description": "Where new versions of connectors are put, relative to this file" },
                "registries": {
                    "description": "How registries of components are asked, by host and port",
                    "type": "object",
                    "propertyNames": { "pattern": "^[a-z0-9.:\\[\\]-]+$" },
                    "additionalProperties": closed(json!({
                        "username": { "type": "string" },
                        "password": { "type": "string", "pattern": "^(env|file|credential):" },
                        "plain_http": { "type": "boolean", "description": "Without encryption" },
                        "timeout": { "$ref": "#/$defs/duration", "description": "All that is asked of it for one component; 10 min" },
                        "silence": { "$ref": "#/$defs/duration", "description": "How long it may say nothing; 60 s" }
                    }), &[])
                }
            }), &[]),
            "journal": closed(json!({ "keep": { "$ref": "#/$defs/duration" } }), &[])
        },
        "$defs": {
            "duration": { "type": "string", "pattern": "^[0-9]+ *(ms|s|m|min|h|d)$" },
            "size": { "type": "string", "pattern": "^[0-9]+ *(B|KiB|MiB|GiB)$" },
            "names": { "type": "array", "items": { "type": "string" } },
            "connection": connection(),
            "policy": policy(),
            "notation": notation(),
            "component": { "type": "string", "pattern": "\\.wasm$" },
            "expression": { "type": "string", "minLength": 1, "maxLength": 4_096 },
            "sync": sync(),
            "side": side(),
            "field": field()
        }
    })
}

/// An object whose keys are names that the operator chooses.
fn named(item: Value) -> Value {
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,62}$" },
        "additionalProperties": item
    })
}

fn closed(properties: Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false
    })
}

fn connection() -> Value {
    closed(
        json!({
            "connector": { "type": "string", "description": "A built-in, a path to a .wasm, or oci://…@sha256:…" },
            "digest": { "type": "string", "pattern": "^sha256:[0-9a-fA-F]{64}$" },
            "config": { "type": "object", "description": "The connector's own settings" },
            "secrets": {
                "type": "object",
                "additionalProperties": { "type": "string", "pattern": "^(env|file|credential):" }
            },
            "auth": { "type": "string", "description": "The connector's way of signing in, by its name" },
            "account": { "type": "string", "description": "Connections of one account share its rate budget" },
            "root_certificates": { "type": "string", "description": "A PEM file, trusted besides the system's" },
            "grant": {
                "type": "array",
                "items": { "type": "string", "pattern": "^(tcp:.+:[0-9]+|https?:.+|private-network)$" }
            },
            "conformance": closed(json!({
                "object": { "type": "string", "description": "What the conformance kit may write to" },
                "columns": { "type": "array", "items": { "type": "string" } },
                "values": { "type": "object", "additionalProperties": { "type": "string" } },
                "rival": { "type": "string", "description": "The connection of the competing writer" },
                "webhook_headers": { "type": "array", "items": { "type": "string" } },
                "wait": { "$ref": "#/$defs/duration" },
                "rows_max": { "type": "integer", "minimum": 1, "maximum": 10_000_000 }
            }), &[]),
            "limits": closed(super::limits::schemas(), &[]),
            "webhooks": closed(json!({
                "public_url": { "type": "string", "pattern": "^https?://", "description": "The address the system was told" },
                "answer_within": { "$ref": "#/$defs/duration" },
                "body_max": { "$ref": "#/$defs/size" },
                "per_second_max": { "type": "integer", "minimum": 1, "maximum": 100_000 }
            }), &[])
        }),
        &["connector"],
    )
}

fn policy() -> Value {
    let prefer = json!({ "prefer": { "anyOf": [
        { "type": "string" },
        { "$ref": "#/$defs/names", "minItems": 1 }
    ] } });
    let latest = json!({ "latest": { "const": true }, "else": { "$ref": "#/$defs/policy" } });
    json!({ "anyOf": [
        { "enum": ["hold", "latest", "union", "max", "min", "sum-deltas", "append"] },
        closed(prefer, &["prefer"]),
        closed(latest, &["latest"]),
        closed(json!({ "custom": { "$ref": "#/$defs/component" } }), &["custom"])
    ] })
}

/// How a column writes values.
fn notation() -> Value {
    let text = json!({ "type": "string" });
    let one = |key: &str, value: Value| closed(json!({ key: value }), &[key]);
    let words = json!({ "anyOf": [text, { "type": "integer" }, { "type": "boolean" }, { "$ref": "#/$defs/names" }] });
    let values = json!({ "type": "object", "minProperties": 1, "additionalProperties": words });
    let number = json!({ "enum": crate::cast::Separators::examples().collect::<Vec<_>>() });
    json!({ "anyOf": [
        { "enum": [
            "phone", "country", "currency", "percent", "fraction", "epoch-seconds", "epoch-milliseconds", "html"
        ] },
        closed(json!({
            "phone": { "type": "string", "pattern": "^[A-Z]{2}$" },
            "write": { "enum": ["e164", "international", "national"] }
        }), &[]),
        one("country", json!({ "enum": ["alpha-2", "alpha-3", "name"] })),
        one("number", number.clone()),
        closed(json!({ "money": { "type": "string" }, "number": number }), &["money"]),
        one("date", text.clone()),
        one("time", text.clone()),
        closed(json!({ "timestamp": text, "zone": text }), &["timestamp"]),
        one("zone", text.clone()),
        one("values", values.clone()),
        closed(json!({ "delimiter": { "type": "string", "maxLength": 1 }, "values": values }), &["delimiter"]),
        one("transform", json!({ "$ref": "#/$defs/component" }))
    ] })
}

fn sync() -> Value {
    closed(
        json!({
            "sides": {
                "type": "object",
                "minProperties": 2,
                "maxProperties": 32,
                "additionalProperties": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/side" }] }
            },
            "match": {
                "description": "Fields that must all agree, or several such sets, tried in order",
                "anyOf": [
                    { "$ref": "#/$defs/names" },
                    { "type": "array", "items": { "$ref": "#/$defs/names" } }
                ]
            },
            "conflict": { "$ref": "#/$defs/policy" },
            "initial": { "$ref": "#/$defs/policy" },
            "deletes": { "enum": ["update-wins", "delete-wins", "hold"] },
            "filter": { "$ref": "#/$defs/expression", "description": "Which records take part" },
            "leaving": {
                "description": "What becomes of the rows of a record that the filter no longer lets take part",
                "anyOf": [
                    { "enum": ["keep", "unlink"] },
                    closed(json!({ "delete": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/names" }] } }), &["delete"])
                ]
            },
            "groups": named(json!({ "$ref": "#/$defs/names" })),
            "fields": { "anyOf": [
                { "const": "same-name" },
                {
                    "type": "object",
                    "properties": { "*": { "const": "same-name" } },
                    "additionalProperties": { "anyOf": [
                        { "type": "string" },
                        { "const": false },
                        { "$ref": "#/$defs/field" }
                    ] }
                }
            ] },
            "declined": {
                "description": "Columns that do not belong together, so that `map` does not propose them again",
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { "reviewed": reviewed() },
                    "additionalProperties": { "type": "string" }
                }
            },
            "delete_storm": { "anyOf": [
                { "type": "boolean" },
                closed(json!({
                    "count": { "type": "integer", "minimum": 1 },
                    "share": { "type": "string", "pattern": "^[0-9]+ *%$" },
                    "window": { "$ref": "#/$defs/duration" }
                }), &[])
            ] },
            "skew_tolerance": { "$ref": "#/$defs/duration" },
            "bounces_max": { "type": "integer", "minimum": 1, "maximum": 100 }
        }),
        &["sides", "match", "fields"],
    )
}

fn side() -> Value {
    let flag = json!({ "type": "boolean", "default": true });
    closed(
        json!({
            "connection": { "type": "string" },
            "object": { "type": "string" },
            "creates": flag,
            "updates": flag,
            "deletes": flag,
            "inserts": flag
        }),
        &["object"],
    )
}

fn reviewed() -> Value {
    let text = json!({ "type": "string" });
    closed(json!({ "by": text, "at": text, "note": text }), &[])
}

/// Further keys are side names.
fn field() -> Value {
    let column = closed(
        json!({
            "column": { "type": "string" },
            "read": { "type": "boolean", "default": true },
            "write": { "type": "boolean", "default": true },
            "as": { "$ref": "#/$defs/notation" }
        }),
        &["column"],
    );
    json!({
        "type": "object",
        "properties": {
            "conflict": { "$ref": "#/$defs/policy" },
            "initial": { "$ref": "#/$defs/policy" },
            "one_way": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/names" }] },
            "ref": { "type": "string", "description": "The sync whose records it refers to" },
            "sensitive": { "type": "boolean", "default": false },
            "lossy": { "type": "boolean", "default": false },
            "as": { "$ref": "#/$defs/notation" },
            "from": {
                "description": "Computed from other fields, and only written",
                "anyOf": [
                    { "$ref": "#/$defs/expression" },
                    closed(json!({
                        "transform": { "$ref": "#/$defs/component" },
                        "of": { "type": "array", "items": { "type": "string" }, "minItems": 1 }
                    }), &["transform", "of"])
                ]
            },
            "default": { "$ref": "#/$defs/expression", "description": "What a new row gets where the record has no value" },
            "reviewed": reviewed()
        },
        "additionalProperties": { "anyOf": [{ "type": "string" }, column] }
    })
}
