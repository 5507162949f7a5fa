//! HubSpot's own client library, as a Node program, against the account. Where
//! npm or its registry is out of reach this says so, and fails only in CI.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use lockstep_simulators::hubspot::Settings;

use crate::client::Caller;

/// The whole conversation, installing apart.
const DRIVE_MAX: Duration = Duration::from_secs(60);
const APP: u64 = 4_711;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/hubspot")
}

/// Installs what the lock file names, once. Why not, if it cannot be had.
fn install(folder: &Path) -> Result<(), String> {
    if folder.join("node_modules/@hubspot/api-client/package.json").exists() {
        return Ok(());
    }
    let install = Command::new("npm").args(["ci", "--ignore-scripts", "--no-progress"]).current_dir(folder).output();
    match install {
        Err(error) => Err(format!("npm cannot be started: {error}")),
        Ok(output) if !output.status.success() => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Ok(_) => Ok(()),
    }
}

#[test]
fn the_vendors_own_client_finds_what_it_expects() -> Result<()> {
    let folder = folder();
    if let Err(reason) = install(&folder) {
        ensure!(env::var_os("CI").is_none(), "the client library cannot be installed: {reason}");
        eprintln!("SKIPPED: the client library cannot be installed: {reason}");
        return Ok(());
    }
    let settings = Settings { search_lag_ms: 0, search_secondly_max: 100, burst_max: 1_000, ..Settings::default() };
    let hub = Caller::with(settings)?;
    let (client_id, client_secret, refresh_token) = hub.account.install(APP, &[]);
    let mut drive = Command::new("node")
        .arg("drive.mjs")
        .current_dir(&folder)
        .env("HUBSPOT_URL", hub.account.url())
        .env("HUBSPOT_TOKEN", &hub.token)
        .env("HUBSPOT_APP", APP.to_string())
        .env("HUBSPOT_CLIENT_ID", client_id)
        .env("HUBSPOT_CLIENT_SECRET", client_secret)
        .env("HUBSPOT_REFRESH_TOKEN", refresh_token)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("node")?;
    let started = Instant::now();
    while drive.try_wait()?.is_none() {
        if started.elapsed() > DRIVE_MAX {
            drive.kill()?;
            let output = drive.wait_with_output()?;
            bail!("not done after {DRIVE_MAX:?}: {}", String::from_utf8_lossy(&output.stdout));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let output = drive.wait_with_output()?;
    let (told, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{told}{complained}");
    ensure!(told.contains("everything held"), "{told}");
    Ok(())
}
