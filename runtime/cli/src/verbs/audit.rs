//! `lockstep audit`: compares all sides now; repairs on request.

use lockstep_engine::operations::Audit;
use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    screen::Tone,
    table::{self, Table, text, thousands},
    verbs::selection::value,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sync, when there are several
    pub sync: Option<String>,
    /// Take what was found as changes, so that the sides come in step again
    #[arg(long)]
    pub repair: bool,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let client = context.connecting_client().await?;
    let asked = requests::Audit { sync: context.sync(&client, args.sync.as_deref()).await?, repair: args.repair };
    let bar = screen.progress("comparing all sides", None);
    let audit: Result<Audit, _> = client.post("/v1/audit", &asked).await;
    bar.finish_and_clear();
    let audit = audit?;
    let differ = audit.sides.iter().any(|side| side.changed + side.unknown + side.missing > 0);
    if screen.json {
        screen.out_json(&audit);
    } else {
        show(context, &audit, differ);
    }
    Ok(if differ && !audit.repaired { Exit::Attention } else { Exit::Done })
}

fn show(context: &Context<'_>, audit: &Audit, differ: bool) {
    let screen = context.screen;
    screen.out(format!("{}  {} records compared", screen.mark(Tone::Strong, &audit.sync), thousands(audit.compared)));
    let mut sides = Table::new(&["  side", "rows", "changed", "unknown", "missing"]);
    for side in &audit.sides {
        sides.row(vec![
            text(format!("  {}", side.side)).tone(Tone::Name),
            table::number(side.rows),
            table::number(side.changed),
            table::number(side.unknown),
            table::number(side.missing),
        ]);
    }
    screen.out(sides.render(screen));
    for difference in &audit.differences {
        screen.out(format!(
            "  {} {}",
            screen.mark(Tone::Warn, &difference.what),
            table::clean(&format!("{}:{}", difference.side, difference.key)),
        ));
        let mut fields = Table::new(&[]);
        for field in &difference.fields {
            fields.row(vec![
                text("     "),
                text(&field.field).tone(Tone::Name),
                value(field.before.as_deref()),
                text("→").tone(Tone::Dim),
                value(field.after.as_deref()),
            ]);
        }
        if !fields.is_empty() {
            screen.out(fields.render(screen));
        }
    }
    match (differ, audit.repaired) {
        (false, _) => screen.out(screen.mark(Tone::Good, "every side is as it is known to be")),
        (true, true) => screen.out("what was found was taken as changes"),
        (true, false) => {
            screen.next(format!("`lockstep audit {} --repair` takes what was found as changes", audit.sync))
        }
    }
}
