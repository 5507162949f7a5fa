//! `lockstep conflicts`: what was edited on several sides at once, what became
//! of it, and deciding what waits.

use clap::Subcommand;
use lockstep_engine::operations::{ConflictView, Decision};
use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    moment,
    screen::Tone,
    table::{Table, text},
    verbs::selection::{self, Consent, Selection, value},
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
    /// One record's conflicts, with every side's value
    Show(Show),
    /// Decide held ones
    Resolve(Resolve),
}

#[derive(Debug, Default, clap::Args)]
pub struct List {
    /// The decided ones too
    #[arg(long)]
    pub all: bool,
    /// Only of this sync
    #[arg(long)]
    pub sync: Option<String>,
    #[command(flatten)]
    pub selection: Selection,
}

#[derive(Debug, clap::Args)]
pub struct Show {
    /// The record's number
    pub record: u64,
    /// Of this sync, when there are several
    #[arg(long)]
    pub sync: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("decision").args(["take", "value", "rule"]).required(true))]
pub struct Resolve {
    /// Take this side's value
    #[arg(long, value_name = "SIDE")]
    pub take: Option<String>,
    /// Take this value (JSON, or plain text)
    #[arg(long, value_name = "VALUE")]
    pub value: Option<String>,
    /// Decide by the rule as it is now
    #[arg(long)]
    pub rule: bool,
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
        Some(What::Show(args)) => show(args, context).await,
        Some(What::Resolve(args)) => resolve(args, context).await,
    }
}

async fn list(args: &List, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let client = context.client().await?;
    let asked = requests::Conflicts { sync: args.sync.clone(), filter: args.selection.filter(), all: args.all };
    let conflicts: Vec<ConflictView> = client.post("/v1/conflicts", &asked).await?;
    let held = conflicts.iter().any(|conflict| conflict.state == "held");
    if screen.json {
        screen.out_json(&conflicts);
    } else if conflicts.is_empty() {
        screen.out(if args.all { "no conflicts" } else { "nothing is held" });
        if !args.all {
            screen.next("`lockstep conflicts --all` lists those a rule decided");
        }
    } else {
        table(context, &conflicts);
        if held {
            screen.next("`lockstep conflicts resolve --record NUMBER --take SIDE` decides one");
        }
    }
    Ok(Exit::Done)
}

fn table(context: &Context<'_>, conflicts: &[ConflictView]) {
    let mut table = Table::new(&["sync", "record", "field", "state", "before", "values", "result", "rule", "at (UTC)"]);
    for conflict in conflicts {
        let tone = if conflict.state == "held" { Tone::Warn } else { Tone::Good };
        table.row(vec![
            text(&conflict.sync),
            text(conflict.record.to_string()).tone(Tone::Strong),
            text(conflict.field.as_deref().unwrap_or("(record)")).tone(Tone::Name),
            text(&conflict.state).tone(tone),
            value(conflict.base.as_deref()),
            text(contenders(conflict)),
            value(conflict.result.as_deref()),
            text(if conflict.rule.is_empty() { &conflict.reason } else { &conflict.rule }),
            text(moment::show(conflict.at_micros)).tone(Tone::Dim),
        ]);
    }
    context.screen.out(table.render(context.screen));
}

fn contenders(conflict: &ConflictView) -> String {
    conflict
        .contenders
        .iter()
        .map(|one| format!("{}: {}", one.side, one.value.as_deref().unwrap_or("–")))
        .collect::<Vec<_>>()
        .join(" | ")
}

async fn show(args: &Show, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let client = context.client().await?;
    let selection = Selection { record: Some(args.record), ..Selection::default() };
    let asked = requests::Conflicts {
        sync: Some(context.sync(&client, args.sync.as_deref()).await?),
        filter: selection.filter(),
        all: true,
    };
    let conflicts: Vec<ConflictView> = client.post("/v1/conflicts", &asked).await?;
    if screen.json {
        screen.out_json(&conflicts);
        return Ok(Exit::Done);
    }
    if conflicts.is_empty() {
        screen.out(format!("record {} has had no conflict", args.record));
        screen.next(format!("`lockstep explain {}` tells its history", args.record));
    }
    for conflict in &conflicts {
        screen.out(format!(
            "{} record {} {}: {} ({})",
            conflict.sync,
            conflict.record,
            screen.mark(Tone::Name, conflict.field.as_deref().unwrap_or("as a whole")),
            conflict.state,
            if conflict.rule.is_empty() { &conflict.reason } else { &conflict.rule },
        ));
        let mut values = Table::new(&[]);
        values.row(vec![text("  before").tone(Tone::Dim), value(conflict.base.as_deref())]);
        for one in &conflict.contenders {
            values.row(vec![text(format!("  {}", one.side)).tone(Tone::Name), value(one.value.as_deref())]);
        }
        values.row(vec![text("  result").tone(Tone::Strong), value(conflict.result.as_deref())]);
        screen.out(values.render(screen));
        if conflict.state == "held" {
            screen.next(format!("`lockstep conflicts resolve --record {} --take SIDE`", conflict.record));
        } else {
            screen.next(format!("`lockstep revert --entries {}` undoes it", conflict.entry));
        }
    }
    Ok(Exit::Done)
}

async fn resolve(args: &Resolve, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.client().await?;
    let sync = context.sync(&client, args.sync.as_deref()).await?;
    let decision = match (&args.take, &args.value) {
        (Some(side), _) => Decision::Side(side.clone()),
        (None, Some(value)) => Decision::Value(written(value)),
        (None, None) => Decision::Rule,
    };
    selection::on_many(context, &client, args.consent, "resolve", "/v1/resolve", |preview| requests::Resolve {
        sync: sync.clone(),
        filter: args.selection.filter(),
        decision: decision.clone(),
        by: context.by(),
        preview,
    })
    .await
}

/// A typed value: JSON where it is that to the letter, else text. `1.50` and
/// `0049` stay as typed; the field's type says what they are.
fn written(typed: &str) -> serde_json::Value {
    let text = || serde_json::Value::String(typed.to_owned());
    match serde_json::from_str(typed) {
        Ok(serde_json::Value::Number(number)) if number.to_string() != typed.trim() => text(),
        Ok(value) => value,
        Err(_) => text(),
    }
}
