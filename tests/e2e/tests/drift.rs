//! Columns change underneath a running sync: only what depends on them stops,
//! it is shown, and it is taken up again with nothing lost.

use std::{os::unix::net::UnixStream, time::Duration};

use anyhow::{Result, ensure};
use lockstep_e2e::{Config, Side, World};
use lockstep_harness::ClusterOptions;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(90);

fn fast() -> ClusterOptions {
    ClusterOptions::default().without_fsync()
}

/// Starts it, and waits until it can be asked: before that, asking would open
/// the state itself.
fn start(world: &mut World) -> Result<()> {
    world.resume_delivery()?;
    let socket = format!("{}.sock", world.runtime.state_path().display());
    wait_for(world, "the control socket", |_| Ok(UnixStream::connect(&socket).is_ok()))
}

/// The sync's status.
fn status(world: &World) -> Result<Value> {
    Ok(world.runtime.call_json("status", &[])?["syncs"][0].clone())
}

fn wait_for(world: &mut World, what: &str, mut holds: impl FnMut(&World) -> Result<bool>) -> Result<()> {
    let until = std::time::Instant::now() + PATIENCE;
    while !holds(world)? {
        ensure!(world.runtime.is_running()?, "it ended while waiting for {what}: {}", world.runtime.log_tail());
        ensure!(
            std::time::Instant::now() < until,
            "{what}: not within {PATIENCE:?}; {:?}; {}",
            status(world),
            world.runtime.log_tail()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn value(world: &World, side: Side, column: &str, email: &str) -> Result<String> {
    world.sql(side, &format!("SELECT coalesce({column}, '(null)') FROM people WHERE email = '{email}'"))
}

fn aside(world: &World) -> Result<Vec<String>> {
    let status = status(world)?;
    let fields = status["set_aside"].as_array().cloned().unwrap_or_default();
    Ok(fields.iter().map(|field| field["field"].as_str().unwrap_or_default().to_owned()).collect())
}

/// The open items, `side.column what`.
fn inbox(world: &World) -> Result<Vec<String>> {
    let finished = world.runtime.try_call("schema", &["drift", "--json"])?;
    let items: Vec<Value> = serde_json::from_str(&finished.stdout)?;
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    Ok(items
        .iter()
        .map(|item| format!("{}.{} {}", text(item, "side"), text(item, "column"), text(item, "what")))
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_column_stops_only_its_field_and_is_filled_again_when_it_is_back() -> Result<()> {
    let mut world = World::in_step(Config::default(), fast(), 20).await?;
    let first = "email 1 seeded";
    world.sql(Side::A, "ALTER TABLE people DROP COLUMN phone")?;
    // Nothing tells of it until a row comes, from here or to here.
    world.sql(Side::A, &format!("UPDATE people SET name = 'name after' WHERE email = '{first}'"))?;
    wait_for(&mut world, "the field to be set aside", |world| Ok(aside(world)? == ["phone"]))?;
    wait_for(&mut world, "the rest to flow on", |world| Ok(value(world, Side::B, "name", first)? == "name after"))?;
    ensure!(inbox(&world)? == ["a.phone removed"], "{:?}", inbox(&world)?);
    world.sql(Side::B, &format!("UPDATE people SET city = 'city b', phone = 'phone b' WHERE email = '{first}'"))?;
    wait_for(&mut world, "the other way too", |world| Ok(value(world, Side::A, "city", first)? == "city b"))?;
    ensure!(value(&world, Side::B, "phone", "email 2 seeded")? == "phone 2 seeded", "the other side keeps its values");

    // Found again also when it is started anew meanwhile.
    world.stop_delivery()?;
    start(&mut world)?;
    wait_for(&mut world, "it to run again", |world| Ok(status(world)?["phase"] == "live"))?;
    ensure!(aside(&world)? == ["phone"], "{:?}", aside(&world)?);

    world.sql(Side::A, "ALTER TABLE people ADD COLUMN phone text")?;
    world.sql(Side::A, &format!("UPDATE people SET name = 'name again' WHERE email = '{first}'"))?;
    wait_for(&mut world, "the field to be taken up", |world| Ok(aside(world)?.is_empty()))?;
    wait_for(&mut world, "an edit made meanwhile", |world| Ok(value(world, Side::A, "phone", first)? == "phone b"))?;
    wait_for(&mut world, "every value to be back", |world| {
        Ok(world.sql(Side::A, "SELECT count(*) FROM people WHERE phone LIKE 'phone % seeded'")? == "19")
    })?;
    ensure!(value(&world, Side::B, "phone", "email 2 seeded")? == "phone 2 seeded", "emptiness is no edit");
    let status = status(&world)?;
    ensure!(status["held"] == 0, "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_to_a_dropped_column_finds_out_and_a_change_during_an_outage_is_found() -> Result<()> {
    let mut world = World::in_step(Config::default(), fast(), 5).await?;
    let first = "email 1 seeded";
    world.sql(Side::A, "ALTER TABLE people DROP COLUMN phone")?;
    world.sql(Side::B, &format!("UPDATE people SET phone = 'x', city = 'city b' WHERE email = '{first}'"))?;
    wait_for(&mut world, "the write to find out", |world| Ok(aside(world)? == ["phone"]))?;
    wait_for(&mut world, "the rest of it", |world| Ok(value(world, Side::A, "city", first)? == "city b"))?;

    world.stop_delivery()?;
    world.sql(Side::B, "ALTER TABLE people DROP COLUMN note")?;
    world.sql(Side::B, "ALTER TABLE people ALTER COLUMN city TYPE varchar(200)")?;
    world.sql(Side::B, "ALTER TABLE people ADD COLUMN mobile text")?;
    world.sql(Side::B, &format!("UPDATE people SET city = 'city later' WHERE email = '{first}'"))?;
    start(&mut world)?;
    wait_for(&mut world, "what happened meanwhile", |world| Ok(aside(world)? == ["phone", "note"]))?;
    wait_for(&mut world, "edits made meanwhile", |world| Ok(value(world, Side::A, "city", first)? == "city later"))?;
    let open = inbox(&world)?;
    ensure!(open == ["b.mobile added", "b.note removed", "b.city altered", "a.phone removed"], "{open:?}");

    let items: Vec<Value> = serde_json::from_str(&world.runtime.try_call("schema", &["drift", "--json"])?.stdout)?;
    let number = |place: usize| items[place]["item"].to_string();
    world.runtime.call("schema", &["accept", &number(0)])?;
    world.runtime.call("schema", &["ignore", &number(3)])?;
    ensure!(inbox(&world)? == ["b.note removed", "b.city altered"], "{:?}", inbox(&world)?);
    ensure!(aside(&world)? == ["phone", "note"], "a person's word changes nothing of the mapping");
    Ok(())
}

/// As migrations do that rewrite a table: copied, changed on the way, and put in its place.
fn made_anew(world: &World, side: Side, on_the_way: &str, owner: &str) -> Result<()> {
    world.sql(
        side,
        &format!(
            "BEGIN;
             CREATE TABLE people_new (LIKE people INCLUDING ALL);
             INSERT INTO people_new SELECT * FROM people;
             {on_the_way};
             ALTER TABLE people_new OWNER TO {owner};
             DROP TABLE people;
             ALTER TABLE people_new RENAME TO people;
             COMMIT"
        ),
    )?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_made_anew_under_its_name_is_compared_and_followed_again() -> Result<()> {
    let mut world = World::in_step(Config::default(), fast(), 20).await?;
    let first = "email 1 seeded";
    let edit = format!("UPDATE people_new SET city = 'city on the way' WHERE email = '{first}'");
    made_anew(&world, Side::A, &edit, "app")?;
    wait_for(&mut world, "what was edited on the way", |world| {
        Ok(value(world, Side::B, "city", first)? == "city on the way")
    })?;
    world.sql(Side::A, &format!("UPDATE people SET name = 'name a' WHERE email = '{first}'"))?;
    world.sql(Side::B, &format!("UPDATE people SET phone = 'phone b' WHERE email = '{first}'"))?;
    wait_for(&mut world, "what was edited after", |world| {
        Ok(value(world, Side::B, "name", first)? == "name a" && value(world, Side::A, "phone", first)? == "phone b")
    })?;

    // While it does not run.
    world.stop_delivery()?;
    let second = "email 2 seeded";
    let edit = format!("UPDATE people_new SET city = 'city at night' WHERE email = '{second}'");
    made_anew(&world, Side::A, &edit, "app")?;
    start(&mut world)?;
    wait_for(&mut world, "what was edited at night", |world| {
        Ok(value(world, Side::B, "city", second)? == "city at night")
    })?;
    world.settle().await?;
    for side in Side::BOTH {
        ensure!(world.sql(side, "SELECT count(*) FROM people")? == "21", "no row came or went");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_table_that_cannot_be_followed_says_so_and_which_statement_cures_it() -> Result<()> {
    let mut world = World::in_step(Config::default(), fast(), 5).await?;
    made_anew(&world, Side::A, "SELECT 1", "postgres")?;
    wait_for(&mut world, "it to say so", |world| {
        Ok(world.runtime.try_call("status", &[])?.stdout.contains("ADD TABLE"))
    })?;
    world.sql(Side::A, "ALTER TABLE people OWNER TO app")?;
    world.sql(Side::A, "UPDATE people SET name = 'name a' WHERE email = 'email 1 seeded'")?;
    wait_for(&mut world, "it to go on", |world| Ok(value(world, Side::B, "name", "email 1 seeded")? == "name a"))?;
    Ok(())
}
