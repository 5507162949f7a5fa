//! Three databases in one sync: every edit reaches the other two.

use std::time::Duration;

use anyhow::{Result, ensure};
use lockstep_e2e::{Config, Load, LoadShape, Side, World};
use lockstep_harness::ClusterOptions;

async fn in_step() -> Result<World> {
    World::in_step(Config::default().three_sides(), ClusterOptions::default().without_fsync(), 200).await
}

fn edit(field: &str, by: &str) -> String {
    format!(
        "UPDATE people SET {field} = '{field} ' || n || ' {by}' FROM generate_series(1, 200) n
         WHERE id = md5('person' || n)::uuid"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn three_edits_of_different_columns_made_while_delivery_is_stopped_all_arrive_everywhere() -> Result<()> {
    let mut world = in_step().await?;
    world.stop_delivery()?;
    for (side, field) in Side::ALL.into_iter().zip(["phone", "city", "note"]) {
        world.sql(side, &edit(field, side.name()))?;
    }
    world.resume_delivery()?;
    let verdict = world.expect_clean().await?;
    for side in Side::ALL {
        let all = "SELECT count(*) FROM people WHERE phone LIKE '% a' AND city LIKE '% b' AND note LIKE '% c'";
        ensure!(world.sql(side, all)? == "200");
    }
    ensure!(verdict.kept == 0, "{verdict}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_edits_of_the_same_column_end_in_one_value_and_the_other_two_are_kept() -> Result<()> {
    let mut world = in_step().await?;
    world.stop_delivery()?;
    for side in Side::ALL {
        world.sql(side, &edit("phone", side.name()))?;
    }
    world.resume_delivery()?;
    let verdict = world.expect_clean().await?;
    ensure!(verdict.kept == 400, "two of three values of each record are kept: {verdict}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_sides_edited_at_random_through_crashes_lose_nothing() -> Result<()> {
    let mut world = in_step().await?;
    let load = Load::start(&world, LoadShape { seed: 33, people_per_side: 1, ..LoadShape::default() });
    for round in 0..5_u64 {
        tokio::time::sleep(Duration::from_millis(300 + (round * 611) % 1_500)).await;
        world.runtime.kill()?;
        world.resume_delivery()?;
        load.more(50).await?;
    }
    load.stop().await?;
    world.expect_nothing_lost().await?;
    Ok(())
}
