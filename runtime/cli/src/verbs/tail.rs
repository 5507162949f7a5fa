//! `lockstep tail`: changes as they flow.

use lockstep_engine::operations::EntryView;
use lockstep_server::{Client, requests, tail::Line};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    screen::Tone,
    verbs::selection::{Selection, entry_line, show_entries},
};

/// Entries shown of the past, unless told otherwise.
const PAST_DEFAULT: u64 = 10;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this sync
    #[arg(long)]
    pub sync: Option<String>,
    /// Show what is in the journal and end, instead of following
    #[arg(long)]
    pub no_follow: bool,
    #[command(flatten)]
    pub selection: Selection,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.client().await?;
    if args.no_follow || !args.selection.is_everything() {
        past(args, context, &client).await?;
    }
    if args.no_follow {
        return Ok(Exit::Done);
    }
    if matches!(client, Client::Local(_)) {
        return Err(Failure::new("LS-CLI-014", "no Lockstep is running, so nothing flows")
            .remedy("Start `lockstep run`; `lockstep tail --no-follow` shows the journal."));
    }
    follow(args, context, &client).await
}

async fn past(args: &Args, context: &Context<'_>, client: &Client) -> Result<(), Failure> {
    let mut filter = args.selection.filter();
    if filter.limit == 0 && args.selection.is_everything() {
        filter.limit = PAST_DEFAULT;
    }
    let asked = requests::Journal { sync: context.sync(client, args.sync.as_deref()).await?, filter };
    let mut entries: Vec<EntryView> = client.post("/v1/journal", &asked).await?;
    entries.reverse();
    if context.screen.json {
        for entry in &entries {
            context.screen.out_json_line(entry);
        }
    } else {
        show_entries(context, &entries);
    }
    Ok(())
}

async fn follow(args: &Args, context: &Context<'_>, client: &Client) -> Result<Exit, Failure> {
    let screen = context.screen;
    let mut lines = client.stream("/v1/tail", &()).await?;
    loop {
        let line = tokio::select! {
            line = lines.next::<Line>() => line?,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        };
        match line {
            Some(Line::Entry(entry)) => {
                if args.sync.as_ref().is_some_and(|sync| sync != &entry.sync) {
                    continue;
                }
                if screen.json {
                    screen.out_json_line(&entry);
                } else {
                    screen.out(entry_line(context, &entry));
                }
            }
            Some(Line::Missed(missed)) => screen.note(screen.mark_err(
                Tone::Warn,
                &format!("too fast to show: {missed} entries left out; they are in the journal"),
            )),
            None => {
                screen.note("the running Lockstep has stopped");
                return Ok(Exit::Done);
            }
        }
    }
}
