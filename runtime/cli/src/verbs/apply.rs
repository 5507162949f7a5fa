//! `lockstep apply`: the plan, done.

use std::{path::PathBuf, time::Duration};

use lockstep_engine::operations::Status;
use lockstep_server::{Client, requests};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    table::thousands,
    verbs::{plan, saved, status},
};

/// Between two looks at how far it is.
const LOOK_MS: u64 = 300;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this sync, or a plan saved by `plan --save`: exactly that is done
    #[arg(value_name = "SYNC|PLAN")]
    pub what: Option<String>,
    /// Do it without showing the plan and asking first
    #[arg(long, short = 'y')]
    pub yes: bool,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let client = context.connecting_client().await?;
    if let Some(file) = plan_file(args, &client).await? {
        let before = saved::read(&file)?;
        let now = plan::make(context, &client, before.sync.as_deref()).await?;
        saved::compare(&file, &before.plan, &now)?;
        let status = watched(before.sync, context, &client).await?;
        status::show(screen, &status);
        return Ok(Exit::Done);
    }
    if !args.yes {
        let planned = plan::make(context, &client, args.what.as_deref()).await?;
        if !screen.json {
            plan::show(context, &planned);
        }
        if !screen.can_ask() {
            return Err(Failure::usage("LS-CLI-012", "`apply` writes records and nobody is there to ask")
                .remedy("Add `--yes` to do it; `lockstep plan` only looks."));
        }
        if !screen.confirm("apply this?") {
            screen.note("nothing was changed");
            return Ok(Exit::Done);
        }
    }
    let status = watched(args.what.clone(), context, &client).await?;
    status::show(screen, &status);
    Ok(Exit::Done)
}

/// The saved plan that is meant, if it is one: a sync of that name comes first.
async fn plan_file(args: &Args, client: &Client) -> Result<Option<PathBuf>, Failure> {
    let Some(what) = &args.what else {
        return Ok(None);
    };
    let status: Status = client.post("/v1/status", &()).await?;
    let is_sync = status.syncs.iter().any(|sync| sync.name == *what);
    let path = PathBuf::from(what);
    Ok((!is_sync && path.is_file()).then_some(path))
}

/// Applies, and shows on a terminal how far it is.
async fn watched(sync: Option<String>, context: &Context<'_>, client: &Client) -> Result<Status, Failure> {
    let asked = requests::OfSync { sync };
    let bar = context.screen.progress("applying", None);
    let applying = client.post::<Status>("/v1/apply", &asked);
    let watching = async {
        loop {
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
            if let Ok(status) = client.post::<Status>("/v1/status", &()).await {
                let written: u64 = status.syncs.iter().map(|sync| sync.totals.written).sum();
                let pending: u64 = status.syncs.iter().flat_map(|sync| &sync.sides).map(|side| side.pending).sum();
                let read: u64 = status.syncs.iter().flat_map(|sync| &sync.sides).filter_map(|side| side.reading).sum();
                bar.set_position(read + written);
                bar.set_message(format!(
                    "applying: {} read, {} written, {} to write;",
                    thousands(read),
                    thousands(written),
                    thousands(pending)
                ));
            }
        }
    };
    let outcome = tokio::select! {
        status = applying => status,
        () = watching => return Err(Failure::new("LS-CLI-001", "watching ended by itself")),
    };
    bar.finish_and_clear();
    Ok(outcome?)
}
