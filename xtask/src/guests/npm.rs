//! Connectors written in TypeScript: built by npm where node is there; where it is
//! not that is said, and everything else is built all the same.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::{fingerprint, put};
use crate::starter::typescript;

/// Folders below `plugins` with a package.json.
pub const NAMES: &[&str] = &["rest"];

/// From source to `target/guests/NAME.wasm`, if a source changed since.
pub fn make(root: &Path, out: &Path, name: &str, is_forced: bool) -> Result<()> {
    let folder = root.join("plugins").join(name);
    let sources = fingerprint::of_sources(root, &["wit", "sdk/typescript/src", &format!("plugins/{name}")])?;
    let stamp = out.join(format!(".{name}-sources"));
    let is_unchanged = fs::read_to_string(&stamp).is_ok_and(|known| known == sources);
    if is_unchanged && !is_forced && out.join(format!("{name}.wasm")).is_file() {
        return Ok(());
    }
    if let Some(how) = typescript::missing() {
        println!("  {name:<20} not built: {how}");
        return Ok(());
    }
    for arguments in [&["ci", "--no-audit", "--no-fund"][..], &["run", "build"]] {
        let status = Command::new("npm").args(arguments).current_dir(&folder).status().context("start npm")?;
        ensure!(status.success(), "`npm {}` in {} ended with {status}", arguments.join(" "), folder.display());
    }
    put(&folder.join("dist").join(format!("{name}.wasm")), out, name)?;
    fs::write(&stamp, sources).with_context(|| format!("write {}", stamp.display()))
}
