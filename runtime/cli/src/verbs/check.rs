//! `lockstep check`: every connection, item by item, with what cures it.

use lockstep_engine::operations::CheckReport;
use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    screen::Tone,
    table,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this connection
    pub connection: Option<String>,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.stateless_client().await?;
    let asked = requests::Check { connection: args.connection.clone() };
    let bar = context.screen.progress("checking", None);
    let reports: Result<Vec<CheckReport>, _> = client.post("/v1/check", &asked).await;
    bar.finish_and_clear();
    let reports = reports?;
    let fails = count(&reports, "fail");
    if context.screen.json {
        context.screen.out_json(&reports);
    } else {
        show(context, &reports, fails);
    }
    Ok(if fails > 0 { Exit::Attention } else { Exit::Done })
}

fn count(reports: &[CheckReport], status: &str) -> usize {
    reports.iter().flat_map(|report| &report.items).filter(|item| item.status == status).count()
}

fn show(context: &Context<'_>, reports: &[CheckReport], fails: usize) {
    let screen = context.screen;
    for report in reports {
        let connection = screen.mark(Tone::Strong, &report.connection);
        // A connector that could not be opened has not said what it is.
        if report.connector.is_empty() {
            screen.out(connection);
        } else {
            screen.out(format!("{connection} {}", screen.mark(Tone::Dim, &format!("({})", report.connector))));
        }
        for item in &report.items {
            let (word, tone) = match item.status.as_str() {
                "ok" => ("  ok   ", Tone::Good),
                "warn" => ("  warn ", Tone::Warn),
                _ => ("  FAIL ", Tone::Bad),
            };
            screen.out(format!("{}{}: {}", screen.mark(tone, word), item.name, table::clean(&item.message)));
            if !item.remedy.is_empty() {
                for line in item.remedy.lines() {
                    screen.out(format!("         {}", screen.mark(Tone::Name, &table::clean(line))));
                }
            }
        }
        screen.out("");
    }
    let warns = count(reports, "warn");
    match (fails, warns) {
        (0, 0) => {
            screen.out(screen.mark(Tone::Good, "all is well"));
            screen.next("`lockstep plan` shows what a first copy would do");
        }
        (0, _) => {
            screen.out(format!("{warns} to look at, nothing in the way"));
            screen.next("`lockstep plan` shows what a first copy would do");
        }
        (_, _) => {
            screen.out(screen.mark(Tone::Bad, &format!("{fails} in the way, {warns} to look at")));
            screen.next("cure what failed (the lines in colour say how), then `lockstep check` again");
        }
    }
}
