//! Components that decide and make values, between real databases: what they are
//! asked is journaled with which of them answered, what they refuse waits, and
//! another version of one is taken up while all runs.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::{Config, Side, World};
use lockstep_harness::ClusterOptions;
use lockstep_host::digest_of;

const PATIENCE: Duration = Duration::from_secs(60);

/// Where `cargo xtask guests` put a component.
fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests").join(format!("{name}.wasm"))
}

/// Another component that does the same.
fn rebuilt(name: &str) -> Result<Vec<u8>> {
    let mut bytes = fs::read(guest(name)).context("run `cargo xtask guests` first")?;
    // A custom section: id, length, the name's length, the name.
    bytes.extend([0, 5, 4, b'n', b'o', b't', b'e']);
    Ok(bytes)
}

struct Rules {
    folder: tempfile::TempDir,
}

impl Rules {
    fn new() -> Result<Self> {
        let rules = Rules { folder: tempfile::tempdir()? };
        for name in ["judge", "maker"] {
            fs::copy(guest(name), rules.path(name)).context("run `cargo xtask guests` first")?;
        }
        Ok(rules)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.wasm"))
    }

    fn config(&self) -> Config {
        let (judge, maker) = (self.path("judge"), self.path("maker"));
        let (judge, maker) = (judge.display(), maker.display());
        let column = |side: &str| format!("{side} = {{ column = \"secret\", as = {{ transform = \"{maker}\" }} }}");
        Config::default().conflict(&format!("{{ custom = \"{judge}\" }}")).more_fields(&format!(
            "secret = {{ a = \"secret\", {} }}\n\
             shown = {{ b = \"shown\", from = {{ transform = \"{maker}\", of = [\"name\"] }} }}\n",
            column("b")
        ))
    }
}

async fn in_step(rules: &Rules) -> Result<World> {
    let options = ClusterOptions::default().without_fsync();
    World::in_step_after(rules.config(), options, 5, |world| {
        world.sql(Side::A, "ALTER TABLE people ADD COLUMN secret text")?;
        world.sql(Side::B, "ALTER TABLE people ADD COLUMN secret text, ADD COLUMN shown text").map(drop)
    })
    .await
}

fn person(n: u32) -> String {
    format!("id = md5('person{n}')::uuid")
}

fn set(world: &World, side: Side, n: u32, what: &str) -> Result<()> {
    world.sql(side, &format!("UPDATE people SET {what} WHERE {}", person(n))).map(drop)
}

fn get(world: &World, side: Side, n: u32, column: &str) -> Result<String> {
    world.sql(side, &format!("SELECT coalesce({column}, '-') FROM people WHERE {}", person(n)))
}

/// The journal's words about a record.
fn story(world: &World, n: u32) -> Result<String> {
    let key = world.sql(Side::A, &format!("SELECT id FROM people WHERE {}", person(n)))?;
    world.runtime.call("explain", &[&format!("a:{key}")])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_decides_merges_or_asks_a_person_and_the_journal_says_which_one() -> Result<()> {
    let rules = Rules::new()?;
    let mut world = in_step(&rules).await?;
    world.stop_delivery()?;
    for (n, a, b) in [(1, "longer one", "one"), (2, "two", "longer two"), (3, "merge! b", "a"), (4, "hold!", "x")] {
        set(&world, Side::A, n, &format!("name = '{a}'"))?;
        set(&world, Side::B, n, &format!("name = '{b}'"))?;
    }
    world.resume_delivery()?;
    world.settle().await?;
    for side in Side::BOTH {
        for (n, wanted) in [(1, "longer one"), (2, "longer two"), (3, "a+merge! b")] {
            let found = get(&world, side, n, "name")?;
            ensure!(found == wanted, "person {n} at {}: {found}", side.name());
        }
    }
    ensure!(get(&world, Side::A, 4, "name")? == "hold!" && get(&world, Side::B, 4, "name")? == "x", "both stay");
    let told = story(&world, 1)?;
    let digest = digest_of(&fs::read(rules.path("judge"))?);
    ensure!(told.contains("judge.wasm") && told.contains(&digest[..12]), "which component decided: {told}");
    let told = story(&world, 4)?;
    ensure!(told.contains("disagree"), "why a person is asked: {told}");
    world.expect_clean().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_makes_values_both_ways_and_what_it_refuses_waits_with_its_words() -> Result<()> {
    let rules = Rules::new()?;
    let mut world = in_step(&rules).await?;
    set(&world, Side::A, 1, "secret = 'abc', name = 'Ada'")?;
    set(&world, Side::B, 2, "secret = 'fed'")?;
    set(&world, Side::B, 3, "secret = 'spin'")?;
    set(&world, Side::A, 4, "name = 'no'")?;
    world.settle().await?;
    ensure!(get(&world, Side::B, 1, "secret")? == "cba", "written the component's way");
    ensure!(get(&world, Side::B, 1, "shown")? == "adA", "computed by the component");
    ensure!(get(&world, Side::A, 2, "secret")? == "def", "read the component's way");
    ensure!(get(&world, Side::A, 3, "secret")? == "-", "what it does not answer goes nowhere");
    let told = story(&world, 3)?;
    ensure!(told.contains("computed longer than a call may"), "and says why: {told}");
    let told = story(&world, 4)?;
    ensure!(told.contains("does not want this one"), "its own words: {told}");
    set(&world, Side::B, 3, "secret = 'xyz'")?;
    world.settle().await?;
    ensure!(get(&world, Side::A, 3, "secret")? == "zyx", "the next value is asked about anew");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_taken_up_without_a_restart_and_a_broken_one_is_not() -> Result<()> {
    let rules = Rules::new()?;
    let mut world = in_step(&rules).await?;
    let pid = world.runtime.pid();
    fs::write(rules.path("judge"), b"no component")?;
    wait("the broken file to be noticed", || Ok(world.runtime.log_tail().contains("stays in use")))?;
    let bytes = rebuilt("judge")?;
    let digest = digest_of(&bytes);
    // As tools do: whole or not at all.
    let beside = rules.folder.path().join("new");
    fs::write(&beside, bytes)?;
    fs::rename(beside, rules.path("judge"))?;
    let mut round = 0;
    wait("the new one to decide", || {
        round += 1;
        world.proxy(Side::A).stall();
        set(&world, Side::A, 1, &format!("name = 'a{round}'"))?;
        set(&world, Side::B, 1, &format!("name = 'b{round}'"))?;
        world.proxy(Side::A).pass();
        std::thread::sleep(Duration::from_millis(500));
        Ok(story(&world, 1)?.contains(&digest[..12]))
    })?;
    ensure!(world.runtime.pid() == pid, "it was not restarted");
    world.settle().await?;
    world.expect_clean().await?;
    Ok(())
}

fn wait(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !holds()? {
        ensure!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
