//! `lockstep connector list, load, upgrade, approve, rollback, disable, enable`:
//! which version of a connector serves a connection, and how another takes over.

use std::{path::Path, time::Duration};

use lockstep_core::config::{ConnectorSettings, duration_ms};
use lockstep_engine::{
    port::{About, ComponentName},
    versions::{Came, ConnectorView, Order, UpgradeReport},
};
use lockstep_host::Limits;
use lockstep_server::{Client, requests};
use serde_json::{Value as Json, json};

use crate::{
    configuration,
    connectors::{self, Loaded, Loader},
    context::Context,
    failure::{Exit, Failure},
    kept, moment, pin,
    screen::Tone,
    table::{self, Table, dash, text},
};

/// Characters of a digest that people are shown.
const SHORT: usize = 12;
/// How often the end of a probation is looked for.
const LOOK: Duration = Duration::from_millis(250);
/// Looking goes on for so long after the probation should be over.
const LATE: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub struct UpgradeArgs {
    /// The connection whose connector is to change
    connection: String,
    /// A path to a .wasm file, oci://…@sha256:…, or a built-in's name
    to: String,
    /// The SHA-256 that it must have
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
    /// Let it take over although it tells otherwise what the version in use told
    #[arg(long)]
    accept_differences: bool,
    /// Write the new connector and its digest into the configuration once it has proved itself
    #[arg(long)]
    pin: bool,
    /// How long it is watched before it has proved itself, such as `30s`
    #[arg(long, value_name = "TIME")]
    probation: Option<String>,
    /// Wait until it has proved itself
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
pub struct VersionArgs {
    /// The connection
    connection: String,
    /// How the version's SHA-256 begins
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct ConnectionArgs {
    /// The connection
    connection: String,
}

#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// A path to a .wasm file, oci://…@sha256:…, or a built-in's name
    connector: String,
    /// The SHA-256 that it must have
    #[arg(long, value_name = "SHA256")]
    digest: Option<String>,
}

pub async fn list(context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let built_in: Vec<String> = connectors::built_in().into_keys().collect();
    let views: Vec<ConnectorView> = match context.config_path().exists() {
        true => context.looking_client().await?.post("/v1/connectors", &Json::Null).await?,
        false => Vec::new(),
    };
    if screen.json {
        screen.out_json(&json!({ "built_in": built_in, "connections": views }));
        return Ok(Exit::Done);
    }
    screen.out(format!("built in: {}", if built_in.is_empty() { "none".to_owned() } else { built_in.join(", ") }));
    let mut table = Table::new(&["connection", "connector", "version", "sha256", "since", "by", "state"]);
    let mut waits = false;
    for view in &views {
        let state = state_of(view);
        waits |= view.waiting.is_some();
        let Some(one) = &view.in_use else {
            let configured = text(&view.configured);
            table.row(vec![text(&view.connection).tone(Tone::Name), configured, dash(), dash(), dash(), dash(), state]);
            continue;
        };
        table.row(vec![
            text(&view.connection).tone(Tone::Name),
            text(&one.about.name),
            text(&one.about.version),
            text(short(&one.about.digest)),
            text(moment::show(one.at.0)).tone(Tone::Dim),
            text(&one.by),
            state,
        ]);
    }
    if !table.is_empty() {
        screen.out(table.render(screen));
    }
    for view in &views {
        details(view, context);
    }
    screen.next("`lockstep connector inspect NAME` tells what one asks for");
    Ok(if waits { Exit::Attention } else { Exit::Done })
}

fn state_of(view: &ConnectorView) -> crate::table::Cell {
    if view.disabled.is_none() && !view.parked.is_empty() {
        return text("parked").tone(Tone::Bad);
    }
    match (&view.disabled, &view.waiting, &view.in_use) {
        (Some(disabled), _, _) => text(format!("disabled by {}", disabled.by)).tone(Tone::Bad),
        (None, Some(_), _) => text("another version waits").tone(Tone::Warn),
        (None, None, Some(one)) if one.probation => text("on probation").tone(Tone::Warn),
        (None, None, Some(_)) => text("in use").tone(Tone::Good),
        (None, None, None) => text("has not run").tone(Tone::Dim),
    }
}

/// What is beside the version in use: one that waits, those before, those refused.
fn details(view: &ConnectorView, context: &Context<'_>) {
    let screen = context.screen;
    let named = |about: &About| format!("{} {} {}", about.name, about.version, short(&about.digest));
    if let Some(one) = view.in_use.as_ref() {
        let About { from, signature, .. } = &one.about;
        // One that took over before signatures were looked at says nothing of its own.
        let comma = if signature.is_empty() { "" } else { ", " };
        screen.out(format!("{}: from {from}{comma}{signature}", view.connection));
    }
    for parked in &view.parked {
        screen.out(format!("{}: parked for {}: {}", view.connection, parked.role, table::clean(&parked.reason)));
        screen.next(format!("`lockstep connector incidents {}` tells what it did", view.connection));
    }
    if let Some(waiting) = &view.waiting {
        screen.out(format!(
            "{}: {} waits; it asks {}",
            view.connection,
            named(&waiting.about),
            waiting.wider.join(", ")
        ));
        screen.next(format!("`lockstep connector approve {}` lets it take over", view.connection));
    }
    for before in &view.before {
        screen.out(format!("{}: before {}", view.connection, named(&before.about)));
    }
    for refused in &view.refused {
        let when = moment::show(refused.at.0);
        let what = format!("{when} {} {}: {}", refused.code, named(&refused.about), refused.why);
        screen.out(format!("{}: refused {what}", view.connection));
    }
}

/// Takes a component in: verified, compiled and put aside; nothing uses it yet.
pub async fn load(args: &LoadArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let source = connectors::source(&args.connector, Path::new(""))?;
    let settings = match context.config_path().exists() {
        true => configuration::load(context.config_path())?.connectors,
        false => ConnectorSettings::default(),
    };
    let folder = context.config_path().with_file_name("");
    let loader = Loader::keeping(Some(kept::beside(&context.state_path())), &settings, &folder);
    let bar = screen.progress("loading", None);
    let digest = args.digest.as_deref().map(plain);
    let limits = Limits::default().load;
    let component = loader.load(&source, digest.as_deref(), &limits).await;
    bar.finish_and_clear();
    let loaded = component?;
    let Loaded { component, signature, .. } = &loaded;
    let spec = component.spec().await?;
    loader.keep(&source, &loaded, &limits).await?;
    if screen.json {
        screen.out_json(&json!({
            "name": spec.name, "version": spec.version, "digest": component.digest(), "bytes": component.bytes(),
            "signature": signature.to_string(),
        }));
        return Ok(Exit::Done);
    }
    screen.out(format!("{} {} is put aside as sha256:{}; {signature}", spec.name, spec.version, component.digest()));
    screen.next(format!(
        "`lockstep connector upgrade CONNECTION kept --digest {}` lets it take over",
        component.digest()
    ));
    Ok(Exit::Done)
}

pub async fn upgrade(args: &UpgradeArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.connecting_client().await?;
    let probation_ms = args.probation.as_deref().map(probation).transpose()?;
    let order = Order {
        connection: args.connection.clone(),
        to: ComponentName { from: absolute(&args.to)?, digest: args.digest.as_deref().map(plain) },
        by: context.by(),
        accept_differences: args.accept_differences,
        pin: args.pin,
        probation_ms,
    };
    if order.pin && order.to.from == lockstep_engine::port::KEPT {
        let lies = "a component that was put aside has no path to write into the file";
        return Err(Failure::usage("LS-CLI-031", lies)
            .remedy("Name the component's own path, or write its digest into the file yourself."));
    }
    let bar = context.screen.progress("comparing with the version in use", None);
    let report: Result<UpgradeReport, _> = client.post("/v1/connector/upgrade", &order).await;
    bar.finish_and_clear();
    let report = report?;
    if report.came == Came::Switched && (args.wait || args.pin) {
        proved(&client, &report, context).await?;
    }
    if report.came == Came::Switched && args.pin {
        pin::write(context.config_path(), &args.connection, &order.to.from, &report)?;
    }
    told(report, context)
}

pub async fn approve(args: &VersionArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    change(args, context, "approve").await
}

pub async fn rollback(args: &VersionArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    change(args, context, "rollback").await
}

async fn change(args: &VersionArgs, context: &Context<'_>, verb: &str) -> Result<Exit, Failure> {
    let client = context.connecting_client().await?;
    let digest = args.digest.as_deref().map(plain);
    let asked = requests::Version { connection: args.connection.clone(), digest, by: context.by() };
    let report: UpgradeReport = client.post(&format!("/v1/connector/{verb}"), &asked).await?;
    told(report, context)
}

pub async fn disable(args: &ConnectionArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    turn(args, context, "disable").await?;
    if !context.screen.json {
        context.screen.out(format!("{} is disabled; changes wait at the source", args.connection));
        context.screen.next(format!("`lockstep connector enable {}` lets it work again", args.connection));
    }
    Ok(Exit::Done)
}

pub async fn enable(args: &ConnectionArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    turn(args, context, "enable").await?;
    if !context.screen.json {
        context.screen.out(format!("{} works again", args.connection));
        context.screen.next("`lockstep status` shows how it catches up");
    }
    Ok(Exit::Done)
}

async fn turn(args: &ConnectionArgs, context: &Context<'_>, verb: &str) -> Result<(), Failure> {
    let client = context.client().await?;
    let asked = requests::Connection { connection: args.connection.clone(), by: context.by() };
    let () = client.post(&format!("/v1/connector/{verb}"), &asked).await?;
    if context.screen.json {
        context.screen.out_json(&json!({ verb: args.connection }));
    }
    Ok(())
}

/// How a change of version came out: done, or a failure with its code.
fn told(report: UpgradeReport, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    if screen.json {
        screen.out_json(&report);
        return Ok(match report.came {
            Came::Switched => Exit::Done,
            Came::Waits => Exit::Attention,
            Came::Refused => Exit::Failed,
        });
    }
    for step in &report.steps {
        screen.out(format!("{} {step}", screen.mark(Tone::Good, "✓")));
    }
    let named = |about: &Option<About>| match about {
        Some(about) => format!("{} {} sha256:{}", about.name, about.version, short(&about.digest)),
        None => "another version".to_owned(),
    };
    match report.came {
        Came::Switched => {
            screen.out(format!("{} is served by {}", report.connection, named(&report.to)));
            if report.probation_ms > 0 {
                let seconds = report.probation_ms.div_ceil(1000);
                screen.next(format!("it is watched for {seconds} s and goes back by itself if it does worse; `lockstep connector list` shows it"));
            }
            Ok(Exit::Done)
        }
        Came::Waits | Came::Refused => {
            let verb = if report.came == Came::Waits { "waits" } else { "does not take over" };
            let summary = format!("{} {verb} at '{}': {}", named(&report.to), report.connection, report.message);
            let exit = if report.came == Came::Waits { Exit::Attention } else { Exit::Failed };
            Err(Failure { exit, ..Failure::new(report.code, summary).remedy(report.remedy) })
        }
    }
}

/// Waits until the probation is over.
pub(super) async fn proved(client: &Client, report: &UpgradeReport, context: &Context<'_>) -> Result<(), Failure> {
    let digest = report.to.as_ref().map(|about| about.digest.clone()).unwrap_or_default();
    let bar = context.screen.progress("on probation", None);
    let until = tokio::time::Instant::now() + Duration::from_millis(report.probation_ms) + LATE;
    while tokio::time::Instant::now() < until {
        let views: Vec<ConnectorView> = client.post("/v1/connectors", &Json::Null).await?;
        let view = views.into_iter().find(|view| view.connection == report.connection).unwrap_or_default();
        if let Some(refused) = view.refused.iter().find(|one| one.about.digest == digest) {
            bar.finish_and_clear();
            return Err(Failure::new(refused.code.clone(), refused.why.clone())
                .remedy("The version before serves again; nothing was lost."));
        }
        if view.in_use.is_some_and(|one| one.about.digest == digest && !one.probation) {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    bar.finish_and_clear();
    Err(Failure::new("LS-CLI-030", "the new version serves, and its probation has not ended in time")
        .remedy("Only a running Lockstep watches a version: start it, then look at `lockstep connector list`."))
}

/// What a running Lockstep, which may stand in another folder, understands.
fn absolute(to: &str) -> Result<String, Failure> {
    let is_path = to.contains('/') || to.ends_with(".wasm");
    if !is_path || to.contains("://") {
        return Ok(to.to_owned());
    }
    let path =
        std::path::absolute(to).map_err(|error| Failure::new("LS-CLI-021", format!("no such path: {to}: {error}")))?;
    Ok(path.display().to_string())
}

pub(super) fn probation(text: &str) -> Result<u64, Failure> {
    duration_ms(text).ok_or_else(|| {
        Failure::usage("LS-CLI-029", format!("`{text}` is no duration"))
            .remedy("Write a number and a unit, such as `30s` or `5m`; `0s` watches not at all.")
    })
}

/// A digest without its prefix, in lower case.
fn plain(digest: &str) -> String {
    digest.trim_start_matches("sha256:").to_ascii_lowercase()
}

pub(super) fn short(digest: &str) -> &str {
    digest.get(..SHORT).unwrap_or(digest)
}
