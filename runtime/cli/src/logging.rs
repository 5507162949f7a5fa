//! The log of a running Lockstep: stderr, for people or for machines.

use std::{
    fmt::{self, Write},
    io::{self, IsTerminal},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter,
    filter::Targets,
    layer::{Context, Layer, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::{
    screen::{Screen, Tone},
    table,
};

/// What connectors say is logged under this name.
const CONNECTOR: &str = "connector";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Starts it. LOCKSTEP_LOG overrides what `-v` says.
pub fn start(format: Format, screen: &Screen) {
    let default = match screen.verbose {
        0 => "info",
        1 => "info,lockstep=debug,lockstep_engine=debug,lockstep_host=debug,lockstep_state=debug",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("LOCKSTEP_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && screen.colours_err());
    let started = match format {
        Format::Text => builder.with_target(screen.verbose > 0).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        screen.note(format!("no log: {error}"));
    }
}

/// Has what connectors say in this process shown between the results, and nothing else.
pub fn start_for_connectors(screen: &Screen) {
    let level = match screen.verbose {
        0 => Level::INFO,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let lines = ConnectorLines { screen: screen.clone() };
    let lines = lines.with_filter(Targets::new().with_target(CONNECTOR, level));
    if let Err(error) = tracing_subscriber::registry().with(lines).try_init() {
        screen.note(format!("no log: {error}"));
    }
}

struct ConnectorLines {
    screen: Screen,
}

impl<S: Subscriber> Layer<S> for ConnectorLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let (about, mut words) = (event.metadata(), Words::default());
        event.record(&mut words);
        let level = about.level().as_str().to_lowercase();
        if self.screen.json {
            let line = serde_json::json!({ "log": words.message, "level": level, "role": words.role });
            return self.screen.out_json_line(&line);
        }
        self.screen.out(format!("log      {}", connector_line(&self.screen, &level, &words.role, &words.message)));
    }
}

/// A line of a connector's log, for people.
pub fn connector_line(screen: &Screen, level: &str, role: &str, line: &str) -> String {
    let tone = match level {
        "error" => Tone::Bad,
        "warn" => Tone::Warn,
        _ => Tone::Dim,
    };
    format!("{} {}", screen.mark(tone, &format!("{level:<5} {role:<6}")), table::clean(line))
}

/// What an event of a connector carries.
#[derive(Default)]
struct Words {
    message: String,
    role: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "role" {
            self.role = value.to_owned();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        }
    }
}
