//! The log of a running Lockstep: stderr, for people or for machines.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::screen::Screen;

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
