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
    /// Tell everything that happens
    #[arg(long)]
    loud: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let (runs, seed) = (args.runs.to_string(), args.seed.to_string());
    let mut arguments =
        vec!["run", "--release", "--quiet", "--package", "lockstep-simulation", "--bin", "simulate", "--"];
    arguments.extend(["--runs", &runs, "--seed", &seed]);
    arguments.extend(args.logs.then_some("--logs"));
    arguments.extend(args.loud.then_some("--loud"));
    let status = Command::new("cargo").args(&arguments).current_dir(root()).status().context("starting cargo")?;
    ensure!(status.success(), "some runs failed: `cargo xtask simulate --seed SEED --runs 1 --loud` replays one");
    Ok(())
}
