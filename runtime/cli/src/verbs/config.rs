//! `lockstep config explain`: what is in force, and where each value came from.

use std::path::Path;

use clap::Subcommand;
use lockstep_core::config::{Config, SecretRef};
use serde_json::json;

use crate::{
    configuration,
    context::Context,
    failure::{Exit, Failure},
    screen::Tone,
    table::{Table, text},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Every setting in force, and where it came from (secrets are never shown)
    Explain,
    /// Only whether the file is right
    Check,
}

struct Setting {
    name: String,
    value: String,
    source: String,
}

pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let config = configuration::load(context.config_path())?;
    if matches!(args.what, What::Check) {
        screen.out(format!(
            "{}: {} connections, {} syncs",
            context.config_path().display(),
            config.connections.len(),
            config.syncs.len()
        ));
        screen.next("`lockstep check` tries the connections");
        return Ok(Exit::Done);
    }
    let settings = settings(context, &config);
    if screen.json {
        let list: Vec<_> = settings
            .iter()
            .map(|one| json!({ "setting": one.name, "value": one.value, "source": one.source }))
            .collect();
        screen.out_json(&list);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["setting", "value", "from"]);
    for one in &settings {
        table.row(vec![text(&one.name).tone(Tone::Name), text(&one.value), text(&one.source).tone(Tone::Dim)]);
    }
    screen.out(table.render(screen));
    Ok(Exit::Done)
}

fn settings(context: &Context<'_>, config: &Config) -> Vec<Setting> {
    let file = context.config_path();
    let mut settings = Vec::new();
    let mut add = |name: String, value: String, source: String| settings.push(Setting { name, value, source });
    add("configuration".into(), file.display().to_string(), config_source(context));
    let (state, source) = context.state_source();
    add("state".into(), state.display().to_string(), source.to_owned());
    for connection in &config.connections {
        let name = format!("connections.{}", connection.name);
        let here = place(file, connection.at.line);
        add(format!("{name}.connector"), connection.connector.clone(), here.clone());
        if let Some(settings) = connection.config.as_object() {
            for (key, value) in settings {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                add(format!("{name}.config.{key}"), value, here.clone());
            }
        }
        for (key, secret) in &connection.secrets {
            let (value, source) = secret_state(secret);
            add(format!("{name}.secrets.{key}"), value, source);
        }
        if !connection.grants.is_empty() {
            add(format!("{name}.grant"), connection.grants.join(", "), here.clone());
        }
    }
    for sync in &config.syncs {
        let sides: Vec<String> = sync.sides.iter().map(|side| format!("{} = {}", side.name, side.object)).collect();
        add(format!("syncs.{}.sides", sync.name), sides.join(", "), place(file, sync.at.line));
        let fields: Vec<&str> = sync.fields.iter().map(|field| field.name.as_str()).collect();
        add(format!("syncs.{}.fields", sync.name), fields.join(", "), place(file, sync.at.line));
    }
    settings
}

fn config_source(context: &Context<'_>) -> String {
    if context.config_path() == Path::new("lockstep.toml") {
        "default".to_owned()
    } else {
        "--config or LOCKSTEP_CONFIG".to_owned()
    }
}

fn place(file: &Path, line: usize) -> String {
    format!("{}:{line}", file.display())
}

/// Whether a secret is there, never what it is.
fn secret_state(secret: &SecretRef) -> (String, String) {
    let (there, source) = match secret {
        SecretRef::Env(name) => (std::env::var_os(name).is_some(), format!("environment variable {name}")),
        SecretRef::File(path) => (Path::new(path).is_file(), format!("file {path}")),
        SecretRef::Credential(name) => (
            std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|folder| Path::new(&folder).join(name).is_file()),
            format!("systemd credential {name}"),
        ),
    };
    (if there { "(set)" } else { "(missing)" }.to_owned(), source)
}
