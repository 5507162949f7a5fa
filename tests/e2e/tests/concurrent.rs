//! Edits that had not seen each other: made while delivery is stopped.

use anyhow::{Context, Result, ensure};
use lockstep_e2e::{Config, Side, World};
use lockstep_harness::ClusterOptions;
use serde_json::Value;

const RECORDS: u32 = 1_000;

fn fast() -> ClusterOptions {
    ClusterOptions::default().without_fsync()
}

async fn in_step(config: Config, records: u32) -> Result<World> {
    World::in_step(config, fast(), records).await
}

fn edit(field: &str, by: &str, count: u32) -> String {
    format!(
        "UPDATE people SET {field} = '{field} ' || n || ' {by}' FROM generate_series(1, {count}) n
         WHERE id = md5('person' || n)::uuid"
    )
}

fn count(world: &World, side: Side, condition: &str) -> Result<u32> {
    let text = world.sql(side, &format!("SELECT count(*) FROM people WHERE {condition}"))?;
    text.parse().with_context(|| text)
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_different_columns_reach_both_sides_all_of_them() -> Result<()> {
    let mut world = in_step(Config::default(), RECORDS).await?;
    world.stop_delivery()?;
    world.sql(Side::A, &edit("phone", "by a", RECORDS))?;
    world.sql(Side::B, &edit("city", "by b", RECORDS))?;
    world.resume_delivery()?;
    let verdict = world.expect_clean().await?;
    for side in Side::BOTH {
        ensure!(count(&world, side, "phone LIKE '% by a' AND city LIKE '% by b'")? == RECORDS);
    }
    ensure!(verdict.kept == 0, "different columns do not conflict: {verdict}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_the_same_column_are_decided_by_rule_and_the_other_value_is_kept_with_its_story() -> Result<()> {
    let mut world = in_step(Config::default().conflict("{ prefer = \"b\" }"), RECORDS).await?;
    world.stop_delivery()?;
    world.sql(Side::A, &edit("phone", "by a", RECORDS))?;
    world.sql(Side::B, &edit("phone", "by b", RECORDS))?;
    world.resume_delivery()?;
    let verdict = world.expect_clean().await?;
    for side in Side::BOTH {
        ensure!(count(&world, side, "phone LIKE '% by b'")? == RECORDS);
    }
    ensure!(verdict.kept == RECORDS as usize, "every displaced value is kept: {verdict}");
    let listing = world.runtime.call_json("conflicts", &["--all", "--limit", "100000"])?;
    let listing = listing.as_array().context("no list")?;
    ensure!(listing.len() == RECORDS as usize, "{} conflicts", listing.len());
    for conflict in listing {
        check_story(conflict).with_context(|| conflict.to_string())?;
    }
    Ok(())
}

/// The base, both sides with their values, when, and the rule.
fn check_story(conflict: &Value) -> Result<()> {
    let text = |name: &str| conflict.get(name).and_then(Value::as_str).unwrap_or_default();
    ensure!(text("base").ends_with(" seeded"));
    ensure!(text("result").ends_with(" by b"));
    ensure!(text("rule").contains("prefer"));
    ensure!(conflict.get("at_micros").and_then(Value::as_i64).unwrap_or_default() > 0);
    let contenders = conflict.get("contenders").and_then(Value::as_array).context("no contenders")?;
    for side in Side::BOTH {
        let own = contenders
            .iter()
            .find(|one| one.get("side").and_then(Value::as_str) == Some(side.name()))
            .and_then(|one| one.get("value")?.as_str())
            .with_context(|| format!("nothing of {}", side.name()))?;
        ensure!(own.ends_with(&format!(" by {}", side.name())));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn held_conflicts_leave_both_sides_alone_until_a_person_decides() -> Result<()> {
    let mut world = in_step(Config::default().conflict("\"hold\""), 100).await?;
    world.stop_delivery()?;
    world.sql(Side::A, &edit("phone", "by a", 100))?;
    world.sql(Side::B, &edit("phone", "by b", 100))?;
    world.sql(Side::B, &edit("city", "by b", 100))?;
    world.resume_delivery()?;
    world.expect_clean().await?;
    ensure!(count(&world, Side::A, "phone LIKE '% by a' AND city LIKE '% by b'")? == 100);
    ensure!(count(&world, Side::B, "phone LIKE '% by b' AND city LIKE '% by b'")? == 100);
    world.runtime.call("conflicts", &["resolve", "--take", "a", "--yes"])?;
    world.expect_clean().await?;
    ensure!(count(&world, Side::B, "phone LIKE '% by a'")? == 100);
    Ok(())
}

async fn update_against_delete(policy: &str) -> Result<World> {
    let mut world = in_step(Config::default().deletes(policy), 100).await?;
    world.stop_delivery()?;
    world.sql(Side::A, &edit("phone", "by a", 50))?;
    world.sql(Side::B, "DELETE FROM people WHERE email <> 'sentinel'")?;
    world.resume_delivery()?;
    world.expect_clean().await?;
    Ok(world)
}

const PEOPLE: &str = "email <> 'sentinel'";

#[tokio::test(flavor = "multi_thread")]
async fn an_update_wins_over_a_delete_where_the_rule_says_so() -> Result<()> {
    let world = update_against_delete("update-wins").await?;
    for side in Side::BOTH {
        ensure!(count(&world, side, PEOPLE)? == 50);
        ensure!(count(&world, side, "phone LIKE '% by a'")? == 50);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_wins_over_an_update_where_the_rule_says_so_and_the_update_is_kept() -> Result<()> {
    let world = update_against_delete("delete-wins").await?;
    for side in Side::BOTH {
        ensure!(count(&world, side, PEOPLE)? == 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_delete_leaves_both_sides_as_they_are() -> Result<()> {
    let world = update_against_delete("hold").await?;
    ensure!(count(&world, Side::A, PEOPLE)? == 50);
    ensure!(count(&world, Side::B, PEOPLE)? == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_inserts_of_the_same_person_become_one_record() -> Result<()> {
    let config = Config::default().own_keys().conflict("{ prefer = \"a\" }");
    let mut world = in_step(config, 10).await?;
    world.stop_delivery()?;
    for side in Side::BOTH {
        let by = side.name();
        world.sql(
            side,
            &format!(
                "INSERT INTO people (email, name, phone) SELECT 'new ' || n, 'name ' || n || ' by {by}', 'phone ' || n
                 FROM generate_series(1, 200) n"
            ),
        )?;
    }
    world.resume_delivery()?;
    let verdict = world.expect_clean().await?;
    for side in Side::BOTH {
        ensure!(count(&world, side, "email LIKE 'new %'")? == 200);
        ensure!(count(&world, side, "name LIKE '% by a'")? == 200);
    }
    ensure!(verdict.kept == 200, "the names that lost are kept: {verdict}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_in_turn_are_never_called_conflicts() -> Result<()> {
    let mut world = in_step(Config::default().conflict("\"hold\""), 10).await?;
    for turn in 0..50 {
        let (from, to) = if turn % 2 == 0 { (Side::A, Side::B) } else { (Side::B, Side::A) };
        let edit = format!("phone = 'phone turn {turn}'");
        world.sql(from, &format!("UPDATE people SET {edit} WHERE email = 'email 1 seeded'"))?;
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while count(&world, to, &edit)? == 0 {
            ensure!(std::time::Instant::now() < until, "turn {turn} did not arrive: {}", world.runtime.log_tail());
        }
    }
    let verdict = world.expect_clean().await?;
    ensure!(verdict.kept == 0, "{verdict}");
    Ok(())
}
