//! `cargo xtask soak`: Salesforce, HubSpot and PostgreSQL in one sync for an hour, under
//! load and every trouble, by the release binary, with a report in `target/soak`.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::root;

const TEST: &str = "nothing_is_lost_and_nothing_grows";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// For how long
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
}

pub fn run(args: &Args) -> Result<()> {
    let build = |arguments: &[&str]| -> Result<()> {
        let status = Command::new("cargo").args(arguments).current_dir(root()).status().context("starting cargo")?;
        ensure!(status.success(), "`cargo {}` ended with {status}", arguments.join(" "));
        Ok(())
    };
    build(&["xtask", "guests"])?;
    build(&["build", "--release", "--bin", "lockstep"])?;
    let report = root().join("target/soak");
    let ran = Command::new("cargo")
        .args(["test", "--workspace", "--test", "soak", "--", "--ignored", "--nocapture", TEST])
        .env("LOCKSTEP_BIN", root().join("target/release/lockstep"))
        .env("SOAK_MINUTES", args.minutes.to_string())
        .env("SOAK_REPORT", &report)
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    let said = String::from_utf8_lossy(&ran.stdout);
    print!("{said}");
    ensure!(ran.status.success(), "the soak failed; what was looked at is in {}", report.display());
    ensure!(said.contains("1 passed"), "no test of the name {TEST} ran");
    println!("the report is {}", report.join("report.md").display());
    Ok(())
}
