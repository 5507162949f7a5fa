//! The vendor's ordinary client library, driven against the simulator by Node.
//! Installed by npm from the committed lock file, once; where npm is missing
//! the test says so, and fails only in continuous integration.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use lockstep_simulators::salesforce::{Options, Org};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/salesforce")
}

/// Whether the library is there now. False where npm is missing and may be.
fn installed() -> Result<bool> {
    let folder = folder();
    // Which lock file the library was installed from.
    let stamp = folder.join("node_modules/.installed-from");
    let lock = fs::read(folder.join("package-lock.json"))?;
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(true);
    }
    let npm = Command::new("npm").args(["ci", "--prefer-offline"]).current_dir(&folder).output();
    match npm {
        Ok(output) => {
            ensure!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
            fs::write(stamp, lock)?;
            Ok(true)
        }
        Err(error) => {
            ensure!(std::env::var_os("CI").is_none(), "npm is needed: {error}");
            eprintln!("SKIPPED: npm is needed to drive the client library, and is missing here: {error}");
            Ok(false)
        }
    }
}

#[test]
fn the_client_library_finds_everything_as_at_the_vendors() -> Result<()> {
    if !installed()? {
        return Ok(());
    }
    let org = Org::start(Options::default())?;
    let output = Command::new("node").arg("drive.mjs").arg(org.url()).current_dir(folder()).output();
    let output = output.context("node")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(said.contains("13 steps"), "not all steps ran: {said}");
    Ok(())
}
