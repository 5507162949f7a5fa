//! `lockstep replay`: decides journaled conflicts again, under the rules as they are.

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
    let client = context.client().await?;
    let sync = context.sync(&client, args.sync.as_deref()).await?;
    selection::on_many(context, &client, args.consent, "replay", "/v1/replay", |preview| requests::OnMany {
        sync: sync.clone(),
        filter: args.selection.filter(),
        by: context.by(),
        preview,
    })
    .await
}
