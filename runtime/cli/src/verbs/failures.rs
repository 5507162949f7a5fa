//! `lockstep failures`: what a side refused, alike ones together; trying again
//! and letting go.

use clap::Subcommand;
use lockstep_engine::operations::FailureGroup;
use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    moment,
    screen::Tone,
    table,
    verbs::selection::{self, Consent, Selection},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub what: Option<What>,
    #[command(flatten)]
    pub list: List,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// List them (the default)
    List(List),
    /// Try them again
    Retry(Act),
    /// Take them off the list; the sides stay as they are
    Ignore(Act),
}

#[derive(Debug, Default, clap::Args)]
pub struct List {
    /// Only of this sync
    #[arg(long)]
    pub sync: Option<String>,
    #[command(flatten)]
    pub selection: Selection,
}

#[derive(Debug, clap::Args)]
pub struct Act {
    /// Of this sync, when there are several
    #[arg(long)]
    pub sync: Option<String>,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub consent: Consent,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    match &args.what {
        None => list(&args.list, context).await,
        Some(What::List(args)) => list(args, context).await,
        Some(What::Retry(args)) => act(args, context, "retry").await,
        Some(What::Ignore(args)) => act(args, context, "ignore").await,
    }
}

async fn list(args: &List, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let client = context.client().await?;
    let asked = requests::Failures { sync: args.sync.clone(), filter: args.selection.filter() };
    let groups: Vec<FailureGroup> = client.post("/v1/failures", &asked).await?;
    if screen.json {
        screen.out_json(&groups);
    } else if groups.is_empty() {
        screen.out("nothing was refused");
    } else {
        for group in &groups {
            show(context, group);
        }
        screen.next("cure the cause, then `lockstep failures retry`");
    }
    Ok(Exit::Done)
}

fn show(context: &Context<'_>, group: &FailureGroup) {
    let screen = context.screen;
    screen.out(format!(
        "{} {} {}",
        screen.mark(Tone::Bad, &table::thousands(group.count)),
        screen.mark(Tone::Strong, &format!("{} → {}", group.sync, group.side)),
        screen.mark(Tone::Warn, &format!("{} ({})", group.class, group.code)),
    ));
    screen.out(format!("  {}", table::clean(&group.message)));
    let records: Vec<String> = group.records.iter().map(u64::to_string).collect();
    screen.out(format!("  record {}, last {} UTC", records.join(", "), moment::show(group.last_at_micros)));
    screen.out(format!("  {}", screen.mark(Tone::Dim, &format!("--signature '{}'", group.signature))));
    screen.out("");
}

async fn act(args: &Act, context: &Context<'_>, verb: &str) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let sync = context.sync(&client, args.sync.as_deref()).await?;
    selection::on_many(context, &client, args.consent, verb, &format!("/v1/{verb}"), |preview| requests::OnMany {
        sync: sync.clone(),
        filter: args.selection.filter(),
        by: context.by(),
        preview,
    })
    .await
}
