//! A day of schema changes at three sides of one sync, while people go on editing
//! at all of them: nothing stops silently, no edit is lost, nothing is restarted.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lockstep_e2e::{Config, Load, LoadShape, Side, World};
use lockstep_harness::ClusterOptions;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(90);

fn status(world: &World) -> Result<Value> {
    Ok(world.runtime.call_json("status", &[])?["syncs"][0].clone())
}

async fn wait_for(world: &mut World, what: &str, mut holds: impl FnMut(&World) -> Result<bool>) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !holds(world)? {
        ensure!(world.runtime.is_running()?, "it ended while waiting for {what}: {}", world.runtime.log_tail());
        let late = Instant::now() > until;
        ensure!(!late, "{what}: not within {PATIENCE:?}; {:?}; {}", status(world), world.runtime.log_tail());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

fn aside(world: &World) -> Result<Vec<String>> {
    let status = status(world)?;
    let fields = status["set_aside"].as_array().cloned().unwrap_or_default();
    Ok(fields.iter().map(|field| field["field"].as_str().unwrap_or_default().to_owned()).collect())
}

/// What was ever noticed, `side.column what`.
fn noticed(world: &World, what: &str) -> Result<bool> {
    let finished = world.runtime.try_call("schema", &["drift", "--json"])?;
    let items: Vec<Value> = serde_json::from_str(&finished.stdout)?;
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    Ok(items
        .iter()
        .any(|item| format!("{}.{} {}", text(item, "side"), text(item, "column"), text(item, "what")) == what))
}

/// A row that nobody else edits tells of the side's columns.
fn touch(world: &World, side: Side, word: &str) -> Result<()> {
    world.sql(side, &format!("UPDATE people SET name = 'name {word}' WHERE email = 'email 200 seeded'"))?;
    Ok(())
}

const STAGES: &str = "ALTER TABLE people ADD COLUMN stage stage";
const STAGE: &str = "SELECT coalesce(stage::text, '(null)') FROM people WHERE email = 'email 199 seeded'";

async fn begin() -> Result<World> {
    let config =
        Config::default().three_sides().more_fields("stage = { a = \"stage\", b = \"stage\", c = \"stage\" }\n");
    World::in_step_after(config, ClusterOptions::default().without_fsync(), 200, |world| {
        for side in Side::ALL {
            match side {
                Side::B => world.sql(side, "ALTER TABLE people ADD COLUMN stage text")?,
                _ => world.sql(side, &format!("CREATE TYPE stage AS ENUM ('new', 'won'); {STAGES}"))?,
            };
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_schema_changes_at_every_side_loses_nothing_and_stops_only_what_depends_on_them() -> Result<()> {
    let mut world = begin().await?;
    let process = world.runtime.pid();
    let shape = LoadShape {
        records: 100,
        people_per_side: 1,
        pause: Duration::from_millis(40),
        deletes_percent: 1,
        ..LoadShape::default()
    };
    let load = Load::start(&world, shape);
    load.more(30).await?;

    // Added: told, and nothing stops.
    world.sql(Side::A, "ALTER TABLE people ADD COLUMN nick text")?;
    touch(&world, Side::A, "nick")?;
    wait_for(&mut world, "an added column", |world| noticed(world, "a.nick added")).await?;

    // Retyped, so that it still fits.
    world.sql(Side::B, "ALTER TABLE people ALTER COLUMN note TYPE varchar(4000)")?;
    touch(&world, Side::B, "note")?;
    wait_for(&mut world, "a retyped column", |world| noticed(world, "b.note altered")).await?;
    ensure!(aside(&world)?.is_empty(), "{:?}", aside(&world)?);

    // Renamed and renamed back.
    world.sql(Side::C, "ALTER TABLE people RENAME COLUMN city TO town")?;
    touch(&world, Side::C, "town")?;
    wait_for(&mut world, "a renamed column", |world| Ok(aside(world)? == ["city"])).await?;
    load.more(30).await?;
    world.sql(Side::C, "ALTER TABLE people RENAME COLUMN town TO city")?;
    touch(&world, Side::C, "city")?;
    wait_for(&mut world, "it to be back", |world| Ok(aside(world)?.is_empty())).await?;

    // Dropped and made anew, once everybody has what was in it: what only the
    // dropped column held may be gone (see the README's limits).
    load.stop().await?;
    world.settle().await?;
    world.sql(Side::A, "ALTER TABLE people DROP COLUMN phone")?;
    touch(&world, Side::A, "phone")?;
    wait_for(&mut world, "a dropped column", |world| Ok(aside(world)? == ["phone"])).await?;
    let load = Load::start(&world, shape);
    load.more(30).await?;
    world.sql(Side::A, "ALTER TABLE people ADD COLUMN phone text")?;
    touch(&world, Side::A, "again")?;
    wait_for(&mut world, "it to be filled", |world| Ok(aside(world)?.is_empty())).await?;

    // A choice that two sides do not have yet waits, and arrives once they do.
    world.sql(Side::B, "UPDATE people SET stage = 'lost' WHERE email = 'email 199 seeded'")?;
    wait_for(&mut world, "a value that fits nowhere else", |world| Ok(status(world)?["held"] == 1)).await?;
    for side in [Side::A, Side::C] {
        world.sql(side, "ALTER TYPE stage ADD VALUE 'lost'")?;
    }
    wait_for(&mut world, "the choice to arrive", |world| {
        Ok(world.sql(Side::A, STAGE)? == "lost" && world.sql(Side::C, STAGE)? == "lost")
    })
    .await?;

    load.more(30).await?;
    load.stop().await?;
    ensure!(world.runtime.pid() == process, "it was restarted");
    world.expect_nothing_lost().await?;
    Ok(())
}
