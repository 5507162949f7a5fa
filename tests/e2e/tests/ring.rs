//! Salesforce, HubSpot and PostgreSQL in one sync, edited at all three at once,
//! while each kind of trouble the vendors have happens and the runtime is killed
//! at every named place: no edit is lost silently, nothing is made twice, and
//! nothing is rewritten for ever.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lockstep_e2e::{
    hubspot::displaced,
    ring::{CRM, Crowd, CrowdShape, DB, Dice, FIELDS, HUB, Ring, RingShape, Trouble, email},
};

const FAILPOINTS: &str = "LOCKSTEP_FAILPOINTS";
const PATIENCE: Duration = Duration::from_secs(90);
/// How closely a write of the runtime follows an edit it cannot have seen.
const GAP_MS: i64 = 120;

/// Passed by edits and webhooks of a sync that is in step.
const PLACES: [&str; 8] = [
    "after-stage",
    "before-plan-commit",
    "after-plan-commit",
    "before-write",
    "after-write-before-settle",
    "after-settle-commit",
    "before-durable-report",
    "after-ingest",
];

#[tokio::test(flavor = "multi_thread")]
async fn three_edits_of_different_fields_at_once_are_all_kept_everywhere() -> Result<()> {
    let mut ring = Ring::in_step(&RingShape::default()).await?;
    let [_, _, phone, city, note] = FIELDS;
    for at in 1..=24 {
        ring.edit(CRM, &email(at), &phone, &format!("phone {at} crm")).await?;
        ring.edit(HUB, &email(at), &city, &format!("city {at} hub")).await?;
        ring.edit(DB, &email(at), &note, &format!("note {at} db")).await?;
    }
    let verdict = ring.expect_nothing_lost().await?;
    for at in 1..=24 {
        for side in [CRM, HUB, DB] {
            for (field, by) in [(phone, CRM), (city, HUB), (note, DB)] {
                let shown = ring.shown(side, &email(at), &field).await?;
                ensure!(shown == Some(format!("{} {at} {by}", field.name)), "{side} shows {shown:?} in {}", field.name);
            }
        }
    }
    ensure!(verdict.kept == 0, "nothing was in conflict: {verdict}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_edits_of_the_same_field_at_once_end_in_one_and_the_others_are_kept() -> Result<()> {
    let shape = RingShape { conflict: format!("{{ prefer = \"{CRM}\" }}"), ..RingShape::default() };
    let mut ring = Ring::in_step(&shape).await?;
    let field = FIELDS[2];
    ring.runtime.terminate(PATIENCE)?;
    for at in 1..=24 {
        for side in [CRM, HUB, DB] {
            ring.edit(side, &email(at), &field, &format!("phone {at} {side}")).await?;
        }
    }
    ring.runtime.start()?;
    let verdict = ring.expect_nothing_lost().await?;
    for at in 1..=24 {
        for side in [CRM, HUB, DB] {
            let shown = ring.shown(side, &email(at), &field).await?;
            ensure!(shown == Some(format!("phone {at} {CRM}")), "{side} shows {shown:?}");
        }
    }
    ensure!(verdict.kept == 48, "two of three values of each record are kept: {verdict}");
    Ok(())
}

/// Every kind of trouble once, the runtime killed at every place once, edits at
/// all three all the time.
async fn trouble_and_kills(ring: &mut Ring, seed: u64, kill_at: u32, places: &[&str]) -> Result<u64> {
    let mut crowd = Crowd::new(ring, CrowdShape { seed, ..CrowdShape::default() }, &format!("s{seed}")).await?;
    let mut dice = Dice(seed);
    let mut places = places.iter().cycle();
    for (round, trouble) in Trouble::ALL.into_iter().enumerate() {
        trouble.strike(ring, &mut dice)?;
        crowd.act(ring, trouble.lasts()).await?;
        // Every other trouble meets a runtime that dies of it, so to say.
        if round % 2 == 0 {
            let place = places.next().context("places")?;
            ring.runtime.kill()?;
            ring.died();
            ring.runtime.launch_mut().environment.insert(FAILPOINTS.into(), format!("{place}=kill@{kill_at}"));
            ring.runtime.start()?;
            crowd.act_until_dead(ring, PATIENCE).await.with_context(|| format!("{place} while {trouble:?}"))?;
            ring.died();
            ring.runtime.launch_mut().environment.remove(FAILPOINTS);
            ring.runtime.start()?;
        }
    }
    Ok(crowd.deeds())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trouble_and_a_kill_at_every_place_lose_nothing() -> Result<()> {
    let mut ring = Ring::in_step(&RingShape::default()).await?;
    let deeds = trouble_and_kills(&mut ring, 1, 2, &PLACES).await?;
    let verdict = ring.expect_nothing_lost().await?;
    // How many is a matter of timing; `hubspot.rs` sees to it that there are some.
    let lost = displaced(&ring.account, GAP_MS);
    eprintln!("{deeds} deeds; {} values overwritten between look and write, all found again: {verdict}", lost.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_copy_killed_at_any_place_copies_everything_once() -> Result<()> {
    for setting in ["mid-backfill=kill@2", "after-backfill-commit=kill@1", "after-write-before-settle=kill@1"] {
        let mut ring = Ring::new(&RingShape { people: 350, ..RingShape::default() })?;
        // The same people at the others, and one only there.
        ring.sql(
            "INSERT INTO people (email, name, phone, city, note) VALUES ('person1@people.example',
             'name seeded 1', 'phone seeded 1', 'city seeded 1', 'note seeded 1')",
        )?;
        let known = [("firstname", "name"), ("phone", "phone"), ("city", "city"), ("jobtitle", "note")];
        for (who, token) in [(email(2), "seeded 2"), ("only@hub.example".to_owned(), "only")] {
            let values: Vec<(&str, String)> =
                known.iter().map(|(at, field)| (*at, format!("{field} {token}"))).collect();
            let mut values: Vec<(&str, &str)> = values.iter().map(|(at, value)| (*at, value.as_str())).collect();
            values.push(("email", &who));
            ring.account.create("contacts", &values)?;
        }
        ring.runtime.launch_mut().environment.insert(FAILPOINTS.into(), setting.into());
        ring.runtime.start()?;
        let status = ring.runtime.wait_exit(PATIENCE)?;
        ensure!(!status.success(), "{setting}: it ended by itself with {status}");
        ring.edit(CRM, &email(7), &FIELDS[2], "phone edited meanwhile").await?;
        ring.runtime.launch_mut().environment.remove(FAILPOINTS);
        ring.runtime.start()?;
        ring.expect_nothing_lost().await?;
        let counts = [ring.org.count("Contact"), ring.account.all("contacts").len()];
        ensure!(counts == [352, 352], "{setting}: {counts:?}");
        ensure!(ring.sql("SELECT count(*) FROM people")? == "352", "{setting}");
    }
    Ok(())
}

/// Many seeds; `E2E_SEEDS=100..110` says which. Run by `cargo xtask ring`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes a seed: cargo xtask ring"]
async fn every_trouble_and_a_kill_at_every_place_lose_nothing_whatever_the_seed() -> Result<()> {
    let seeds = std::env::var("E2E_SEEDS").unwrap_or_else(|_| "1..4".to_owned());
    let (from, to) = seeds.split_once("..").context("E2E_SEEDS is FROM..TO")?;
    for seed in from.parse::<u64>()?..to.parse()? {
        let shape = RingShape { webhooks: seed % 3 != 0, ..RingShape::default() };
        // Nothing comes in where there are no webhooks.
        let places: Vec<&str> = PLACES.into_iter().filter(|at| shape.webhooks || *at != "after-ingest").collect();
        let mut ring = Ring::in_step(&shape).await?;
        for kill_at in [1, 3, 7] {
            trouble_and_kills(&mut ring, seed * 10 + u64::from(kill_at), kill_at, &places).await?;
            let verdict = ring.expect_nothing_lost().await.with_context(|| format!("seed {seed}, kill@{kill_at}"))?;
            let lost = displaced(&ring.account, GAP_MS).len();
            println!("seed {seed}, kill@{kill_at}: {lost} overwritten and found again; {verdict}");
        }
    }
    Ok(())
}
