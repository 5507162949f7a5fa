//! `lockstep map --objects`: which objects of several systems hold the same records.
//! What is taken becomes a sync with its sides, to be mapped next.

use std::fs;

use lockstep_core::{
    config::Config,
    propose::{ObjectProposal, System, propose_objects},
    schema::Object,
};
use lockstep_server::requests;
use serde_json::json;
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value, value};

use super::{Args, look};
use crate::{
    configuration,
    context::Context,
    failure::{Exit, Failure},
    screen::Tone,
    table::{self, Table as Listing, text},
};

pub async fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let (screen, path) = (context.screen, context.config_path());
    let written = configuration::read(path)?;
    let config = configuration::parse(path, &written)?;
    let found = look_at(args, context, &config).await?;
    if screen.json {
        let list: Vec<_> = found.iter().map(as_json).collect();
        screen.out_json(&json!({ "proposals": list }));
    } else {
        show(context, &args.objects, &found);
    }
    if found.is_empty() || args.dry_run || (screen.json && !args.yes) {
        return Ok(Exit::Done);
    }
    let taken: Vec<&ObjectProposal> = if args.yes {
        found.iter().filter(|one| one.confidence >= args.accept_above).collect()
    } else if screen.can_ask() {
        found.iter().filter(|one| screen.confirm(&format!("add {} to the file?", spoken(one)))).collect()
    } else {
        return Err(Failure::usage("LS-CLI-012", "`map` writes into the file and nobody is there to ask")
            .remedy("Add `--yes` to take what is sure, `--dry-run` to only look."));
    };
    if taken.is_empty() {
        screen.note("nothing was changed");
        return Ok(Exit::Done);
    }
    let failed = |error: String| Failure::new("LS-CLI-005", format!("cannot write {}: {error}", path.display()));
    let (changed, names) = with_syncs(&written, &config, &taken).map_err(&failed)?;
    let beside = path.with_extension("toml.new");
    fs::write(&beside, changed).and_then(|()| fs::rename(&beside, path)).map_err(|error| failed(error.to_string()))?;
    let each: Vec<String> = names.iter().map(|name| format!("`lockstep map {name}`")).collect();
    screen.next(format!("{} maps the fields; until then no other command can use the file", each.join(", ")));
    Ok(Exit::Done)
}

/// Asks the systems for all their objects; what no sync has yet and is alike.
async fn look_at(args: &Args, context: &Context<'_>, config: &Config) -> Result<Vec<ObjectProposal>, Failure> {
    let client = look::client(config, context.config_path())?;
    let mut systems: Vec<(&str, Vec<Object>)> = Vec::new();
    for name in &args.objects {
        if config.connection(name).is_none() {
            let known: Vec<&str> = config.connections.iter().map(|one| one.name.as_str()).collect();
            return Err(Failure::usage("LS-ENG-204", format!("there is no connection `{name}`"))
                .remedy(format!("There are: {}.", known.join(", "))));
        }
        let bar = context.screen.progress(&format!("looking at {name}"), None);
        let asked = requests::Discover { connection: name.clone(), objects: Vec::new() };
        let found: Result<Vec<Object>, _> = client.post("/v1/discover", &asked).await;
        bar.finish_and_clear();
        systems.push((name, found?));
    }
    let systems: Vec<System<'_>> = systems.iter().map(|(name, objects)| System { name, objects }).collect();
    Ok(propose_objects(&systems).into_iter().filter(|one| !is_known(config, one)).collect())
}

/// Whether a sync has two of these objects already.
fn is_known(config: &Config, proposal: &ObjectProposal) -> bool {
    config.syncs.iter().any(|sync| {
        let has = |(connection, object): &&(String, String)| {
            sync.sides.iter().any(|side| side.connection == *connection && side.object == *object)
        };
        proposal.objects.iter().filter(has).count() > 1
    })
}

fn as_json(one: &ObjectProposal) -> serde_json::Value {
    let sides: serde_json::Map<String, serde_json::Value> =
        one.objects.iter().map(|(side, object)| (side.clone(), object.as_str().into())).collect();
    json!({
        "sync": one.name,
        "sides": sides,
        "confidence": (one.confidence * 1000.0).round() / 1000.0,
        "shared_columns": one.shared_columns,
    })
}

fn spoken(one: &ObjectProposal) -> String {
    let objects: Vec<String> = one.objects.iter().map(|(system, object)| format!("{system} {object}")).collect();
    format!("{} ({})", one.name, objects.join(" ↔ "))
}

fn show(context: &Context<'_>, connections: &[String], found: &[ObjectProposal]) {
    let screen = context.screen;
    if found.is_empty() {
        screen.out("no objects that are in no sync yet are alike enough");
        return;
    }
    let mut heads = vec!["sync"];
    heads.extend(connections.iter().map(String::as_str));
    heads.extend(["sure", "columns in common"]);
    let mut listing = Listing::new(&heads);
    for one in found {
        let mut row = vec![text(&one.name).tone(Tone::Name)];
        for connection in connections {
            let object = one.objects.iter().find(|(system, _)| system == connection);
            row.push(object.map_or_else(table::dash, |(_, object)| text(object)));
        }
        row.push(text(format!("{:.0}%", one.confidence * 100.0)));
        row.push(table::number(one.shared_columns as u64));
        listing.row(row);
    }
    screen.out(listing.render(screen));
}

/// The file with the syncs at its end, each with nothing but its sides, and what
/// they are called.
fn with_syncs(written: &str, config: &Config, taken: &[&ObjectProposal]) -> Result<(String, Vec<String>), String> {
    let mut document: DocumentMut = written.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let syncs = document.entry("syncs").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let syncs = syncs.as_table_like_mut().ok_or("`syncs` is not a table")?;
    let mut names: Vec<String> = Vec::new();
    for one in taken {
        let mut name = one.name.clone();
        let mut times = 1;
        while config.sync(&name).is_some() || names.contains(&name) {
            times += 1;
            name = format!("{}_{times}", one.name);
        }
        let mut sides = InlineTable::new();
        for (connection, object) in &one.objects {
            sides.insert(connection, Value::from(object.as_str()));
        }
        let mut table = Table::new();
        table.insert("sides", value(sides));
        syncs.insert(&name, Item::Table(table));
        names.push(name);
    }
    Ok((document.to_string(), names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_pair_becomes_a_sync_with_its_sides_and_comments_stay() {
        let written = "# ours\n[connections.a]\nconnector = \"x\" # here\n[connections.b]\nconnector = \"x\"\n";
        let config = Config::parse(written).unwrap_or_else(|errors| panic!("{errors:?}"));
        let one = ObjectProposal {
            name: "contacts".into(),
            objects: vec![("a".into(), "Contact".into()), ("b".into(), "public.contacts".into())],
            confidence: 0.9,
            shared_columns: 4,
        };
        let (changed, names) = with_syncs(written, &config, &[&one, &one]).unwrap_or_default();
        let sync = |name: &str| format!("\n[syncs.{name}]\nsides = {{ a = \"Contact\", b = \"public.contacts\" }}\n");
        assert_eq!(changed, format!("{written}{}{}", sync("contacts"), sync("contacts_2")));
        assert_eq!(names, ["contacts", "contacts_2"]);
    }
}
