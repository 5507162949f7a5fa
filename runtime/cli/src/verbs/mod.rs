//! One file a verb.

pub mod apply;
pub mod audit;
pub mod backfill;
pub mod backup;
pub mod check;
pub mod completions;
pub mod config;
pub mod conflicts;
pub mod conformance;
pub mod connector;
pub mod dev;
pub mod discover;
pub mod explain;
pub mod failures;
pub mod help;
pub mod init;
pub mod inspect;
mod inspect_code;
pub mod log;
pub mod man;
pub mod map;
pub mod new;
pub mod pause;
pub mod plan;
pub mod record;
pub mod recordings;
pub mod registry;
pub mod replay;
pub mod restore;
pub mod revert;
pub mod run;
pub mod saved;
pub mod schema;
pub mod selection;
pub mod signing;
pub mod sql;
pub mod status;
pub mod sync;
pub mod tail;
pub mod versions;

use crate::{
    args::{Cli, Command},
    context::Context,
    failure::{Exit, Failure},
    screen::Screen,
};

/// Does what was typed.
pub async fn run(cli: &Cli, screen: &Screen) -> Result<Exit, Failure> {
    let context = &Context::new(screen, &cli.globals);
    match &cli.command {
        Command::Init(args) => init::run(args, context),
        Command::Check(args) => check::run(args, context).await,
        Command::Discover(args) => discover::run(args, context).await,
        Command::Map(args) => map::run(args, context).await,
        Command::Plan(args) => plan::run(args, context).await,
        Command::Apply(args) => apply::run(args, context).await,
        Command::Run(args) => run::run(args, context).await,
        Command::Status(args) => status::run(args, context).await,
        Command::Tail(args) => tail::run(args, context).await,
        Command::Explain(args) => explain::run(args, context).await,
        Command::Conflicts(args) => conflicts::run(args, context).await,
        Command::Failures(args) => failures::run(args, context).await,
        Command::Replay(args) => replay::run(args, context).await,
        Command::Revert(args) => revert::run(args, context).await,
        Command::Audit(args) => audit::run(args, context).await,
        Command::Pause(args) => pause::run(args, context, "pause").await,
        Command::Resume(args) => pause::run(args, context, "resume").await,
        Command::Backfill(args) => backfill::run(args, context).await,
        Command::Sync(args) => sync::run(args, context).await,
        Command::Schema(args) => schema::run(args, context).await,
        Command::Config(args) => config::run(args, context),
        Command::Sql(args) => sql::run(args, context),
        Command::Backup(args) => backup::run(args, context),
        Command::Restore(args) => restore::run(args, context).await,
        Command::Connector(args) => connector::run(args, context).await,
        Command::Help(args) => help::run(args, screen),
        Command::Completions(args) => completions::run(args, screen),
        Command::Man(args) => man::run(args, screen),
    }
}
