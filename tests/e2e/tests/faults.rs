//! Databases and connections break under load; the runtime stays.

use std::time::Duration;

use anyhow::{Result, ensure};
use lockstep_e2e::{Config, Load, LoadShape, Side, World};
use lockstep_harness::ClusterOptions;

const PAUSE: Duration = Duration::from_millis(700);

async fn in_step() -> Result<World> {
    World::in_step(Config::default(), ClusterOptions::default(), 200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_that_restart_and_crash_under_load_lose_nothing() -> Result<()> {
    let mut world = in_step().await?;
    let load = Load::start(&world, LoadShape { seed: 3, ..LoadShape::default() });
    for round in 0..3 {
        for side in Side::BOTH {
            tokio::time::sleep(PAUSE).await;
            if round % 2 == 0 {
                world.cluster_mut(side).crash()?;
            } else {
                world.cluster_mut(side).stop()?;
            }
            tokio::time::sleep(PAUSE).await;
            world.cluster_mut(side).resume()?;
        }
    }
    load.more(100).await?;
    load.stop().await?;
    world.expect_nothing_lost().await?;
    ensure!(world.runtime.is_running()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_in_the_middle_of_anything_lose_nothing() -> Result<()> {
    let mut world = in_step().await?;
    let load = Load::start(&world, LoadShape { seed: 4, ..LoadShape::default() });
    for round in 0..20_u64 {
        for side in Side::BOTH {
            world.proxy(side).cut_after(200 + (round * 7_919) % 20_000);
        }
        load.more(40).await?;
    }
    for side in Side::BOTH {
        world.proxy(side).refuse();
        load.more(100).await?;
        world.proxy(side).pass();
    }
    load.stop().await?;
    world.expect_nothing_lost().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_stalls_and_lags_loses_nothing() -> Result<()> {
    let mut world = in_step().await?;
    let load = Load::start(&world, LoadShape { seed: 5, ..LoadShape::default() });
    for side in Side::BOTH {
        world.proxy(side).stall();
        load.more(200).await?;
        world.proxy(side).delay(Duration::from_millis(30));
        load.more(200).await?;
    }
    for side in Side::BOTH {
        world.proxy(side).pass();
    }
    load.stop().await?;
    world.expect_clean().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_sent_again_from_an_older_place_changes_nothing() -> Result<()> {
    let mut world = in_step().await?;
    let load = Load::start(&world, LoadShape { seed: 6, ..LoadShape::default() });
    for _ in 0..10 {
        load.more(60).await?;
        // Killed before the next durable report, the source sends again what was absorbed.
        world.runtime.kill()?;
        world.resume_delivery()?;
        load.more(20).await?;
    }
    load.stop().await?;
    let before = world.judge().await?;
    for side in Side::BOTH {
        world.proxy(side).cut();
    }
    let after = world.expect_nothing_lost().await?;
    ensure!(after.kept == before.kept, "replay made conflicts: {before} then {after}");
    Ok(())
}
