//! A HubSpot account and a database, edited at both sides at once. HubSpot has
//! no conditional writes: an edit between look and write is overwritten there,
//! and has to come back.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lockstep_e2e::hubspot::{HubSpotLoad, HubSpotLoadShape, HubSpotWorld, displaced};
use lockstep_simulators::hubspot::{burst_exceeded, server_error};
use lockstep_simulators::{Fault, Rule};

const LATEST: &str = "{ latest = true, else = { prefer = \"hs\" } }";
/// Between a look and the write after it, so that people often get in between.
const BETWEEN_MS: u64 = 120;

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_arrives_within_seconds_in_each_direction() -> Result<()> {
    let mut world = HubSpotWorld::in_step(LATEST, 20).await?;
    ensure!(world.account.all("contacts").len() == 21, "the first copy made every contact once");
    let person = world.person().await?;
    let id = world.contact("person3@people.example");
    let id = id.ok_or_else(|| anyhow::anyhow!("no contact 3"))?;
    let begun = Instant::now();
    world.account.edit("contacts", id, &[("city", "Ghent")])?;
    while person.query("SELECT 1 FROM people WHERE city = 'Ghent'", &[]).await?.is_empty() {
        ensure!(begun.elapsed() < Duration::from_secs(30), "the edit does not arrive: {}", world.runtime.log_tail());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    eprintln!("from HubSpot to the database: {:?}, polled every 300 ms", begun.elapsed());
    let begun = Instant::now();
    person.execute("UPDATE people SET city = 'Ypres' WHERE city = 'Ghent'", &[]).await?;
    while world.account.get("contacts", id).and_then(|values| values.get("city").cloned()).as_deref() != Some("Ypres") {
        ensure!(begun.elapsed() < Duration::from_secs(30), "the edit does not arrive: {}", world.runtime.log_tail());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    eprintln!("from the database to HubSpot: {:?}", begun.elapsed());
    world.expect_nothing_lost().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_kept_from_being_overwritten_is_found_and_merged_back() -> Result<()> {
    let mut world = HubSpotWorld::in_step(LATEST, 12).await?;
    let slow = Rule::next("batch/update", Fault::Delay { ms: BETWEEN_MS }).times(100_000);
    world.account.stage().faults.inject(slow);
    let load = HubSpotLoad::start(&world, HubSpotLoadShape::default()).await?;
    let edits = load.run(&world, Duration::from_secs(12)).await?;
    let verdict = world.expect_nothing_lost().await?;
    let lost = displaced(&world.account, BETWEEN_MS as i64);
    eprintln!("{edits} edits, {} overwritten between look and write, {} kept in the journal", lost.len(), verdict.kept);
    ensure!(!lost.is_empty(), "nobody got in between: the scenario shows nothing");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_lost_answers_and_limits_lose_nothing() -> Result<()> {
    let mut world = HubSpotWorld::in_step(LATEST, 12).await?;
    let faults = &world.account.stage().faults;
    for round in 0..6 {
        faults.inject(Rule::next("batch/update", Fault::CutAfter).skip(round * 7));
        faults.inject(Rule::next("batch/update", server_error()).skip(round * 5));
        faults.inject(Rule::next("batch/update", burst_exceeded()).skip(round * 3));
        faults.inject(Rule::next("search", server_error()).skip(round * 2));
    }
    faults.inject(Rule::next("batch/update", Fault::Delay { ms: BETWEEN_MS }).times(100_000));
    let load = HubSpotLoad::start(&world, HubSpotLoadShape { seed: 2, ..HubSpotLoadShape::default() }).await?;
    for _ in 0..3 {
        load.act(&world, Duration::from_secs(3)).await?;
        world.runtime.kill()?;
        load.act(&world, Duration::from_millis(300)).await?;
        world.runtime.start()?;
    }
    load.act(&world, Duration::from_secs(2)).await?;
    let edits = load.end().await?;
    let verdict = world.expect_nothing_lost().await?;
    let lost = displaced(&world.account, BETWEEN_MS as i64);
    eprintln!("{edits} edits, {} overwritten between look and write, {} kept in the journal", lost.len(), verdict.kept);
    Ok(())
}
