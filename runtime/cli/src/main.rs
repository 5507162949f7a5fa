//! The `lockstep` command: turns what a person typed into one operation, runs
//! it, and says what came of it. It must not decide anything about records:
//! every verb asks the engine, in a running Lockstep or in this process.

mod args;
mod asks;
mod bridge;
mod code;
mod configuration;
mod connectors;
mod context;
mod failure;
mod kept;
mod logging;
mod moment;
mod pages;
mod pin;
mod registry;
mod screen;
mod secrets;
mod shelf;
mod state_failure;
mod table;
mod trouble;
mod verbs;
mod watch_folder;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, failure::Exit, screen::Screen};

/// Records are many small values that live on one thread and die on another,
/// which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the host starts this program with to compile a component; nobody types it.
const COMPILE: &str = "__compile";

/// The process that compiles: bounded, without a runtime, a component in and machine code out.
fn compile(arguments: &[String]) -> ExitCode {
    let bound = |at: usize| arguments.get(at).and_then(|text| text.parse().ok());
    let (Some(memory), Some(seconds), Some(purpose)) = (bound(0), bound(1), arguments.get(2)) else {
        return Exit::Usage.into();
    };
    match lockstep_host::compile_child(memory, seconds, purpose, std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => Exit::Done.into(),
        Err(words) => {
            eprintln!("{words}");
            Exit::Failed.into()
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().is_some_and(|first| first == COMPILE) {
        return compile(&arguments.collect::<Vec<_>>());
    }
    trouble::install();
    let cli = Cli::parse();
    let screen = Screen::new(&cli.globals);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen.fail(&failure::Failure::new("LS-CLI-002", format!("cannot start threads: {error}")));
            return Exit::Failed.into();
        }
    };
    let outcome = runtime.block_on(verbs::run(&cli, &screen));
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            screen.fail(&failure);
            failure.exit.into()
        }
    }
}
