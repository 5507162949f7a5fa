//! `lockstep sql`: read-only SQL over the state's documented views.

use std::io::Read;

use lockstep_state::{Options, QueryLimits, QueryResult, Store};
use serde_json::Value as Json;

use crate::{
    context::Context,
    failure::{Exit, Failure},
    screen::Tone,
    table::{self, Table, text},
};

/// Bytes read of a query from stdin.
const QUERY_BYTES_MAX: u64 = 100_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One SELECT; `-` reads it from stdin; none lists the views
    pub query: Option<String>,
}

pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let query = match args.query.as_deref() {
        None => "SELECT name AS view FROM sqlite_temp_master WHERE type = 'view' ORDER BY name".to_owned(),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin()
                .take(QUERY_BYTES_MAX + 1)
                .read_to_string(&mut text)
                .map_err(|error| Failure::usage("LS-STA-015", format!("the query is not readable: {error}")))?;
            text
        }
        Some(query) => query.to_owned(),
    };
    let store = Store::open_read_only(&context.state_path(), &Options::default())?;
    let result = store.query_read_only(&query, &QueryLimits::default())?;
    show(context, &result);
    if args.query.is_none() {
        context.screen.next("`lockstep sql 'SELECT * FROM VIEW LIMIT 10'`");
    }
    Ok(Exit::Done)
}

fn show(context: &Context<'_>, result: &QueryResult) {
    let screen = context.screen;
    if screen.json {
        screen.out_json(result);
        return;
    }
    let heads: Vec<&str> = result.columns.iter().map(String::as_str).collect();
    let mut table = Table::new(&heads);
    for row in &result.rows {
        table.row(row.iter().map(cell).collect());
    }
    screen.out(table.render(screen));
    let more = if result.truncated { ", and more that were left out" } else { "" };
    screen.note(screen.mark_err(Tone::Dim, &format!("{} rows{more}", result.rows.len())));
}

fn cell(value: &Json) -> table::Cell {
    match value {
        Json::Null => table::dash(),
        Json::String(value) => text(value),
        other => text(other.to_string()),
    }
}
