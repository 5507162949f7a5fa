//! The same person added at two systems by two people, so shortly after each other that
//! the second is added while the runtime adds the first there: one record, not two.

use std::time::Duration;

use anyhow::{Result, ensure};
use lockstep_e2e::ring::{CRM, Crowd, CrowdShape, DB, HUB, Ring, RingShape};

/// From before the runtime hears of the first to after it has added it.
const APART_MAX_US: u64 = 16_000;
const PEOPLE: u64 = 96;

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
    let times = ring.sql("SELECT count(*), count(DISTINCT email) FROM people WHERE email LIKE 'twice-%'")?;
    ensure!(times.trim() == format!("{PEOPLE}|{PEOPLE}"), "rows and people: {times}");
    let journal = ring.runtime.call_json("sql", &["SELECT * FROM journal WHERE kind = 'released'"])?;
    let met = journal.to_string().matches("made in the same moment").count();
    println!("{met} of {PEOPLE} were added while the runtime added them");
    Ok(())
}
