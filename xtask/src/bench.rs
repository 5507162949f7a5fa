//! `cargo xtask bench`: builds what is measured with optimisations, and measures.

use anyhow::Result;

use crate::cargo::cargo;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Use what is built already
    #[arg(long)]
    no_build: bool,
    /// What to measure and how often; `cargo xtask bench -- --help` lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    if !args.no_build {
        cargo(&["xtask", "guests"])?;
        cargo(&["build", "--release", "--package", "lockstep"])?;
    }
    let mut measure = vec!["run", "--release", "--quiet", "--package", "lockstep-bench", "--"];
    measure.extend(args.options.iter().map(String::as_str));
    cargo(&measure)
}
