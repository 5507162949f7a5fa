//! `lockstep revert`: writes back the values before journaled changes; what has been edited
//! since is listed, not clobbered.

use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    verbs::selection::{self, Consent, Selection},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of this sync, when there are several
    #[arg(long)]
    pub sync: Option<String>,
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub consent: Consent,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    if args.selection.is_everything() {
        return Err(Failure::usage("LS-CLI-016", "`revert` has to be told what to revert")
            .remedy("Select with --entries, --record, --since, --side, --field or --rules; `lockstep tail --no-follow` lists entries."));
    }
    let client = context.client().await?;
    let sync = context.sync(&client, args.sync.as_deref()).await?;
    selection::on_many(context, &client, args.consent, "revert", "/v1/revert", |preview| requests::OnMany {
        sync: sync.clone(),
        filter: args.selection.filter(),
        by: context.by(),
        preview,
    })
    .await
}
