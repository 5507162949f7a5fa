//! Connectors with their systems, ready for the kit.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, ensure};
use lockstep_conformance::{
    Report, Sandboxed, Settings, Subject, Verdict,
    practice::{Practice, TOKEN},
};
use lockstep_host::{Component, ConnectionConfig, Host, HostOptions, Secrets};
use lockstep_simulators::hubspot::{Account, Options};
use serde_json::{Value, json};
use zeroize::Zeroizing;

fn target() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// A guest in a language that not every machine can build. `None` where
/// `cargo xtask guests` left it out and said why.
pub async fn guest_if_built(name: &str) -> Result<Option<Component>> {
    let note = target().join("guests").join(format!("{name}.missing"));
    if let Ok(why) = std::fs::read_to_string(note) {
        eprintln!("{name} is not tried here: {why}");
        return Ok(None);
    }
    guest(name).await.map(Some)
}

/// A guest that `cargo xtask guests` built.
pub async fn guest(name: &str) -> Result<Component> {
    load(bytes_of(name)?).await
}

/// The bytes of a guest that `cargo xtask guests` built.
pub fn bytes_of(name: &str) -> Result<Vec<u8>> {
    let path = target().join("guests").join(format!("{name}.wasm"));
    ensure!(path.is_file(), "{} is missing: run `cargo xtask guests` first", path.display());
    Ok(std::fs::read(path)?)
}

/// A component from its bytes.
pub async fn load(bytes: Vec<u8>) -> Result<Component> {
    let host = Host::new(HostOptions { cache_dir: Some(target().join("compiled")), ..HostOptions::default() })?;
    Ok(host.load(bytes, None).await?)
}

/// A connection with these settings, secrets and grants.
pub fn connection(config: Value, secrets: &[(&str, &str)], grants: &[String]) -> ConnectionConfig {
    let mut held = Secrets::new();
    for (name, value) in secrets {
        held.insert(*name, Zeroizing::new((*value).to_owned()));
    }
    ConnectionConfig { secrets: Arc::new(held), grants: grants.to_vec(), ..ConnectionConfig::new("kit", config) }
}

/// A secret of every [`hubspot`] connection, besides its token.
pub const WEBHOOK_SECRET: &str = "of the webhooks";

/// A HubSpot account that is asked as fast as the kit can.
pub fn account() -> Result<Account> {
    let account = Account::start(Options::default())?;
    account.set(|settings| {
        settings.limits_enforced = false;
        settings.search_lag_ms = 100;
    });
    Ok(account)
}

/// A connection to it, of one of its apps.
pub fn hubspot(account: &Account, app_id: u64, token: &str) -> ConnectionConfig {
    let url = account.url();
    let grant = url.replacen("http://", "http:", 1);
    let config = json!({
        "base_url": url, "app_id": app_id, "poll_interval_ms": 200, "archived_interval_ms": 1000,
        "webhook_url": "https://kit.example/kit",
    });
    let secrets = [("token", token), ("client_secret", WEBHOOK_SECRET)];
    ConnectionConfig { auth: Some("private-app".into()), ..connection(config, &secrets, &[grant]) }
}

/// What the kit has to be told of its contacts.
pub fn contacts() -> Settings {
    Settings {
        columns: ["jobtitle", "city", "phone"].map(String::from).into(),
        values: [("email".to_owned(), "kit-{n}@example.com".to_owned())].into(),
        webhook_headers: ["x-hubspot-signature-v3", "x-hubspot-request-timestamp"].map(String::from).into(),
        ..settings(Some("contacts"))
    }
}

/// The Rust starter with a practice service of its own.
pub async fn practice(component: Component) -> Result<(Practice, Sandboxed)> {
    let service = Practice::start(0).await.context("the practice service")?;
    let grant = service.url().replacen("http://", "http:", 1);
    let ready = connection(json!({ "base_url": service.url() }), &[("token", TOKEN)], &[grant]);
    Ok((service, Sandboxed::new(component, ready)))
}

/// Settings for a system that answers at once.
pub fn settings(object: Option<&str>) -> Settings {
    Settings { object: object.map(str::to_owned), wait_ms: 10_000, seed: 0x2026_1127, ..Settings::default() }
}

/// Runs the kit and says in words what does not hold.
pub async fn judged(subject: &dyn Subject, settings: &Settings) -> Result<Report> {
    let report = lockstep_conformance::run(subject, settings, |line| {
        let more = match &line.verdict {
            Verdict::Passed => String::new(),
            Verdict::Failed(finding) => format!("\n    expected: {}\n    seen:     {}", finding.expected, finding.seen),
            Verdict::Skipped(reason) => format!(" ({reason})"),
        };
        let (rule, name) = (line.rule.name(), line.verdict.name());
        eprintln!("{name:<8} {rule:<22} {:>6} ms{more}", line.took_ms);
    })
    .await;
    Ok(report)
}
