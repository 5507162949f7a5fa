//! Cargo, asked from the repository's folder.

use std::{
    ffi::OsString,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::root;

/// Runs cargo to its end.
pub fn cargo(arguments: &[&str]) -> Result<()> {
    let status = Command::new("cargo").args(arguments).current_dir(root()).status().context("starting cargo")?;
    ensure!(status.success(), "`cargo {}` ended with {status}", arguments.join(" "));
    Ok(())
}

/// Runs one of the end-to-end tests that take too long for every run of the tests.
pub fn long_test(file: &str, name: &str, environment: &[(&str, OsString)]) -> Result<()> {
    let ran = Command::new("cargo")
        .args(["test", "--workspace", "--test", file, "--", "--ignored", "--nocapture", name])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    let said = String::from_utf8_lossy(&ran.stdout);
    print!("{said}");
    ensure!(ran.status.success(), "the test {name} failed");
    ensure!(said.contains("1 passed"), "no test of the name {name} ran");
    Ok(())
}
