//! `cargo xtask ring`: Salesforce, HubSpot and PostgreSQL in one sync, through every
//! trouble and a kill at every named place, many seeds, judged by the checker.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::root;

/// The test that runs the seeds it is given.
const TEST: &str = "every_trouble_and_a_kill_at_every_place_lose_nothing_whatever_the_seed";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many seeds to run; each takes minutes
    #[arg(long, default_value_t = 3)]
    runs: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(args: &Args) -> Result<()> {
    let built =
        Command::new("cargo").args(["xtask", "guests"]).current_dir(root()).status().context("starting cargo")?;
    ensure!(built.success(), "the connectors could not be built");
    let ran = Command::new("cargo")
        .args(["test", "--workspace", "--test", "ring", "--", "--ignored", "--nocapture", TEST])
        .env("E2E_SEEDS", format!("{}..{}", args.seed, args.seed.saturating_add(args.runs)))
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    let said = String::from_utf8_lossy(&ran.stdout);
    print!("{said}");
    ensure!(
        ran.status.success(),
        "a run failed: `cargo xtask ring --seed SEED --runs 1` makes the same decisions again"
    );
    ensure!(said.contains("1 passed"), "no test of the name {TEST} ran");
    Ok(())
}
