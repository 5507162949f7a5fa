//! `cargo build` of the Rust project, into the guests' target folder: what was
//! compiled for them serves here, too.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::succeed;
use crate::{
    guests::{TARGET, Toolchain, guest_target},
    root,
};

pub fn build(project: &Path, name: &str) -> Result<PathBuf> {
    let root = root();
    // The same versions as the guests.
    fs::copy(root.join("plugins/Cargo.lock"), project.join("Cargo.lock"))?;
    let toolchain = Toolchain::choose()?;
    let target = guest_target(&root);
    let mut build = toolchain.cargo();
    build.args(["build", "--release", "--target", TARGET]).env("CARGO_TARGET_DIR", &target).current_dir(project);
    toolchain.add_build_arguments(&mut build);
    succeed(&mut build)?;
    Ok(target.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_"))))
}
