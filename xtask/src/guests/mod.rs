//! `cargo xtask guests`: every guest from source to `target/guests/NAME.wasm`.
//!
//! All guests build in one workspace (`plugins/`), so the standard library is
//! built once. Nothing is rebuilt while no source changed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::Args;

mod fingerprint;
mod npm;
pub mod python;
mod toolchain;

pub use toolchain::Toolchain;

pub const TARGET: &str = "wasm32-wasip2";

#[derive(Debug, Args)]
pub struct Guests {
    /// Build even when nothing changed.
    #[arg(long)]
    force: bool,
    /// Only these, by name (all when none is given).
    names: Vec<String>,
}

/// One guest: its crate's name and the component it becomes.
struct Guest {
    name: String,
    artifact: String,
}

impl Guests {
    pub fn run(self) -> Result<()> {
        let root = crate::root();
        let out = host_target(&root).join("guests");
        fs::create_dir_all(&out).with_context(|| format!("create {}", out.display()))?;
        let is_asked = |name: &str| self.names.is_empty() || self.names.iter().any(|asked| asked == name);
        for name in npm::NAMES.iter().filter(|name| is_asked(name)) {
            npm::make(&root, &out, name, self.force)?;
        }
        if !self.names.is_empty() && self.names.iter().all(|name| npm::NAMES.contains(&name.as_str())) {
            return Ok(());
        }
        let guests = self.selected(&root)?;
        let stamp_path = out.join(".sources");
        let stamp = fingerprint::of_sources(&root, fingerprint::SOURCES)?;
        let built = |guest: &Guest| out.join(format!("{}.wasm", guest.name)).is_file();
        let unchanged = fs::read_to_string(&stamp_path).is_ok_and(|known| known == stamp);
        if unchanged && !self.force && guests.iter().all(built) && python::are_built(&root, &out)? {
            println!("guests are up to date in {}", out.display());
            return Ok(());
        }
        let started = Instant::now();
        if !guests.is_empty() {
            let toolchain = Toolchain::choose()?;
            println!("building {} guests with {toolchain}", guests.len());
            let target = guest_target(&root);
            build(&root, &toolchain, &target, &guests)?;
            for guest in &guests {
                publish(&target, &out, guest)?;
            }
        }
        python::build(&root, &out, &self.names)?;
        if self.names.is_empty() {
            fs::write(&stamp_path, stamp)?;
        } else {
            let _ = fs::remove_file(&stamp_path);
        }
        println!("built in {:.1} s", started.elapsed().as_secs_f64());
        Ok(())
    }

    fn selected(&self, root: &Path) -> Result<Vec<Guest>> {
        let mut guests = all_guests(root)?;
        let in_python = python::names(root)?;
        let is_other = |name: &String| in_python.contains(name) || npm::NAMES.contains(&name.as_str());
        for name in self.names.iter().filter(|name| !is_other(name)) {
            if !guests.iter().any(|guest| guest.name == *name) {
                bail!("there is no guest called {name}");
            }
        }
        if !self.names.is_empty() {
            guests.retain(|guest| self.names.contains(&guest.name));
        }
        Ok(guests)
    }
}

fn build(root: &Path, toolchain: &Toolchain, target: &Path, guests: &[Guest]) -> Result<()> {
    let mut command = toolchain.cargo();
    command
        .current_dir(root.join("plugins"))
        .args(["build", "--release", "--target", TARGET])
        .env("CARGO_TARGET_DIR", target);
    toolchain.add_build_arguments(&mut command);
    for guest in guests {
        command.args(["--package", &guest.name]);
    }
    let status = command.status().context("start cargo")?;
    if !status.success() {
        bail!("the guests did not build");
    }
    Ok(())
}

/// Put a built component where tests and the runtime look for it.
fn publish(target: &Path, out: &Path, guest: &Guest) -> Result<()> {
    put(&target.join(TARGET).join("release").join(&guest.artifact), out, &guest.name)
}

fn put(built: &Path, out: &Path, name: &str) -> Result<()> {
    let bytes = fs::read(built).with_context(|| format!("read {}", built.display()))?;
    let place = out.join(format!("{name}.wasm"));
    let partial = out.join(format!("{name}.wasm.partial"));
    fs::write(&partial, &bytes).with_context(|| format!("write {}", partial.display()))?;
    fs::rename(&partial, &place).with_context(|| format!("write {}", place.display()))?;
    println!("  {name:<20} {:>7} KiB", bytes.len().div_ceil(1024));
    Ok(())
}

/// Every `cdylib` of the guests' workspace, as cargo sees it.
fn all_guests(root: &Path) -> Result<Vec<Guest>> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version=1", "--no-deps"])
        .current_dir(root.join("plugins"))
        .output()
        .context("run cargo metadata")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let mut guests = Vec::new();
    for package in list(&metadata["packages"]) {
        for target in list(&package["targets"]) {
            let is_component = list(&target["kind"]).iter().any(|kind| kind == "cdylib");
            if let (true, Some(name), Some(library)) = (is_component, package["name"].as_str(), target["name"].as_str())
            {
                guests.push(Guest { name: name.to_owned(), artifact: format!("{}.wasm", library.replace('-', "_")) });
            }
        }
    }
    guests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guests)
}

pub fn host_target(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

pub fn guest_target(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR_GUESTS").map_or_else(|| root.join("plugins").join("target"), PathBuf::from)
}
