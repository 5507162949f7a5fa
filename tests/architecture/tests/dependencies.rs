//! `core` ← `state` ← `engine` ← `server` ← `cli`, `core` ← `host` ← `conformance` ← `cli`; one room per library.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What each runtime crate may depend on inside the workspace.
const ALLOWED: &[(&str, &[&str])] = &[
    ("lockstep-core", &[]),
    ("lockstep-state", &["lockstep-core"]),
    ("lockstep-host", &["lockstep-core"]),
    ("lockstep-conformance", &["lockstep-core", "lockstep-host"]),
    ("lockstep-engine", &["lockstep-core", "lockstep-state"]),
    ("lockstep-server", &["lockstep-core", "lockstep-engine"]),
    (
        "lockstep",
        &[
            "lockstep-conformance",
            "lockstep-core",
            "lockstep-state",
            "lockstep-host",
            "lockstep-engine",
            "lockstep-server",
        ],
    ),
    ("lockstep-checker", &[]),
];

/// Libraries that only one crate may name.
const ROOMS: &[(&str, &str)] = &[
    ("wasmtime", "lockstep-host"),
    ("wasmtime-wasi", "lockstep-host"),
    ("wasmtime-wasi-http", "lockstep-host"),
    ("rusqlite", "lockstep-state"),
];

/// What the pure crate must not be able to reach.
const BANNED_IN_CORE: &[&str] = &["tokio", "rand", "getrandom", "reqwest", "hyper", "rusqlite", "wasmtime", "tracing"];

/// Licences that may be linked in.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "Unlicense",
    "0BSD",
    "MPL-2.0",
    "CDLA-Permissive-2.0",
    "BSL-1.0",
    "MIT-0",
    "Apache-2.0 WITH LLVM-exception",
    "OpenSSL",
    "NCSA",
];

fn metadata() -> Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Workspace package name to the names of its normal dependencies.
fn dependencies(metadata: &Value) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().context("members")?.iter().filter_map(Value::as_str).collect();
    let mut all = BTreeMap::new();
    for package in metadata["packages"].as_array().context("packages")? {
        if !members.contains(package["id"].as_str().context("id")?) {
            continue;
        }
        let names = package["dependencies"].as_array().context("dependencies")?.iter();
        let names = names.filter(|dependency| dependency["kind"].is_null());
        let names = names.filter_map(|dependency| dependency["name"].as_str().map(String::from)).collect();
        all.insert(package["name"].as_str().context("name")?.to_owned(), names);
    }
    Ok(all)
}

#[test]
fn dependencies_point_one_way() -> Result<()> {
    let all = dependencies(&metadata()?)?;
    for (package, allowed) in ALLOWED {
        let names = all.get(*package).with_context(|| format!("{package} is not in the workspace"))?;
        let ours = names.iter().filter(|name| name.starts_with("lockstep"));
        for name in ours {
            ensure!(allowed.contains(&name.as_str()), "{package} must not depend on {name}");
        }
    }
    Ok(())
}

#[test]
fn only_one_room_names_each_big_library() -> Result<()> {
    for (package, names) in dependencies(&metadata()?)? {
        for (library, room) in ROOMS {
            ensure!(
                package == *room || !names.contains(*library),
                "{package} must not name {library}: that is {room}'s"
            );
        }
    }
    Ok(())
}

#[test]
fn the_core_cannot_reach_clocks_files_or_the_network() -> Result<()> {
    let all = dependencies(&metadata()?)?;
    let core = all.get("lockstep-core").context("lockstep-core")?;
    for banned in BANNED_IN_CORE {
        ensure!(!core.contains(*banned), "lockstep-core must not depend on {banned}");
    }
    Ok(())
}

#[test]
fn every_dependency_has_a_licence_we_accept() -> Result<()> {
    let metadata = metadata()?;
    for package in metadata["packages"].as_array().context("packages")? {
        let licence = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
        let accepted = licence.split(" OR ").map(|part| part.trim_matches(['(', ')', ' '])).any(|choice| {
            LICENCES.contains(&choice)
                || choice.split(" AND ").all(|part| LICENCES.contains(&part.trim_matches(['(', ')', ' '])))
        });
        ensure!(accepted, "{} has licence {licence:?}, which is not on the list", package["name"]);
    }
    Ok(())
}
