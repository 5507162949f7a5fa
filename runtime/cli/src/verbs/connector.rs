//! `lockstep connector`: what there is, and what a component wants before
//! anything of it may reach a system.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use clap::Subcommand;
use lockstep_core::config::Config;
use lockstep_engine::port::Request;
use lockstep_host::PermissionKind;
use lockstep_server::requests;
use serde_json::json;

use crate::{
    configuration,
    connectors::{self, Loader},
    context::Context,
    failure::{Exit, Failure},
    moment,
    screen::Tone,
    table::{Table, number, text},
    verbs::{
        conformance,
        versions::{self, ConnectionArgs, LoadArgs, UpgradeArgs, VersionArgs},
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Which connector and version serves each connection, and which did before
    List,
    /// Take a component in: checked, compiled and put aside; nothing uses it yet
    Load(LoadArgs),
    /// Have another version take over while everything runs
    Upgrade(UpgradeArgs),
    /// Let a version take over that asks for more than the one before it
    Approve(VersionArgs),
    /// Go back to a version that served before
    Rollback(VersionArgs),
    /// Let nothing of a connection work until `enable`
    Disable(ConnectionArgs),
    /// Let a disabled connection work again
    Enable(ConnectionArgs),
    /// What a connector is, can do and asks for; it runs in a sandbox that reaches nothing
    Inspect {
        /// A built-in's name or a path to a .wasm file
        connector: String,
    },
    /// Put a connector through the conformance kit: it writes to the system that is configured
    Test(conformance::Args),
    /// The latest requests that a connection's connector made over HTTP
    Requests {
        /// The connection's name
        connection: String,
    },
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    match &args.what {
        What::List => versions::list(context).await,
        What::Load(args) => versions::load(args, context).await,
        What::Upgrade(args) => versions::upgrade(args, context).await,
        What::Approve(args) => versions::approve(args, context).await,
        What::Rollback(args) => versions::rollback(args, context).await,
        What::Disable(args) => versions::disable(args, context).await,
        What::Enable(args) => versions::enable(args, context).await,
        What::Inspect { connector } => inspect(connector, context).await,
        What::Test(args) => conformance::run(args, context).await,
        What::Requests { connection } => requests_made(connection, context).await,
    }
}

async fn inspect(connector: &str, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let source = connectors::source(connector, Path::new(""))?;
    let bar = screen.progress("loading", None);
    let component = Arc::new(Loader::new()).load(&source, None).await;
    bar.finish_and_clear();
    let component = component?;
    let spec = component.spec().await?;
    let permissions = component.permissions().await?;
    let granted = granted(connector, context);
    if screen.json {
        let asks = |kind| -> Vec<&str> {
            permissions.iter().filter(|one| one.kind == kind).map(|one| one.ask.as_str()).collect()
        };
        screen.out_json(&json!({
            "digest": format!("sha256:{}", component.digest()),
            "spec": spec,
            "connects_to": asks(PermissionKind::Connect),
            "credentials": asks(PermissionKind::Credential),
            "granted": granted,
        }));
        return Ok(Exit::Done);
    }
    screen.out(format!("{} {}", screen.mark(Tone::Strong, &spec.name), spec.version));
    let mut facts = Table::new(&[]);
    let mut fact = |name: &str, value: String| facts.row(vec![text(format!("  {name}")).tone(Tone::Dim), text(value)]);
    fact("from", source.to_string());
    fact("changes", spec.changes.clone());
    fact("writes", format!("{} precondition", spec.precondition));
    fact("abilities", spec.abilities.join(", "));
    for permission in &permissions {
        match permission.kind {
            PermissionKind::Connect => fact("asks to reach", permission.ask.clone()),
            PermissionKind::Credential => fact("asks to use", permission.ask.clone()),
        }
    }
    for scheme in &spec.auth_schemes {
        let secrets = [&scheme.secret, &scheme.client_secret].into_iter().filter(|name| !name.is_empty());
        let secrets: Vec<String> = secrets.map(|name| format!("`{name}`")).collect();
        fact("signs in by", format!("{} ({}; secrets {})", scheme.name, scheme.kind, secrets.join(", ")));
    }
    for (connection, grants) in &granted {
        let grants = if grants.is_empty() { "nothing".to_owned() } else { grants.join(", ") };
        fact("granted", format!("{connection}: {grants}"));
    }
    screen.out(facts.render(screen));
    screen.out(format!("  digest = \"sha256:{}\"", component.digest()));
    screen.next("put the digest into the connection to pin exactly this component");
    Ok(Exit::Done)
}

async fn requests_made(connection: &str, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let client = context.client().await?;
    let asked = requests::OfConnection { connection: connection.to_owned() };
    let made: Vec<Request> = client.post("/v1/requests", &asked).await?;
    if screen.json {
        screen.out_json(&made);
        return Ok(Exit::Done);
    }
    if made.is_empty() {
        screen.out(format!("{connection} made no request since Lockstep started"));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["when", "for", "request", "answer", "ms", "sent", "received"]);
    for request in &made {
        let answer = match request.status {
            0 => text(&request.failure).tone(Tone::Bad),
            status => text(status.to_string()),
        };
        table.row(vec![
            text(moment::clock(request.at_us)).tone(Tone::Dim),
            text(&request.role),
            text(format!("{} {}{}", request.method, request.place, request.path)),
            answer,
            number(request.took_ms),
            number(request.bytes_sent),
            number(request.bytes_received),
        ]);
    }
    screen.out(table.render(screen));
    Ok(Exit::Done)
}

/// What the configuration grants to connections that use this connector.
fn granted(connector: &str, context: &Context<'_>) -> BTreeMap<String, Vec<String>> {
    let config: Option<Config> = configuration::load(context.config_path()).ok();
    config
        .into_iter()
        .flat_map(|config| config.connections)
        .filter(|connection| connection.connector == connector)
        .map(|connection| (connection.name, connection.grants))
        .collect()
}
