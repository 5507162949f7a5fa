//! `cargo xtask soak`: Salesforce, HubSpot and PostgreSQL in one sync for an hour, under
//! load and every trouble, by the release binary, with a report in `target/soak`.

use anyhow::{Context, Result};

use crate::{
    cargo::{cargo, long_test},
    root,
};

const TEST: &str = "nothing_is_lost_and_nothing_grows";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// For how long
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
}

pub fn run(args: &Args) -> Result<()> {
    cargo(&["xtask", "guests"])?;
    cargo(&["build", "--release", "--bin", "lockstep"])?;
    let report = root().join("target/soak");
    let environment = [
        ("LOCKSTEP_BIN", root().join("target/release/lockstep").into()),
        ("SOAK_MINUTES", args.minutes.to_string().into()),
        ("SOAK_REPORT", report.clone().into()),
    ];
    long_test("soak", TEST, &environment).with_context(|| format!("what was looked at is in {}", report.display()))?;
    println!("the report is {}", report.join("report.md").display());
    Ok(())
}
