//! Everything done to the repository by a command: `cargo xtask --help`.

mod bench;
mod cargo;
mod demo;
mod fuzz;
mod guests;
mod mutants;
mod ring;
mod simulate;
mod soak;
mod starter;
mod test;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
enum Task {
    /// Measure Lockstep and its peers side by side
    Bench(bench::Args),
    /// Three live databases in step on this machine, and what happens to edits
    Demo(demo::Args),
    /// Give every reader of foreign bytes bytes that nobody meant, for as long as asked
    Fuzz(fuzz::Args),
    /// Build every connector and test guest as a WebAssembly component
    Guests(guests::Guests),
    /// Plant bugs one at a time and see that each is found
    Mutants(mutants::Args),
    /// Three systems in one sync through every trouble, many seeds
    Ring(ring::Args),
    /// An hour of load and trouble on three systems: nothing is lost, nothing grows
    Soak(soak::Args),
    /// Run the whole engine in simulated time, many seeds, and judge each
    Simulate(simulate::Args),
    /// From an empty folder to a connector that conforms, as its author would
    Starter(starter::Args),
    /// Check everything: format, lints, tests, guests
    Test(test::Args),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Bench(args) => bench::run(&args),
        Task::Demo(args) => demo::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Guests(args) => args.run(),
        Task::Mutants(args) => mutants::run(&args),
        Task::Ring(args) => ring::run(&args),
        Task::Soak(args) => soak::run(&args),
        Task::Simulate(args) => simulate::run(&args),
        Task::Starter(args) => starter::run(&args),
        Task::Test(args) => test::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
