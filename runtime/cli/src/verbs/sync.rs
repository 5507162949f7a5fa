//! `lockstep sync remove`: forgets a sync and what it made at the sources.

use clap::Subcommand;
use lockstep_server::requests;

use crate::{
    configuration,
    context::Context,
    failure::{Exit, Failure},
    screen::Tone,
    table,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Forget a sync with its journal, and remove what it made at the sources
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The sync
    pub sync: String,
    /// Do it without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let What::Remove(args) = &args.what;
    let screen = context.screen;
    if !args.yes {
        if !screen.can_ask() {
            return Err(Failure::usage(
                "LS-CLI-012",
                "`sync remove` forgets a sync's history and nobody is there to ask",
            )
            .remedy("Add `--yes` to do it."));
        }
        let question = format!("forget {}, with its journal? The rows at its sides stay as they are.", args.sync);
        if !screen.confirm(&question) {
            screen.note("nothing was changed");
            return Ok(Exit::Done);
        }
    }
    let client = context.client().await?;
    let asked = requests::Remove { sync: args.sync.clone() };
    let removed: Vec<String> = client.post("/v1/remove", &asked).await?;
    if screen.json {
        screen.out_json(&removed);
        return Ok(Exit::Done);
    }
    for thing in &removed {
        screen.out(format!("{} {}", screen.mark(Tone::Good, "removed"), table::clean(thing)));
    }
    screen.out(format!("{} is forgotten; rows at its sides were left alone", args.sync));
    let configured = configuration::load(context.config_path()).is_ok_and(|config| config.sync(&args.sync).is_some());
    if configured {
        screen.next(format!("take {} out of the configuration, or the next `lockstep run` begins it anew", args.sync));
    }
    Ok(Exit::Done)
}
