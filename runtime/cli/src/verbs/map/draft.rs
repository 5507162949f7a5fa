//! The file as it stands before everything is mapped: a sync may still lack
//! `match` and `fields`, which is what `map` is asked for.

use std::path::Path;

use lockstep_core::config::Config;
use toml_edit::{Array, DocumentMut, Item, TableLike, value};

use crate::{configuration, failure::Failure};

/// The file and what it says, with what the sync lacks filled in for now.
pub struct Draft {
    /// As it is on disk.
    pub text: String,
    pub config: Config,
    /// The file says how records find each other.
    pub has_match: bool,
    /// The file maps columns of equal names by itself.
    pub same_name: bool,
}

pub fn load(path: &Path, sync: &str) -> Result<Draft, Failure> {
    let text = configuration::read(path)?;
    let config = configuration::parse(path, &filled(&text, sync))?;
    let says = |what: fn(&dyn TableLike) -> bool| {
        let document: Option<DocumentMut> = text.parse().ok();
        let table = document.as_ref().and_then(|document| document.get("syncs")?.get(sync)?.as_table_like());
        table.is_some_and(what)
    };
    let same_name = says(has_fields) && config.sync(sync).is_some_and(|sync| sync.same_name);
    Ok(Draft { has_match: says(|table| table.contains_key("match")), same_name, config, text })
}

fn has_fields(sync: &dyn TableLike) -> bool {
    sync.get("fields").is_some_and(|fields| fields.as_table_like().is_none_or(|all| !all.is_empty()))
}

/// The text with a `match` and `fields` for the sync where it has none. A text
/// that does not parse stays as it is: whoever reads it says what is wrong.
pub fn filled(text: &str, sync: &str) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return text.to_owned();
    };
    let table = document.get_mut("syncs").and_then(|syncs| syncs.get_mut(sync)).and_then(Item::as_table_like_mut);
    let Some(table) = table else {
        return text.to_owned();
    };
    let mut changed = false;
    if !table.contains_key("match") {
        table.insert("match", value(Array::new()));
        changed = true;
    }
    if !has_fields(table) {
        table.insert("fields", value("same-name"));
        changed = true;
    }
    if changed { document.to_string() } else { text.to_owned() }
}
