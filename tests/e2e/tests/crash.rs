//! The runtime dies: at every named place, and at any moment.

use std::time::Duration;

use anyhow::{Result, ensure};
use lockstep_e2e::{Config, Load, LoadShape, Side, World};
use lockstep_harness::ClusterOptions;

const FAILPOINTS: &str = "LOCKSTEP_FAILPOINTS";
const PATIENCE: Duration = Duration::from_secs(90);

fn fast() -> ClusterOptions {
    ClusterOptions::default().without_fsync()
}

/// `E2E_SEED`, to try other decisions of the people than the usual ones.
fn seed() -> Result<u64> {
    Ok(std::env::var("E2E_SEED").unwrap_or_else(|_| "7".to_owned()).parse()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_killed_at_any_named_place_loses_nothing() -> Result<()> {
    let mut world = World::in_step(Config::default(), fast(), 200).await?;
    let places = [
        "after-stage",
        "before-plan-commit",
        "after-plan-commit",
        "before-write",
        "after-write-before-settle",
        "after-settle-commit",
        "before-durable-report",
    ];
    for (round, place) in places.iter().flat_map(|place| [(1, place), (7, place)]) {
        world.stop_delivery()?;
        world.runtime.launch_mut().environment.insert(FAILPOINTS.into(), format!("{place}=kill@{round}"));
        world.resume_delivery()?;
        let load = Load::start(&world, LoadShape { seed: round, ..LoadShape::default() });
        let status = world.runtime.wait_exit(PATIENCE)?;
        ensure!(!status.success(), "{place}@{round}: it ended by itself with {status}");
        load.more(50).await?;
        world.runtime.launch_mut().environment.remove(FAILPOINTS);
        world.resume_delivery()?;
        load.more(50).await?;
        load.stop().await?;
        world.settle().await?;
    }
    world.expect_nothing_lost().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_copy_killed_at_any_named_place_goes_on_and_copies_everything_once() -> Result<()> {
    for setting in ["mid-backfill=kill@1", "mid-backfill=kill@2", "after-backfill-commit=kill@1", "before-write=kill@2"]
    {
        let seed =
            "INSERT INTO people (email, name) SELECT 'email ' || n, 'name ' || n FROM generate_series(1, 5000) n";
        let mut world = World::new(Config::default(), fast(), seed).await?;
        world.sql(Side::B, "INSERT INTO people (email, name) VALUES ('email b', 'name b')")?;
        world.runtime.launch_mut().environment.insert(FAILPOINTS.into(), setting.into());
        world.resume_delivery()?;
        let status = world.runtime.wait_exit(PATIENCE)?;
        ensure!(!status.success(), "{setting}: it ended by itself with {status}");
        world.sql(Side::A, "UPDATE people SET note = 'note of ' || email WHERE email LIKE 'email %7'")?;
        world.runtime.launch_mut().environment.remove(FAILPOINTS);
        world.resume_delivery()?;
        world.expect_clean().await?;
        for side in Side::BOTH {
            ensure!(world.sql(side, "SELECT count(*) FROM people")? == "5002", "{setting}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_killed_at_random_moments_under_load_loses_nothing() -> Result<()> {
    let mut world = World::in_step(Config::default(), fast(), 200).await?;
    let load = Load::start(&world, LoadShape { seed: 42, ..LoadShape::default() });
    for round in 0..15_u64 {
        // Spread over starting, catching up and steady running.
        tokio::time::sleep(Duration::from_millis(150 + (round * 397) % 1_900)).await;
        world.runtime.kill()?;
        world.resume_delivery()?;
    }
    load.stop().await?;
    world.expect_nothing_lost().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_state_file_is_safe_to_start_from() -> Result<()> {
    let seed = seed()?;
    let mut world = World::in_step(Config::default(), fast(), 200).await?;
    let kept = tempfile::tempdir()?;
    world.stop_delivery()?;
    world.runtime.copy_state(kept.path())?;
    world.resume_delivery()?;
    let load = Load::start(&world, LoadShape { seed, ..LoadShape::default() });
    load.more(1_000).await?;
    load.stop().await?;
    world.export().await?;
    world.stop_delivery()?;
    world.sql(Side::A, "UPDATE people SET phone = 'phone late a ' || email WHERE email LIKE 'email %1 seeded'")?;
    world.sql(Side::B, "UPDATE people SET city = 'city late b ' || email WHERE email LIKE 'email %1 seeded'")?;
    world.runtime.restore_state(kept.path())?;
    world.resume_delivery()?;
    let load = Load::start(&world, LoadShape { seed: seed + 1, ..LoadShape::default() });
    load.more(300).await?;
    load.stop().await?;
    world.expect_nothing_lost().await?;
    Ok(())
}
