//! `lockstep plan`: what would happen, before anything is written.

use std::{collections::BTreeMap, path::PathBuf};

use lockstep_engine::operations::{Plan, SyncPlan};
use lockstep_server::{Client, requests};

use crate::{
    context::Context,
    failure::{Exit, Failure},
    screen::{Screen, Tone},
    table::{self, Table, text, thousands},
    verbs::{saved, selection::value},
};

/// Examples of each kind and side, unless `-v` asks for all.
const EXAMPLES_MAX: usize = 2;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this sync
    pub sync: Option<String>,
    /// Save it, so that `lockstep apply FILE` does exactly that
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.connecting_client().await?;
    let plan = make(context, &client, args.sync.as_deref()).await?;
    show(context, &plan);
    if let Some(file) = &args.save {
        saved::write(file, args.sync.as_deref(), &plan)?;
        context
            .screen
            .next(format!("`lockstep apply {}` does exactly that, or says what has changed since", file.display()));
        return Ok(Exit::Done);
    }
    context.screen.next(match &args.sync {
        Some(sync) => {
            format!("`lockstep apply {sync}` does it once, `lockstep run` does it and keeps everything in step")
        }
        None => "`lockstep apply` does it once, `lockstep run` does it and keeps everything in step".to_owned(),
    });
    Ok(Exit::Done)
}

/// Reads all sides and works out what would happen.
pub async fn make(context: &Context<'_>, client: &Client, sync: Option<&str>) -> Result<Plan, Failure> {
    let asked = requests::OfSync { sync: sync.map(str::to_owned) };
    let bar = context.screen.progress("reading all sides", None);
    let plan: Result<Plan, _> = client.post("/v1/plan", &asked).await;
    bar.finish_and_clear();
    Ok(plan?)
}

/// The tables.
pub fn show(context: &Context<'_>, plan: &Plan) {
    let screen = context.screen;
    if screen.json {
        screen.out_json(plan);
        return;
    }
    if !plan.prepare.is_empty() {
        screen.out("first, at the destinations:");
        for statement in &plan.prepare {
            screen.out(format!("  {}", screen.mark(Tone::Name, statement)));
        }
        screen.out("");
    }
    for sync in &plan.syncs {
        show_sync(context, sync);
    }
    if plan.syncs.is_empty() {
        screen.out("no sync to plan");
    }
}

/// Whether values survive every side.
fn show_values(screen: &Screen, sync: &SyncPlan) {
    if sync.lost.is_empty() {
        if sync.proven > 0 {
            screen.out(format!("  the values of {} sampled rows come back from every side", thousands(sync.proven)));
        }
        return;
    }
    let mut lost = Table::new(&["  values", "", "rows", "why", "e.g."]);
    for one in &sync.lost {
        let way = if one.from == one.at { format!("at {}", one.from) } else { format!("{} → {}", one.from, one.at) };
        let fate = if one.altered { "rounded" } else { "wait" };
        lost.row(vec![
            text(format!("  {}", one.field)).tone(Tone::Name),
            text(way),
            table::number(one.count),
            text(format!("{}: {fate}", one.why)).tone(if one.altered { Tone::Warn } else { Tone::Bad }),
            text(table::one_line(&one.example)).tone(Tone::Dim),
        ]);
    }
    screen.out(lost.render(screen));
}

/// What it would ask of systems that count.
fn show_cost(screen: &Screen, sync: &SyncPlan) {
    for side in sync.sides.iter().filter(|side| side.cost.read_requests > 0) {
        let cost = &side.cost;
        let left = cost.left_today.map(|left| format!(" of {} left today", thousands(left))).unwrap_or_default();
        let again = if sync.first_copy { cost.read_requests } else { 0 };
        let seconds = (cost.write_ms + if sync.first_copy { cost.read_ms } else { 0 }).div_ceil(1_000);
        screen.out(format!(
            "  {}: about {} requests{left}, about {} s ({} to read, {} to write)",
            screen.mark(Tone::Name, &side.side),
            thousands(again + cost.write_requests),
            thousands(seconds),
            thousands(again),
            thousands(cost.write_requests)
        ));
    }
}

fn show_sync(context: &Context<'_>, sync: &SyncPlan) {
    let screen = context.screen;
    let phase = if sync.first_copy { "first copy" } else { "since the last look" };
    screen.out(format!("{}  {}", screen.mark(Tone::Strong, &sync.sync), screen.mark(Tone::Dim, phase)));
    let mut sides = Table::new(&["  side", "rows", "to create", "to update", "to delete"]);
    for side in &sync.sides {
        sides.row(vec![
            text(format!("  {}", side.side)).tone(Tone::Name),
            table::number(side.rows),
            table::number(side.creates),
            table::number(side.updates),
            table::number(side.deletes),
        ]);
    }
    screen.out(sides.render(screen));
    let mut facts = vec![format!("{} matched", thousands(sync.matched))];
    let mut fact = |count: u64, words: &str, tone: Tone| {
        if count > 0 {
            facts.push(screen.mark(tone, &format!("{} {words}", thousands(count))));
        }
    };
    fact(sync.differing, "differing", Tone::Plain);
    fact(sync.held, "would wait for you", Tone::Warn);
    fact(sync.ambiguous, "ambiguous", Tone::Warn);
    fact(sync.uncastable, "do not cast", Tone::Bad);
    fact(sync.outside, "outside the filter", Tone::Plain);
    fact(sync.undecided, "that the filter cannot decide", Tone::Warn);
    screen.out(format!("  {}", facts.join(", ")));
    show_values(screen, sync);
    show_cost(screen, sync);
    for note in &sync.notes {
        screen.out(format!("  {} {}", screen.mark(Tone::Warn, "note"), table::clean(note)));
    }
    let mut shown: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for example in &sync.examples {
        let count = shown.entry((&example.what, &example.side)).or_default();
        *count += 1;
        if *count > EXAMPLES_MAX && screen.verbose == 0 {
            continue;
        }
        let place = if example.key.is_empty() {
            format!("at {}", example.side)
        } else {
            format!("{}:{}", example.side, example.key)
        };
        screen.out(format!("  {} {} {}", screen.mark(Tone::Dim, "e.g."), example.what, table::clean(&place)));
        let mut fields = Table::new(&[]);
        for field in &example.fields {
            fields.row(vec![
                text("      "),
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
    screen.out("");
}
