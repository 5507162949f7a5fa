//! Another version of a connector takes over while everybody edits: good ones,
//! many in a row, and bad ones of every kind, which must not stay.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::{Config, Delays, Load, LoadShape, World, variant};
use lockstep_harness::{ClusterOptions, Finished};
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
/// Upgrades in a row, unless `E2E_UPGRADES` says otherwise.
const UPGRADES: u32 = 3;

fn number(name: &str, otherwise: u32) -> Result<u32> {
    std::env::var(name).map_or(Ok(otherwise), |text| text.parse().with_context(|| format!("{name}={text}")))
}

/// A running world, and the versions that a test makes for it.
struct Versions {
    world: World,
    folder: TempDir,
}

impl Versions {
    async fn new() -> Result<Self> {
        let world = World::in_step(Config::default(), ClusterOptions::default().without_fsync(), 200).await?;
        Ok(Versions { world, folder: tempfile::tempdir()? })
    }

    fn load(&self, seed: u64) -> Result<Load> {
        let people = number("E2E_PEOPLE", 2)?;
        Ok(Load::start(&self.world, LoadShape { seed, people_per_side: people, ..LoadShape::default() }))
    }

    fn variant(&self, words: &str) -> Result<PathBuf> {
        variant(self.folder.path(), words)
    }

    /// Asks for a version at side A.
    fn upgrade(&self, words: &str, more: &[&str]) -> Result<Finished> {
        let path = self.variant(words)?.display().to_string();
        let mut arguments = vec!["upgrade", "a", path.as_str()];
        arguments.extend(more);
        self.world.runtime.try_call("connector", &arguments)
    }

    /// One that takes over.
    fn takes_over(&self, words: &str, more: &[&str]) -> Result<()> {
        let done = self.upgrade(words, more)?;
        ensure!(done.status.success(), "{words}: {}{}\n{}", done.stdout, done.stderr, self.world.runtime.log_tail());
        Ok(())
    }

    /// One that must not take over, for this reason.
    fn is_refused(&self, words: &str, code: &str) -> Result<()> {
        let done = self.upgrade(words, &[])?;
        let said = format!("{}{}", done.stdout, done.stderr);
        ensure!(!done.status.success() && said.contains(code), "{words} is not refused by {code}: {said}");
        Ok(())
    }

    /// What is known of side A's connector.
    fn connector(&self) -> Result<Value> {
        self.connector_of("a")
    }

    fn connector_of(&self, connection: &str) -> Result<Value> {
        let all = self.world.runtime.call_json("connector", &["list"])?;
        let list = all["connections"].as_array().context("a list of connections")?;
        list.iter().find(|one| one["connection"] == connection).cloned().context("the connection")
    }

    /// Waits until what is known of side A's connector fits.
    async fn becomes(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Result<()> {
        self.of_becomes("a", what, fits).await
    }

    async fn of_becomes(&self, connection: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Result<()> {
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let view = self.connector_of(connection)?;
            if fits(&view) {
                return Ok(());
            }
            ensure!(
                std::time::Instant::now() < until,
                "{what}: not within {PATIENCE:?}: {view:#}\n{}",
                self.world.runtime.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn version(&self) -> Result<String> {
        let connector = self.connector()?;
        connector["in_use"]["about"]["version"].as_str().map(str::to_owned).context("a version in use")
    }

    /// One that takes over, does worse, and is gone again.
    async fn goes_back(&self, words: &str) -> Result<()> {
        self.takes_over(words, &["--probation", "60s"])?;
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let connector = self.connector()?;
            if connector["in_use"]["chosen"] == "automatic-rollback" && connector["refused"][0]["code"] == "LS-CON-008"
            {
                return Ok(());
            }
            ensure!(
                std::time::Instant::now() < until,
                "{words} stays: {connector:#}\n{}",
                self.world.runtime.log_tail()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_take_over_one_after_the_other_under_load_and_nothing_is_lost() -> Result<()> {
    let mut versions = Versions::new().await?;
    let load = versions.load(11)?;
    let delays = Delays::start(&versions.world).await?;
    let (begun, upgrades) = (std::time::Instant::now(), number("E2E_UPGRADES", UPGRADES)?);
    for number in 1..=upgrades {
        versions.takes_over(&format!("version=1.0.{number}"), &["--probation", "500ms", "--wait"])?;
        ensure!(versions.version()? == format!("1.0.{number}"));
    }
    let took = begun.elapsed();
    let deeds = load.stop().await?;
    let delays = delays.stop().await?;
    let at = |share: f64| delays.get(((delays.len() - 1) as f64 * share) as usize).copied().unwrap_or_default();
    println!(
        "{upgrades} upgrades in {took:.1?} under {:.0} edits/s; delay of {} edits: p50 {:.1?}, p99 {:.1?}, most {:.1?}",
        deeds as f64 / took.as_secs_f64(),
        delays.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    versions.world.expect_clean().await?;
    let before = versions.connector()?["before"].as_array().map_or(0, Vec::len);
    ensure!(before == upgrades.min(5) as usize, "{before} versions before are kept");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_versions_do_not_take_over_or_do_not_stay_and_nothing_is_lost() -> Result<()> {
    let mut versions = Versions::new().await?;
    let load = versions.load(12)?;
    versions.is_refused("version=0.0.1", "LS-CON-002")?;
    versions.is_refused("cursor=7", "LS-CON-003")?;
    versions.is_refused("check-fails", "LS-CON-005")?;
    versions.is_refused("other-values", "LS-CON-006")?;
    versions.is_refused("drops-rows", "LS-CON-006")?;
    versions.is_refused("changes-trap=1", "LS-CON-007")?;
    ensure!(versions.connector()?["in_use"]["chosen"] == "configured", "one that is refused does not serve");
    // More calls than the comparison makes, also on a busy machine.
    versions.goes_back("changes-trap=60").await?;
    versions.goes_back("write-trap=3").await?;
    load.more(200).await?;
    load.stop().await?;
    versions.world.expect_nothing_lost().await?;
    Ok(())
}

/// The same with a folder that versions are put into, and side B pinned to what is built in.
async fn with_folder() -> Result<(Versions, PathBuf)> {
    let mut world = World::new(Config::default(), ClusterOptions::default().without_fsync(), "").await?;
    let told = world.runtime.call_json("connector", &["inspect", "postgres"])?;
    let pin = format!("[connections.b]\ndigest = \"{}\"", told["digest"].as_str().context("its digest")?);
    let config = std::fs::read_to_string(world.runtime.config_path())?.replace("[connections.b]", &pin);
    world
        .runtime
        .write_config(&format!("{config}\n[connectors]\nprobation = \"0s\"\nwatch_folder = \"incoming\"\n"))?;
    let incoming = world.runtime.folder().join("incoming");
    std::fs::create_dir(&incoming)?;
    std::fs::set_permissions(&incoming, PermissionsExt::from_mode(0o755))?;
    world.runtime.start()?;
    world.settle().await?;
    Ok((Versions { world, folder: tempfile::tempdir()? }, incoming))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_put_into_the_folder_is_taken_whole_and_with_the_same_checks() -> Result<()> {
    let (mut versions, incoming) = with_folder().await?;
    let place = incoming.join("postgres.wasm");
    let put = |versions: &Versions, words: &str| -> Result<()> {
        let beside = incoming.join(".new");
        std::fs::copy(versions.variant(words)?, &beside)?;
        std::fs::rename(beside, &place).context("putting it there")
    };
    let whole = std::fs::read(versions.variant("version=1.0.1")?)?;
    std::fs::write(&place, whole.get(..whole.len() / 2).context("half of it")?)?;
    let patience = PATIENCE;
    let log = versions.world.runtime.log_path();
    let said = |words: &str| Ok(std::fs::read_to_string(&log)?.contains(words));
    versions.world.runtime.wait_until("half of it to be passed over", patience, |_| said("LS-CLI-068"))?;
    ensure!(versions.connector()?["in_use"]["chosen"] == "configured");
    std::fs::write(&place, &whole)?;
    versions.becomes("the whole of it to serve", |view| view["in_use"]["about"]["version"] == "1.0.1").await?;
    let by = versions.connector()?["in_use"]["by"].clone();
    ensure!(by.as_str().is_some_and(|by| by.ends_with("incoming")), "who asked for it: {by}");
    let pinned = |view: &Value| view["refused"][0]["code"] == "LS-CON-009";
    versions.of_becomes("b", "the pinned side to refuse it", pinned).await?;

    put(&versions, "version=2.0.0 asks=https:elsewhere.example")?;
    versions.becomes("one that asks for more to wait", |view| view["waiting"]["about"]["version"] == "2.0.0").await?;
    ensure!(versions.version()? == "1.0.1");
    versions.world.runtime.call("connector", &["rollback", "a"])?;
    put(&versions, "version=1.0.1")?;
    let other = incoming.join("postgres.other.wasm");
    std::fs::copy(versions.variant("version=1.0.2")?, incoming.join(".other"))?;
    std::fs::rename(incoming.join(".other"), &other)?;
    // It is called `postgres.other`, and so is nobody's; the one beside it served before.
    versions.world.settle().await?;
    put(&versions, "version=1.0.3")?;
    versions.becomes("the next one to serve", |view| view["in_use"]["about"]["version"] == "1.0.3").await?;
    let did =
        versions.world.runtime.call("sql", &["SELECT note FROM operations WHERE action = 'connector upgrade'"])?;
    ensure!(did.matches("1.0.1").count() == 1 && !did.contains("1.0.2"), "{did}");
    versions.world.settle().await?;
    versions.world.expect_clean().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_more_waits_for_approval_and_what_was_chosen_outlives_a_restart() -> Result<()> {
    let mut versions = Versions::new().await?;
    let load = versions.load(13)?;
    versions.is_refused("version=2.0.0 asks=https:elsewhere.example", "LS-CON-001")?;
    let waiting = versions.connector()?["waiting"].clone();
    ensure!(waiting["wider"][0] == "to reach https:elsewhere.example", "{waiting:#}");
    versions.world.runtime.call("connector", &["approve", "a"])?;
    ensure!(versions.version()? == "2.0.0" && versions.connector()?["waiting"].is_null());
    versions.world.stop_delivery()?;
    versions.world.resume_delivery()?;
    versions.world.settle().await?;
    ensure!(versions.version()? == "2.0.0", "what was chosen serves after a restart");
    versions.world.runtime.call("connector", &["rollback", "a"])?;
    ensure!(versions.connector()?["in_use"]["chosen"] == "rollback" && versions.version()? != "2.0.0");
    versions.world.runtime.call("connector", &["disable", "a"])?;
    load.more(50).await?;
    versions.world.runtime.call("connector", &["enable", "a"])?;
    load.stop().await?;
    versions.world.expect_nothing_lost().await?;
    let who = versions.world.runtime.call("sql", &["SELECT action FROM operations WHERE target = 'a'"])?;
    for action in
        ["connector in use", "connector waits", "connector upgrade", "connector rollback", "connector disable"]
    {
        ensure!(who.contains(action), "{action} is not in the journal of operations: {who}");
    }
    Ok(())
}
