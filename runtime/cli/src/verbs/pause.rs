//! `lockstep pause` and `lockstep resume`: a sync or one side of it.

use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sync
    pub sync: String,
    /// Only this side of it
    #[arg(long)]
    pub side: Option<String>,
}

pub async fn run(args: &Args, context: &Context<'_>, verb: &str) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let asked = requests::Pause { sync: args.sync.clone(), side: args.side.clone(), by: context.by() };
    let () = client.post(&format!("/v1/{verb}"), &asked).await?;
    let screen = context.screen;
    let what = match &args.side {
        Some(side) => format!("{} at {side}", args.sync),
        None => args.sync.clone(),
    };
    if screen.json {
        screen.out_json(&serde_json::json!({ verb: what }));
    } else if verb == "pause" {
        screen.out(format!("{what} is paused; changes wait at the source"));
        screen.next(format!("`lockstep resume {}` continues", args.sync));
    } else {
        screen.out(format!("{what} continues"));
        screen.next("`lockstep status` shows how it catches up");
    }
    Ok(Exit::Done)
}
