//! `lockstep map`: proposes fields for columns that are not mapped yet, and
//! writes the accepted ones into the file, comments kept.

use std::fs;

use lockstep_core::{
    config::{Config, Sync},
    mapping::{NameMatch, same_name},
    schema::Object,
};
use lockstep_server::requests;
use serde_json::json;
use toml_edit::{DocumentMut, InlineTable, Item, Table as TomlTable, value};

use crate::{
    configuration,
    context::Context,
    failure::{Exit, Failure},
    screen::Tone,
    table::{Table, text},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sync
    pub sync: String,
    /// Write all proposals into the file without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Only show them
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
}

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let config = configuration::load(context.config_path())?;
    let sync = config.sync(&args.sync).ok_or_else(|| unknown(&config, &args.sync))?;
    let objects = discover(sync, context).await?;
    let proposals = propose(sync, &objects);
    if screen.json {
        let list: Vec<_> = proposals
            .iter()
            .map(|one| json!({ "field": one.field, "columns": one.columns, "reason": "same name" }))
            .collect();
        screen.out_json(&list);
        if !args.yes {
            return Ok(Exit::Done);
        }
    } else {
        show(context, sync, &objects, &proposals);
    }
    if proposals.is_empty() || args.dry_run {
        return Ok(Exit::Done);
    }
    if !args.yes {
        if !screen.can_ask() {
            return Err(Failure::usage("LS-CLI-012", "`map` writes into the file and nobody is there to ask")
                .remedy("Add `--yes` to take all proposals, `--dry-run` to only look."));
        }
        if !screen.confirm("write these into the file?") {
            screen.note("nothing was changed");
            return Ok(Exit::Done);
        }
    }
    write(context, &args.sync, &proposals)?;
    screen.next("look at the file, set rules where the default does not fit, then `lockstep plan`");
    Ok(Exit::Done)
}

fn unknown(config: &Config, name: &str) -> Failure {
    let names: Vec<&str> = config.syncs.iter().map(|sync| sync.name.as_str()).collect();
    Failure::usage("LS-ENG-201", format!("there is no sync `{name}`")).remedy(if names.is_empty() {
        "Describe one first: [syncs.NAME] with its sides.".to_owned()
    } else {
        format!("There are: {}.", names.join(", "))
    })
}

/// Each side's object, in the sides' order.
async fn discover(sync: &Sync, context: &Context<'_>) -> Result<Vec<(String, Object)>, Failure> {
    let client = context.stateless_client().await?;
    let mut objects = Vec::new();
    for side in &sync.sides {
        let asked = requests::Discover { connection: side.connection.clone(), objects: vec![side.object.clone()] };
        let bar = context.screen.progress(&format!("reading {}", side.name), None);
        let found: Result<Vec<Object>, _> = client.post("/v1/discover", &asked).await;
        bar.finish_and_clear();
        let object = found?.into_iter().find(|object| object.name == side.object).ok_or_else(|| {
            Failure::new("LS-ENG-105", format!("{} has no `{}`", side.connection, side.object))
                .remedy(format!("`lockstep discover {}` lists what there is.", side.connection))
        })?;
        objects.push((side.name.clone(), object));
    }
    Ok(objects)
}

/// Fields for columns of the same name that no field has yet. Keys are linked,
/// not mapped, so they are left out.
fn propose(sync: &Sync, objects: &[(String, Object)]) -> Vec<NameMatch> {
    let taken = |side: &str, column: &str| {
        let mapped = sync.fields.iter().flat_map(|field| &field.columns);
        let key = objects.iter().any(|(name, object)| name == side && object.key.iter().any(|key| key == column));
        key || mapped.into_iter().any(|(name, known)| name == side && known.column == column)
    };
    same_name(objects.iter().map(|(side, object)| (side.as_str(), object)))
        .into_iter()
        .filter(|found| !found.columns.iter().any(|(side, column)| taken(side, column)))
        .filter(|found| sync.field(&found.field).is_none())
        .collect()
}

fn show(context: &Context<'_>, sync: &Sync, objects: &[(String, Object)], proposals: &[NameMatch]) {
    let screen = context.screen;
    if proposals.is_empty() {
        screen.out(format!("{}: every column that two sides name alike is mapped", sync.name));
        screen.next("map the others by hand; `lockstep discover CONNECTION OBJECT` shows them");
        return;
    }
    let mut heads = vec!["field"];
    heads.extend(objects.iter().map(|(side, _)| side.as_str()));
    heads.push("why");
    let mut table = Table::new(&heads);
    for proposal in proposals {
        let mut row = vec![text(&proposal.field).tone(Tone::Name)];
        for (side, object) in objects {
            let column = proposal.columns.iter().find(|(name, _)| name == side).map(|(_, column)| column);
            row.push(match column.and_then(|name| object.column(name)) {
                Some(column) => text(format!("{} {}", column.name, column.column_type.native)),
                None => crate::table::dash(),
            });
        }
        row.push(text("same name").tone(Tone::Dim));
        table.row(row);
    }
    screen.out(table.render(screen));
}

fn write(context: &Context<'_>, sync: &str, proposals: &[NameMatch]) -> Result<(), Failure> {
    let path = context.config_path();
    let failed =
        |error: &dyn std::fmt::Display| Failure::new("LS-CLI-005", format!("cannot write {}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let changed = with_fields(&text, sync, proposals).map_err(|error| failed(&error))?;
    let beside = path.with_extension("toml.new");
    fs::write(&beside, changed).and_then(|()| fs::rename(&beside, path)).map_err(|error| failed(&error))
}

/// The file's text with further fields, everything else as it was.
fn with_fields(text: &str, sync: &str, proposals: &[NameMatch]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let fields = document
        .get_mut("syncs")
        .and_then(|syncs| syncs.get_mut(sync))
        .and_then(Item::as_table_like_mut)
        .ok_or("the sync is not a table of its own")?
        .entry("fields")
        .or_insert_with(|| Item::Table(TomlTable::new()))
        .as_table_like_mut()
        .ok_or("`fields` is not a table")?;
    for proposal in proposals {
        let mut columns = InlineTable::new();
        for (side, column) in &proposal.columns {
            columns.insert(side, column.as_str().into());
        }
        fields.insert(&proposal.field, value(columns));
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_fields_are_added_and_comments_stay() {
        let proposals = [NameMatch {
            field: "city".into(),
            columns: vec![("a".into(), "city".into()), ("b".into(), "City".into())],
        }];
        let text = "# ours\n[syncs.people]\nmatch = [\"email\"] # by mail\n\n[syncs.people.fields]\nemail = { a = \"email\", b = \"mail\" }\n";
        let wanted = format!("{text}city = {{ a = \"city\", b = \"City\" }}\n");
        assert_eq!(with_fields(text, "people", &proposals), Ok(wanted));
        assert!(with_fields(text, "firms", &proposals).is_err());
    }
}
