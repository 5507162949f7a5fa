//! What a connector does in a running Lockstep, recorded while everybody edits, and played
//! again where no database is: nothing is lost, no password is in the file, and each call does the same.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::{Config, Load, LoadShape, World};
use lockstep_harness::ClusterOptions;

#[tokio::test(flavor = "multi_thread")]
async fn a_running_connector_is_recorded_under_load_and_plays_again_without_a_database() -> Result<()> {
    let mut world = World::in_step(Config::default(), ClusterOptions::default().without_fsync(), 50).await?;
    let load = Load::start(&world, LoadShape { seed: 21, ..LoadShape::default() });
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.jsonl");
    let file = path.to_str().context("a path")?;

    let said = world.runtime.call("connector", &["record", "a", "--for", "3s", "--to", file])?;
    ensure!(said.contains("bytes"), "{said}");
    ensure!(fs::metadata(&path)?.permissions().mode() & 0o777 == 0o600, "it is for its owner only");
    let content = fs::read_to_string(&path)?;
    for (name, secret) in world.runtime.environment() {
        if name.contains("PASSWORD") {
            ensure!(!content.contains(secret), "the password of {name} is in the recording");
        }
    }
    // Never over what is there, and nothing is left where nothing could be recorded.
    let again = world.runtime.try_call("connector", &["record", "a", "--for", "1s", "--to", file])?;
    ensure!(!again.status.success() && again.stderr.contains("LS-KIT-006"), "{}{}", again.stdout, again.stderr);
    let other = folder.path().join("other.jsonl");
    let unknown = other.to_str().context("a path")?;
    let none = world.runtime.try_call("connector", &["record", "nobody", "--for", "1s", "--to", unknown])?;
    ensure!(!none.status.success() && !other.exists(), "{}{}", none.stdout, none.stderr);
    let long = world.runtime.try_call("connector", &["record", "a", "--for", "1h", "--to", unknown])?;
    ensure!(!long.status.success() && long.stderr.contains("600 s") && !other.exists(), "{}", long.stderr);

    // Whoever asked goes away in the middle: it ends, and the next one is not in its way.
    let mut gone = world.runtime.begin("connector", &["record", "a", "--for", "5m", "--to", unknown])?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    gone.kill()?;
    gone.wait()?;
    let third = folder.path().join("third.jsonl");
    let third = third.to_str().context("a path")?;
    let until = Instant::now() + Duration::from_secs(10);
    while let Err(error) = world.runtime.call("connector", &["record", "a", "--for", "1s", "--to", third]) {
        ensure!(Instant::now() < until, "{error:#}");
    }
    load.stop().await?;
    world.expect_nothing_lost().await?;

    let done = world.runtime.call("sql", &["SELECT action, target, note FROM operations"])?;
    ensure!(done.contains("connector record"), "{done}");
    let replayed = world.runtime.call_json("connector", &["replay", file])?;
    ensure!(replayed["result"] == "same", "{replayed:#}");
    // Its stream and its writes at the least, and both did something.
    ensure!(replayed["sessions"].as_u64() >= Some(2) && replayed["calls"].as_u64() > Some(20), "{replayed:#}");
    Ok(())
}
