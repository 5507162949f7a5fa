//! `cargo xtask simulate`: seeded runs of the whole engine, built with optimisations.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::root;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many seeds to run
    #[arg(long, default_value_t = 1_000)]
    runs: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only systems that tell every change in order
    #[arg(long)]
    logs: bool,
    /// Power cuts, clocks that jump, keys and rules that change, too
    #[arg(long)]
    harsh: bool,
    /// More records made twice in one moment: by the runtime and by somebody else
    #[arg(long)]
    rivals: bool,
    /// How many run at a time
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// Make the first failing run smaller
    #[arg(long)]
    shrink: bool,
    /// Tell everything that happens
    #[arg(long)]
    loud: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let (runs, seed, jobs) = (args.runs.to_string(), args.seed.to_string(), args.jobs.to_string());
    let mut arguments =
        vec!["run", "--release", "--quiet", "--package", "lockstep-simulation", "--bin", "simulate", "--"];
    arguments.extend(["--runs", &runs, "--seed", &seed, "--jobs", &jobs]);
    arguments.extend(args.logs.then_some("--logs"));
    arguments.extend(args.harsh.then_some("--harsh"));
    arguments.extend(args.rivals.then_some("--rivals"));
    arguments.extend(args.shrink.then_some("--shrink"));
    arguments.extend(args.loud.then_some("--loud"));
    let status = Command::new("cargo").args(&arguments).current_dir(root()).status().context("starting cargo")?;
    ensure!(
        status.success(),
        "the runs are not clean: `cargo xtask simulate --seed SEED --runs 1 --loud` replays one that fails"
    );
    Ok(())
}
