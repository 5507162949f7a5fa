//! `cargo xtask ring`: Salesforce, HubSpot and PostgreSQL in one sync, through every
//! trouble and a kill at every named place, many seeds, judged by the checker.

use anyhow::{Context, Result};

use crate::cargo::{cargo, long_test};

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
    cargo(&["xtask", "guests"])?;
    let seeds = format!("{}..{}", args.seed, args.seed.saturating_add(args.runs));
    long_test("ring", TEST, &[("E2E_SEEDS", seeds.into())])
        .context("a run failed: `cargo xtask ring --seed SEED --runs 1` makes the same decisions again")
}
