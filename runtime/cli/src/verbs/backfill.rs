//! `lockstep backfill`: reads a side in full again.

use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sync
    pub sync: String,
    /// The side to read
    pub side: String,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let asked = requests::Backfill { sync: args.sync.clone(), side: args.side.clone() };
    let bar = context.screen.progress("asking for a full read", None);
    let done: Result<(), _> = client.post("/v1/backfill", &asked).await;
    bar.finish_and_clear();
    done?;
    let screen = context.screen;
    if screen.json {
        screen.out_json(&serde_json::json!({ "backfill": args.side, "sync": args.sync }));
    } else {
        screen.out(format!("{} is read in full again for {}", args.side, args.sync));
        screen.next("`lockstep status` shows how far it is");
    }
    Ok(Exit::Done)
}
