//! `cargo xtask demo`: live systems in step, on this machine, with nothing kept
//! afterwards. It drives the real `lockstep` command, so that whoever watches
//! learns it.

mod crm;
mod data;
mod databases;
mod teller;

use std::{
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, bail, ensure};

use crate::root;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is shown: Salesforce, HubSpot and PostgreSQL in one sync unless said
    #[arg(value_enum, default_value_t = Part::Crm)]
    part: Part,
    /// Keep everything running at the end, until Ctrl-C
    #[arg(long)]
    stay: bool,
    /// Build with optimisations (takes longer to build)
    #[arg(long)]
    release: bool,
    /// Use what was built before
    #[arg(long, conflicts_with = "release")]
    no_build: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// A simulated Salesforce and HubSpot and a real PostgreSQL in one sync
    Crm,
    /// Of the same three, only edits that meet, and what becomes of them
    Conflict,
    /// Three PostgreSQL databases: holds, quarantine and reverts too
    Databases,
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub fn run(args: &Args) -> Result<()> {
    if !args.no_build {
        build(args.release)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            INTERRUPTED.store(true, Ordering::Relaxed);
            eprintln!("\nstopping: servers end, their folders go");
        }
    });
    let told = runtime.block_on(async {
        match args.part {
            Part::Crm => crm::tell(false, args.stay).await,
            Part::Conflict => crm::tell(true, args.stay).await,
            Part::Databases => databases::tell(args.stay).await,
        }
    });
    match told {
        Err(_) if INTERRUPTED.load(Ordering::Relaxed) => {
            println!("stopped; nothing is left behind");
            Ok(())
        }
        told => told,
    }
}

/// Ends the demo where it stands when Ctrl-C was typed.
fn go_on() -> Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    Ok(())
}

/// The connectors, then the binary that has them inside.
fn build(release: bool) -> Result<()> {
    eprintln!("building the connectors and the lockstep command (the first time takes minutes)");
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    let steps: [&[&str]; 2] = [&["xtask", "guests"], &["build", "--package", "lockstep"]];
    for (step, extra) in steps.into_iter().zip([&[][..], profile]) {
        let status =
            Command::new("cargo").args(step).args(extra).current_dir(root()).status().context("starting cargo")?;
        ensure!(status.success(), "`cargo {}` failed", step.join(" "));
    }
    Ok(())
}
