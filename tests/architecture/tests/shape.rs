//! Files stay small, modules say what they are for, frozen interfaces stay frozen.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

const FILE_LINES_MAX: usize = 800;
const ROOMS: &[&str] = &["runtime", "sdk", "plugins", "tests", "xtask"];
/// A released interface never changes. A new version is a new folder.
const FROZEN: &[(&str, &str)] = &[
    ("wit/v0.1.0", "4de67a634f901b9502119947daa2ad83c8c33e8e0c0321a42cab5048f261e39a"),
    ("wit/v0.2.0", "3d93e0535bca81a51259decf806ce24fae807f389cf362aaf980d20951346e7c"),
];
const DRAWERS: &[&str] = &["utils.rs", "util.rs", "common.rs", "helpers.rs", "misc.rs", "types.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = ROOMS.iter().map(|room| root().join(room)).filter(|room| room.exists()).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && name != "target" && name != "node_modules" {
                open.push(path);
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    ensure!(found.len() > 20, "only {} source files found: the walk is broken", found.len());
    Ok(found)
}

#[test]
fn no_file_outgrows_its_room() -> Result<()> {
    for path in sources()? {
        let lines = fs::read_to_string(&path)?.lines().count();
        ensure!(lines <= FILE_LINES_MAX, "{} has {lines} lines, at most {FILE_LINES_MAX}", path.display());
    }
    Ok(())
}

#[test]
fn there_are_no_drawers() -> Result<()> {
    for path in sources()? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        ensure!(!DRAWERS.contains(&name), "{}: name the module for what it is about", path.display());
    }
    Ok(())
}

#[test]
fn every_module_says_what_it_is_for() -> Result<()> {
    for path in sources()? {
        let text = fs::read_to_string(&path)?;
        let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!")).unwrap_or_default();
        ensure!(first.starts_with("//!"), "{} does not begin with //!", path.display());
    }
    Ok(())
}

/// Every file below a folder, in order.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[test]
fn frozen_interfaces_are_unchanged() -> Result<()> {
    for (folder, expected) in FROZEN {
        let mut hash = Sha256::new();
        for file in files_below(&root().join(folder))? {
            hash.update(fs::read(file)?);
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        ensure!(digest == *expected, "{folder} is released and frozen, but its digest is now {digest}");
    }
    Ok(())
}

#[test]
fn each_interface_version_has_its_folder() -> Result<()> {
    for (folder, _) in FROZEN {
        let version = folder.trim_start_matches("wit/v");
        let wit = fs::read_to_string(root().join(folder).join("connector.wit"))?;
        ensure!(wit.contains(&format!("package lockstep:connector@{version};")), "{folder} must hold its version");
    }
    let folders = fs::read_dir(root().join("wit"))?.count();
    ensure!(folders == FROZEN.len(), "a folder of wit/ is not among the frozen ones");
    Ok(())
}
