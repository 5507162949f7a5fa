//! `lockstep connector`: what there is, and what a component wants before
//! anything of it may reach a system.

use clap::Subcommand;
use lockstep_engine::port::{Incident, Request};
use lockstep_server::requests;

use super::{dev, inspect, log, new, record};
use crate::{
    context::Context,
    failure::{Exit, Failure},
    moment,
    screen::Tone,
    table::{Table, number, text},
    verbs::{
        conformance, recordings, registry, signing,
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
    /// What a component wants, from its bytes alone; nothing of it runs
    ///
    /// Ends with 3 where it would not get all that it asks for, asks for more than the version in
    /// use, or does not say what it asks for.
    Inspect(inspect::Args),
    /// Make a key that components are signed with
    Keygen(signing::KeyArgs),
    /// Fetch a component from a registry, put it aside and print the line that names it
    Pull(registry::PullArgs),
    /// Publish a component in a registry
    Push(registry::PushArgs),
    /// Put a signature into a component, so that those who trust the key can let it in by it
    Sign(signing::SignArgs),
    /// What a connection's connector did wrong or was refused since Lockstep started
    Incidents {
        /// The connection's name
        connection: String,
    },
    /// What a connection's connector says in the running Lockstep, as it says it
    Log(log::Args),
    /// Make a project for a connector of your own: it builds, and passes the conformance kit
    New(new::Args),
    /// Watch a project: build it, put it through the kit, and have a running Lockstep go on with it
    ///
    /// What does not build, or breaks a rule, changes nothing of what runs. With `--once` it ends
    /// with 0 where everything went well and with 1 where something did not.
    Dev(dev::Args),
    /// Serve a notebook on this machine that a new connector is tried on
    Practice(new::PracticeArgs),
    /// Put a connector through the conformance kit: it writes to the system that is configured
    Test(conformance::Args),
    /// Record what a connection's connector does in the running Lockstep, for `connector replay`
    ///
    /// Its sessions are opened anew for it, between two calls; nothing stops. There is data of the system in
    /// the file, which is for its owner only. Ends with 3 where the connector did nothing meanwhile.
    Record(record::Args),
    /// Play a recording to a component: without any system, does it do the same?
    ///
    /// Ends with 0 where it does, with 1 where it differs, and with 3 where it is the same as far as
    /// was recorded.
    Replay(recordings::Args),
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
        What::Keygen(args) => signing::keygen(args, context),
        What::Sign(args) => signing::sign_component(args, context),
        What::Pull(args) => registry::pull(args, context).await,
        What::Push(args) => registry::push(args, context).await,
        What::Inspect(args) => inspect::run(args, context).await,
        What::New(args) => new::run(args, context),
        What::Dev(args) => dev::run(args, context).await,
        What::Practice(args) => new::practice(args, context).await,
        What::Test(args) => conformance::run(args, context).await,
        What::Log(args) => log::run(args, context).await,
        What::Record(args) => record::run(args, context).await,
        What::Replay(args) => recordings::run(args, context).await,
        What::Incidents { connection } => incidents(connection, context).await,
        What::Requests { connection } => requests_made(connection, context).await,
    }
}

async fn incidents(connection: &str, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let client = context.client().await?;
    let asked = requests::OfConnection { connection: connection.to_owned() };
    let all: Vec<Incident> = client.post("/v1/incidents", &asked).await?;
    if screen.json {
        screen.out_json(&all);
        return Ok(Exit::Done);
    }
    if all.is_empty() {
        screen.out(format!("{connection}'s connector did nothing wrong since Lockstep started"));
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["when", "for", "code", "times", "what", "what to do"]);
    for incident in &all {
        table.row(vec![
            text(moment::clock(incident.at_us)).tone(Tone::Dim),
            text(&incident.role),
            text(&incident.code),
            number(incident.count),
            text(&incident.what),
            text(&incident.remedy),
        ]);
    }
    screen.out(table.render(screen));
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
