//! `lockstep discover`: what objects and columns a connection has.

use lockstep_core::schema::{Column, Object};
use lockstep_server::requests;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    screen::Tone,
    table::{self, Table, dash, text},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The connection to look into
    pub connection: String,
    /// Objects to show with their columns; none: list all objects
    pub objects: Vec<String>,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let client = context.stateless_client().await?;
    let asked = requests::Discover { connection: args.connection.clone(), objects: args.objects.clone() };
    let bar = context.screen.progress("reading the schema", None);
    let objects: Result<Vec<Object>, _> = client.post("/v1/discover", &asked).await;
    bar.finish_and_clear();
    let objects = objects?;
    if context.screen.json {
        context.screen.out_json(&objects);
    } else if args.objects.is_empty() {
        list(args, context, &objects);
    } else {
        for object in &objects {
            show(context, object);
        }
        context.screen.next("name columns in a sync's `fields`, or let `lockstep map SYNC` propose them");
    }
    Ok(Exit::Done)
}

fn list(args: &Args, context: &Context<'_>, objects: &[Object]) {
    let screen = context.screen;
    if objects.is_empty() {
        screen.out("no objects that this user may see");
        return;
    }
    let mut table = Table::new(&["object", "columns", "key", "rows (about)", ""]);
    for object in objects {
        table.row(vec![
            text(&object.name).tone(Tone::Name),
            table::number(object.columns.len() as u64),
            text(object.key.join(", ")),
            object.rows_estimate.map_or_else(dash, table::number),
            text(&object.obstacle).tone(Tone::Warn),
        ]);
    }
    screen.out(table.render(screen));
    if let Some(first) = objects.first() {
        screen.next(format!("`lockstep discover {} {}` shows columns", args.connection, first.name));
    }
}

fn show(context: &Context<'_>, object: &Object) {
    let screen = context.screen;
    screen.out(format!(
        "{}  key: {}",
        screen.mark(Tone::Strong, &object.name),
        if object.key.is_empty() { "none".to_owned() } else { object.key.join(", ") }
    ));
    if !object.obstacle.is_empty() {
        screen.out(screen.mark(Tone::Warn, &format!("  {}", object.obstacle)));
    }
    let mut table = Table::new(&["  column", "type", "kind", "notes"]);
    for column in &object.columns {
        table.row(vec![
            text(format!("  {}", column.name)).tone(Tone::Name),
            text(&column.column_type.native),
            text(kind(column)),
            text(notes(column)).tone(Tone::Dim),
        ]);
    }
    screen.out(table.render(screen));
    screen.out("");
}

fn kind(column: &Column) -> String {
    serde_json::to_value(column.column_type.kind)
        .ok()
        .and_then(|kind| kind.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn notes(column: &Column) -> String {
    let mut notes = Vec::new();
    if !column.nullable {
        notes.push("required".to_owned());
    }
    if column.unique {
        notes.push("unique".to_owned());
    }
    if column.has_default {
        notes.push("has a default".to_owned());
    }
    if column.computed {
        notes.push("computed".to_owned());
    } else if !column.updateable {
        notes.push(if column.createable { "set once" } else { "read-only" }.to_owned());
    }
    if let Some(reference) = &column.references {
        notes.push(format!("→ {}", reference.object));
    }
    notes.join(", ")
}
