//! `cargo xtask starter`: the way of somebody who writes a connector, from an
//! empty folder to the conformance kit, by the commands that the guide names.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    guests::{TARGET, Toolchain, guest_target, host_target},
    root,
};

const NAME: &str = "my-connector";
/// Where the project expects the practice service.
const PORT: &str = "8787";

pub fn run() -> Result<()> {
    let root = root();
    let lockstep = host_target(&root).join("debug/lockstep");
    succeed(Command::new("cargo").args(["build", "--quiet", "--workspace", "--bins"]).current_dir(&root))?;
    let folder = host_target(&root).join("starter");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    succeed(Command::new(&lockstep).args(["connector", "new", NAME]).current_dir(&folder))?;
    let project = folder.join(NAME);
    // The same versions as the guests: what was compiled for them serves here, too.
    fs::copy(root.join("plugins/Cargo.lock"), project.join("Cargo.lock"))?;
    let toolchain = Toolchain::choose()?;
    let target = guest_target(&root);
    let mut build = toolchain.cargo();
    build.args(["build", "--release", "--target", TARGET]).env("CARGO_TARGET_DIR", &target).current_dir(&project);
    toolchain.add_build_arguments(&mut build);
    succeed(&mut build)?;
    let component = target.join(TARGET).join("release").join(format!("{}.wasm", NAME.replace('-', "_")));
    let practice = Practice::start(&lockstep)?;
    let config = project.join("lockstep.toml");
    let text = fs::read_to_string(&config)?.replace(PORT, &practice.port);
    fs::write(&config, text)?;
    let mut test = Command::new(&lockstep);
    test.args(["connector", "test"]).arg(&component).env("PRACTICE_TOKEN", &practice.token).current_dir(&project);
    succeed(&mut test)
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// The practice service, until dropped.
struct Practice {
    process: Child,
    port: String,
    token: String,
}

impl Practice {
    fn start(lockstep: &Path) -> Result<Self> {
        let mut process = Command::new(lockstep)
            .args(["connector", "practice", "--port", "0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the practice service")?;
        let output = process.stdout.take().context("its output")?;
        let mut practice = Practice { process, port: String::new(), token: String::new() };
        let mut told = String::new();
        for line in BufReader::new(output).lines() {
            told.push_str(&line?);
            if let Ok(answer) = serde_json::from_str::<serde_json::Value>(&told) {
                let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
                practice.port = text("url").rsplit(':').next().unwrap_or_default().to_owned();
                practice.token = text("token");
                return Ok(practice);
            }
        }
        anyhow::bail!("the practice service ended: {told}")
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
