//! What a component costs before it does anything: loading it when it was compiled
//! before, and making an instance.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockstep_core::{value::Timestamp, webhook::Webhook};
use lockstep_host::{Component, ConnectionConfig, Host, HostError, HostOptions, Role, kept_name};

use crate::{composed, measures::Figure, sandbox};

/// From the smallest to the interpreters of Python and JavaScript.
const COMPONENTS: [&str; 6] = ["echo", "postgres", "hubspot", "salesforce", "rest", "jsonl"];
/// Whose instances are made.
const INSTANCES: [&str; 2] = ["echo", "postgres"];
/// Of one that is put together for its size.
const COMPOSED_BYTES: usize = 5_000_000;
const LOADS: usize = 21;
const SESSIONS: usize = 201;

/// Where `cargo xtask guests` puts components.
pub fn guests() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("guests")
}

/// Everything; components that are not built are left out.
pub async fn measure() -> Result<Vec<Figure>> {
    let cache = tempfile::tempdir().context("a folder for compiled components")?;
    let mut figures = Vec::new();
    for name in COMPONENTS {
        let path = guests().join(format!("{name}.wasm"));
        if !path.is_file() {
            eprintln!("{name}: left out, it is not built here");
            continue;
        }
        let component = loads(name, &path, cache.path(), &mut figures).await?;
        if name == "echo" {
            figures.extend(sandbox::measure(&component).await?);
        }
        if INSTANCES.contains(&name) {
            figures.extend(instances(name, &component).await?);
        }
    }
    ensure!(!figures.is_empty(), "there is no component in {}", guests().display());
    if let Some(large) = composed::of_at_least(COMPOSED_BYTES, &guests())? {
        let path = cache.path().join("composed.wasm");
        fs::write(&path, large)?;
        loads("composed", &path, cache.path(), &mut figures).await?;
    }
    Ok(figures)
}

/// Compiles it, and then loads it as often as is measured.
async fn loads(name: &str, path: &Path, cache: &Path, figures: &mut Vec<Figure>) -> Result<Component> {
    let component = host(cache)?.load_file(path, None).await?;
    let compiled = compiled_bytes(cache, &kept_name(&fs::read(path)?))?;
    let mut loads = Vec::with_capacity(LOADS);
    for _ in 0..LOADS {
        let host = host(cache)?;
        let began = Instant::now();
        host.load_file(path, None).await?;
        loads.push(began.elapsed());
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    figures.push(Figure::new(format!("{name}: component"), "MB", megabytes(component.bytes())));
    figures.push(Figure::new(format!("{name}: machine code"), "MB", megabytes(compiled)));
    figures.push(Figure::new(format!("{name}: load p50"), "ms", median(loads) * 1e3));
    Ok(component)
}

fn host(cache: &Path) -> Result<Host> {
    Ok(Host::new(HostOptions { cache_dir: Some(cache.to_owned()), ..HostOptions::default() })?)
}

fn compiled_bytes(cache: &Path, name: &str) -> Result<u64> {
    for entry in fs::read_dir(cache)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(name) {
            return Ok(entry.metadata()?.len());
        }
    }
    anyhow::bail!("{name} was not kept")
}

/// A session's first call makes its instance, opens it and is carried out, its second is only
/// carried out: what is between them is the instance. Nobody sent the webhook that both are about.
async fn instances(name: &str, component: &Component) -> Result<Vec<Figure>> {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    let connection = ConnectionConfig::new("bench", serde_json::json!({ "url": "postgres://nobody@127.0.0.1:1/none" }));
    for _ in 0..SESSIONS {
        let session = component.open(Role::Ingest, connection.clone()).await?;
        for times in [&mut firsts, &mut seconds] {
            let began = Instant::now();
            let answered = session.ingest(&webhook()).await;
            times.push(began.elapsed());
            match answered {
                Ok(_) => {}
                Err(HostError::Guest(error)) if error.code == "unsupported" => {}
                Err(error) => return Err(error).context("a webhook that nobody sent"),
            }
        }
    }
    let (first, second) = (median(firsts), median(seconds));
    Ok(vec![
        Figure::new(format!("{name}: an instance, made and opened, p50"), "µs", (first - second) * 1e6),
        Figure::new(format!("{name}: a call that does nothing, p50"), "µs", second * 1e6),
    ])
}

/// In seconds.
pub fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64()
}

fn webhook() -> Webhook {
    Webhook {
        method: "POST".into(),
        path: "/".into(),
        url: "http://127.0.0.1/".into(),
        headers: Vec::new(),
        body: Vec::new(),
        received_at: Timestamp(0),
    }
}
