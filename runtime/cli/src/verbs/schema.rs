//! `lockstep schema`: what changed about the sides' columns, and a person's word
//! on it; without a further word the JSON Schema of the configuration file, for
//! editors.

use clap::Subcommand;
use lockstep_engine::operations::{DriftDecision, DriftView};
use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    moment,
    screen::{Screen, Tone},
    table,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub what: Option<What>,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// List what changed about the sides' columns
    Drift(List),
    /// Say that a change is known and right
    Accept(Decide),
    /// Say that a change does not matter
    Ignore(Decide),
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// Only of this sync
    pub sync: Option<String>,
    /// What was decided before, too
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, clap::Args)]
pub struct Decide {
    /// The number of the change, as listed
    pub item: u64,
    /// Of this sync, when there are several
    #[arg(long)]
    pub sync: Option<String>,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    match &args.what {
        None => {
            context.screen.out_json(&lockstep_core::config::json_schema());
            Ok(Exit::Done)
        }
        Some(What::Drift(args)) => list(args, context).await,
        Some(What::Accept(args)) => decide(args, context, DriftDecision::Accept).await,
        Some(What::Ignore(args)) => decide(args, context, DriftDecision::Ignore).await,
    }
}

async fn list(args: &List, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let client = context.client().await?;
    let asked = requests::Drift { sync: args.sync.clone(), all: args.all };
    let items: Vec<DriftView> = client.post("/v1/drift", &asked).await?;
    let open = items.iter().filter(|item| item.state == "open").count();
    if screen.json {
        screen.out_json(&items);
    } else if items.is_empty() {
        screen.out("no column has changed");
    } else {
        items.iter().for_each(|item| show(screen, item));
        if open > 0 {
            screen.next("`lockstep schema accept NUMBER` or `lockstep schema ignore NUMBER`");
        }
    }
    Ok(if open > 0 { Exit::Attention } else { Exit::Done })
}

fn show(screen: &Screen, item: &DriftView) {
    let tone = match item.what.as_str() {
        "added" => Tone::Good,
        "removed" => Tone::Bad,
        _ => Tone::Warn,
    };
    let change = match (item.before.as_str(), item.now.as_str()) {
        ("", now) => now.to_owned(),
        (before, "") => format!("was {before}"),
        (before, now) => format!("{before} → {now}"),
    };
    screen.out(format!(
        "{} {} {} {}  {}",
        screen.mark(Tone::Strong, &item.item.to_string()),
        screen.mark(Tone::Name, &format!("{}/{}.{}", item.sync, item.side, table::clean(&item.column))),
        screen.mark(tone, &item.what),
        screen.mark(Tone::Dim, &format!("({})", table::clean(&change))),
        screen.mark(Tone::Dim, &item.state),
    ));
    let decided = match (&item.by, item.decided_at_micros) {
        (by, Some(at)) if !by.is_empty() => format!(", {} by {by} {} UTC", item.state, moment::show(at)),
        _ => String::new(),
    };
    screen.out(format!("  {}", table::clean(&item.effect)));
    screen.out(format!("  noticed {} UTC{decided}", moment::show(item.at_micros)));
    screen.out("");
}

async fn decide(args: &Decide, context: &Context<'_>, decision: DriftDecision) -> Result<Exit, Failure> {
    let screen = context.screen;
    let client = context.client().await?;
    let sync = context.sync(&client, args.sync.as_deref()).await?;
    let asked = requests::DecideDrift { sync: sync.clone(), item: args.item, decision, by: context.by() };
    let item: DriftView = client.post("/v1/drift/decide", &asked).await?;
    if screen.json {
        screen.out_json(&item);
        return Ok(Exit::Done);
    }
    screen.out(format!("{}/{}.{}: {}", item.sync, item.side, table::clean(&item.column), item.state));
    if item.what == "added" && item.field.is_none() && decision == DriftDecision::Accept {
        screen.next(format!("`lockstep map {sync}` proposes a field for it and writes it into the file"));
    }
    Ok(Exit::Done)
}
