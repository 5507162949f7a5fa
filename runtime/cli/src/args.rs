//! The command line: what can be typed. One verb, one file in `verbs`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::verbs;

const AFTER_HELP: &str = "\
First steps:  lockstep init · edit lockstep.toml · lockstep check · lockstep plan · lockstep run
Exit codes:   0 done · 1 failed · 2 wrong usage · 3 done, and something needs you
An error code is explained by `lockstep help CODE`.";

/// Keeps records in step between systems, in both directions.
#[derive(Debug, Parser)]
#[command(
    name = "lockstep",
    version,
    disable_help_subcommand = true,
    after_help = AFTER_HELP,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

/// Options every verb takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Globals {
    /// The configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "LOCKSTEP_CONFIG",
        default_value = "lockstep.toml",
        hide_env = true
    )]
    pub config: PathBuf,

    /// The state file [default: lockstep.db beside the configuration]
    #[arg(long, global = true, value_name = "FILE", env = "LOCKSTEP_STATE", hide_env = true)]
    pub state: Option<PathBuf>,

    /// Print JSON, for machines
    #[arg(long, global = true)]
    pub json: bool,

    /// No colours (NO_COLOR does the same)
    #[arg(long, global = true)]
    pub no_color: bool,

    /// Say more (-vv: debug, -vvv: trace)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first configuration file
    Init(verbs::init::Args),
    /// Look at every connection: reachable, credentials, rights, what is missing
    Check(verbs::check::Args),
    /// List a connection's objects and their columns
    Discover(verbs::discover::Args),
    /// Propose fields for columns that are not mapped yet, and write them into the file
    Map(verbs::map::Args),
    /// Show what a sync would do, before anything is written
    Plan(verbs::plan::Args),
    /// Do what a plan says
    Apply(verbs::apply::Args),
    /// Keep everything in step until stopped
    Run(verbs::run::Args),
    /// Where every sync stands
    Status(verbs::status::Args),
    /// Watch changes as they flow
    Tail(verbs::tail::Args),
    /// Who set each value of a record, when, from where, and what it displaced
    Explain(verbs::explain::Args),
    /// List, show and resolve conflicts
    Conflicts(verbs::conflicts::Args),
    /// List, retry and ignore what a side refused
    Failures(verbs::failures::Args),
    /// Decide journaled conflicts again, under the rules as they are now
    Replay(verbs::replay::Args),
    /// Write back the values before journaled changes
    Revert(verbs::revert::Args),
    /// Compare all sides now and say what differs
    Audit(verbs::audit::Args),
    /// Stop a sync until `resume`
    Pause(verbs::pause::Args),
    /// Continue a paused sync
    Resume(verbs::pause::Args),
    /// Read a side in full again
    Backfill(verbs::backfill::Args),
    /// Manage syncs
    Sync(verbs::sync::Args),
    /// What changed about the sides' columns; the JSON Schema of the configuration file
    Schema(verbs::schema::Args),
    /// Look into the configuration: what is in force, and from where
    Config(verbs::config::Args),
    /// Read-only SQL over the state
    Sql(verbs::sql::Args),
    /// Copy the state file, also while Lockstep runs
    Backup(verbs::backup::Args),
    /// Put a copy of the state file in place
    Restore(verbs::restore::Args),
    /// Look at connectors: what they are, and what they ask for
    Connector(verbs::connector::Args),
    /// Explain an error code, or a command
    Help(verbs::help::Args),
    /// Print a shell completion script
    Completions(verbs::completions::Args),
    /// Write the man pages
    Man(verbs::man::Args),
}
