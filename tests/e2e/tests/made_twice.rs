//! The same person added at two systems by two people, so shortly after each other that
//! the second is added while the runtime adds the first there: one record, or held apart
//! where that cannot be told, and never two of which nobody hears.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lockstep_e2e::ring::{CRM, Crowd, CrowdShape, DB, HUB, Ring, RingShape};

/// From before the runtime hears of the first to after it has added it.
const APART_MAX_US: u64 = 16_000;
const PEOPLE: u64 = 96;
/// People whose second row may wait for a person: one was seen on a busy machine. Where
/// it was looked only once, just after the create, there were ten.
const APART_MAX: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_added_at_two_systems_in_one_moment_is_one_record() -> Result<()> {
    let mut ring = Ring::in_step(&RingShape { people: 4, ..RingShape::default() }).await?;
    let mut crowd = Crowd::new(&ring, CrowdShape::default(), "moment").await?;
    let pairs = [(CRM, DB), (DB, CRM), (HUB, DB), (HUB, CRM)];
    for number in 0..PEOPLE {
        let pair = pairs[(number % 4) as usize];
        let apart = Duration::from_micros(number * APART_MAX_US / PEOPLE);
        crowd.add_twice(&ring, pair, apart).await?;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    ring.expect_nothing_lost().await?;
    // The checker has seen that whoever is there twice is listed.
    let apart = ring.sql("SELECT count(*) - count(DISTINCT email) FROM people WHERE email LIKE 'twice-%'")?;
    let apart: u64 = apart.trim().parse().context("a count")?;
    ensure!(apart <= APART_MAX, "{apart} of {PEOPLE} are there twice");
    let journal = ring.runtime.call_json("sql", &["SELECT * FROM journal WHERE kind = 'released'"])?;
    let met = journal.to_string().matches("made in the same moment").count();
    println!("{met} of {PEOPLE} were added while the runtime added them, {apart} wait for a person");
    Ok(())
}
