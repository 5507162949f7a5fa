//! `lockstep connector dev`: a source that is saved is built, tested and in use in the
//! running Lockstep; what does not build or breaks a rule leaves all as it was.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::{Config, Side, World, variant};
use lockstep_harness::{ClusterOptions, Signal, lockstep_binary, send};
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(50);

/// A project whose source says which version it makes, and whose compiler takes that from a shelf.
struct Project {
    folder: TempDir,
}

const BUILD: &str = "\
name=$(cat src/version)
if [ ! -f \"shelf/$name.wasm\" ]; then
    echo \"src/version:1: error: there is no version $name\" >&2
    exit 1
fi
cp \"shelf/$name.wasm\" out.partial && mv out.partial out.wasm
";

impl Project {
    fn new(world: &World) -> Result<Self> {
        let project = Project { folder: tempfile::tempdir()? };
        let path = project.folder.path();
        fs::create_dir_all(path.join("src"))?;
        fs::create_dir_all(path.join("shelf"))?;
        for (name, words) in
            [("one", "version=1.0.1"), ("two", "version=1.0.2 says"), ("worse", "version=1.0.3 check-fails")]
        {
            fs::rename(variant(path, words)?, path.join(format!("shelf/{name}.wasm")))?;
        }
        fs::write(path.join("build.sh"), BUILD)?;
        fs::write(
            path.join("dev.toml"),
            "build = [\"sh\", \"build.sh\"]\ncomponent = \"out.wasm\"\nwatch = [\"src\", \"build.sh\"]\n",
        )?;
        let cluster = world.cluster(Side::A);
        cluster.create_database("kit")?;
        let config = format!(
            "[connections.kit]\nconnector = \"./out.wasm\"\n\
             config = {{ url = \"postgres://postgres@127.0.0.1:{port}/kit\", name = \"kit\" }}\n\
             secrets = {{ password = \"env:E2E_PASSWORD\" }}\ngrant = [\"tcp:127.0.0.1:{port}\"]\n",
            port = cluster.port()
        );
        fs::write(path.join("lockstep.toml"), config)?;
        project.save("one")?;
        Ok(project)
    }

    /// As editors do.
    fn save(&self, version: &str) -> Result<()> {
        let path = self.folder.path();
        fs::write(path.join("src/.version.new"), version)?;
        fs::rename(path.join("src/.version.new"), path.join("src/version")).context("saving")
    }

    fn command(&self, world: &World, more: &[&str]) -> Result<Command> {
        let mut command = Command::new(lockstep_binary()?);
        command.arg("--config").arg(world.runtime.config_path()).arg("--state").arg(world.runtime.state_path());
        command.args(["--json", "connector", "dev"]).arg(self.folder.path()).args(["--connection", "a"]);
        // The whole kit is tried elsewhere.
        for rule in ["spec-well-formed", "check-works", "read-unknown-column"] {
            command.args(["--only", rule]);
        }
        command.args(more).envs(world.runtime.environment()).stdin(Stdio::null());
        Ok(command)
    }
}

/// The command at work, until dropped.
struct Dev {
    child: Child,
    told: PathBuf,
}

impl Dev {
    fn start(project: &Project, world: &World) -> Result<Self> {
        let told = project.folder.path().join("told.jsonl");
        let output = File::create(&told)?;
        let child = project.command(world, &[])?.stdout(output.try_clone()?).stderr(output).spawn()?;
        Ok(Dev { child, told })
    }

    /// The first round that fits among those that are told.
    fn round(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        self.told(what, |line| line["round"].is_u64() && fits(line))
    }

    /// The first line that fits.
    fn told(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let told = fs::read_to_string(&self.told)?;
            let mut lines = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(found) = lines.find(&fits) {
                return Ok(found);
            }
            ensure!(self.child.try_wait()?.is_none(), "it ended while waiting for {what}: {told}");
            ensure!(Instant::now() < until, "{what}: not within {PATIENCE:?}: {told}");
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn in_use(world: &World) -> Result<String> {
    let all = world.runtime.call_json("connector", &["list"])?;
    let list = all["connections"].as_array().context("a list of connections")?;
    let one = list.iter().find(|one| one["connection"] == "a").context("connection a")?;
    Ok(one["in_use"]["about"]["version"].as_str().unwrap_or_default().to_owned())
}

fn build(round: &Value) -> &str {
    round["build"]["words"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_comes_into_use_and_what_fails_leaves_all_as_it_was() -> Result<()> {
    let mut world = World::in_step(Config::default(), ClusterOptions::default().without_fsync(), 20).await?;
    let project = Project::new(&world)?;
    let mut dev = Dev::start(&project, &world)?;
    let first = dev.round("the first round", |round| round["round"] == 1)?;
    ensure!(first["ok"] == true && first["upgrade"]["came"] == "switched", "{first:#}");
    ensure!(in_use(&world)? == "1.0.1");

    project.save("broken")?;
    let broken = dev.round("a build that fails", |round| round["build"]["ok"] == false)?;
    ensure!(build(&broken).contains("src/version:1: error"), "the compiler's words: {broken:#}");
    ensure!(broken["kit"].is_null() && broken["upgrade"].is_null(), "{broken:#}");
    ensure!(broken["changed"][0] == "src/version", "{broken:#}");

    project.save("worse")?;
    let worse = dev.round("a rule that fails", |round| round["kit"]["failed"] == 1)?;
    ensure!(worse["kit"]["untried"] == 1 && worse["upgrade"].is_null(), "nothing slow is tried: {worse:#}");
    ensure!(in_use(&world)? == "1.0.1", "the version before goes on");

    project.save("two")?;
    dev.round("the next version", |round| round["ok"] == true && round["round"] != 1)?;
    ensure!(in_use(&world)? == "1.0.2");
    // What the version in use says is shown between the rounds, and to whoever follows its log.
    let followed = project.folder.path().join("followed.jsonl");
    let mut following = Command::new(lockstep_binary()?);
    following.arg("--config").arg(world.runtime.config_path()).arg("--state").arg(world.runtime.state_path());
    following.args(["--json", "connector", "log", "a", "--level", "warn"]).envs(world.runtime.environment());
    let following = following.stdin(Stdio::null()).stdout(File::create(&followed)?).stderr(Stdio::null()).spawn()?;
    let mut following = Dev { child: following, told: followed };
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.person(Side::A).await?.execute("UPDATE people SET note = 'said'", &[]).await?;
    dev.told("what it says", |line| line["connection"] == "a" && line["log"] == "there was something [31mto tell")?;
    let line = following.told("a line of the log", |line| !line["line"].is_null())?;
    ensure!(line["line"]["level"] == "warn" && line["line"]["role"] == "tail", "{line:#}");
    world.settle().await?;
    send(&dev.child, Signal::Interrupt)?;
    let ended = dev.child.wait()?;
    ensure!(ended.success(), "Ctrl-C ends it with {ended}");
    world.expect_clean().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_round_ends_with_how_it_went() -> Result<()> {
    let mut world = World::in_step(Config::default(), ClusterOptions::default().without_fsync(), 5).await?;
    let project = Project::new(&world)?;
    let once = |project: &Project, world: &World| -> Result<(Option<i32>, Value)> {
        let output = project.command(world, &["--once"])?.output()?;
        let told = String::from_utf8_lossy(&output.stdout);
        let round = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).next_back();
        Ok((output.status.code(), round.with_context(|| told.to_string())?))
    };
    let (code, round) = once(&project, &world)?;
    ensure!(code == Some(0) && round["ok"] == true, "{round:#}");
    let (code, round) = once(&project, &world)?;
    ensure!(code == Some(0) && round["upgrade"]["came"] == "served-already", "{round:#}");
    project.save("broken")?;
    let (code, round) = once(&project, &world)?;
    ensure!(code == Some(1) && build(&round).contains("error"), "{round:#}");
    world.stop_delivery()?;
    project.save("two")?;
    let (code, round) = once(&project, &world)?;
    ensure!(
        code == Some(1) && round["failure"]["code"] == "LS-CLI-064" && round["kit"]["conforms"] == true,
        "{round:#}"
    );
    ensure!(not_left(project.folder.path())?, "nothing is left of a build");
    Ok(())
}

fn not_left(folder: &Path) -> Result<bool> {
    Ok(!fs::exists(folder.join("out.partial"))?)
}
