//! Records that people merge at a vendor, and records that come back from its bin,
//! with Salesforce, HubSpot and PostgreSQL in one sync.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::ring::{CRM, DB, FIELDS, HUB, Ring, RingShape, email};

const PATIENCE: Duration = Duration::from_secs(120);
const SIDES: [&str; 3] = [CRM, HUB, DB];

async fn in_step() -> Result<Ring> {
    Ring::in_step(&RingShape { people: 8, ..RingShape::default() }).await
}

fn id(ring: &Ring, at: u32) -> Result<String> {
    ring.crm_ids(&email(at))?.into_iter().next().with_context(|| format!("{} is not in the organisation", email(at)))
}

fn hub_id(ring: &Ring, at: u32) -> Result<u64> {
    ring.hub_id(&email(at)).with_context(|| format!("{} is not in the account", email(at)))
}

/// How often a person is there, at each of the three.
fn counts(ring: &Ring, at: u32) -> Result<[usize; 3]> {
    let address = email(at);
    let hub = ring.account.all("contacts").into_values();
    let hub = hub.filter(|values| values.get("email") == Some(&address)).count();
    let db = ring.sql(&format!("SELECT count(*) FROM people WHERE email = '{address}'"))?.trim().parse()?;
    Ok([ring.crm_ids(&address)?.len(), hub, db])
}

async fn becomes(ring: &mut Ring, at: u32, wanted: [usize; 3]) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while counts(ring, at)? != wanted {
        let (is, log) = (counts(ring, at)?, ring.runtime.log_tail());
        ensure!(Instant::now() < until, "{} is there {is:?} times, not {wanted:?}: {log}", email(at));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ring.settle().await?;
    ensure!(counts(ring, at)? == wanted, "{} does not stay as it is: {:?}", email(at), counts(ring, at)?);
    Ok(())
}

/// What the three agree on.
async fn agreed(ring: &Ring, at: u32, field: usize) -> Result<Option<String>> {
    let mut seen = Vec::new();
    for side in SIDES {
        seen.push(ring.shown(side, &email(at), &FIELDS[field]).await?);
    }
    ensure!(seen.iter().all(|one| *one == seen[0]), "{} of {}: {seen:?}", FIELDS[field].name, email(at));
    Ok(seen.swap_remove(0))
}

/// Whether the journal tells of a delete with what the row last held.
fn went_with(ring: &Ring, value: &str) -> Result<bool> {
    let deletes = ring.runtime.call_json("sql", &["SELECT * FROM journal WHERE kind = 'deleted'"])?;
    Ok(deletes.to_string().contains(value))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_merged_at_one_system_is_one_record_at_all_and_what_the_other_held_is_kept() -> Result<()> {
    let mut ring = in_step().await?;

    let (winner, loser) = (id(&ring, 1)?, id(&ring, 2)?);
    ensure!(!went_with(&ring, "seeded")?, "nothing is gone yet");
    ring.org.merge("Contact", &winner, &[&loser]).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    becomes(&mut ring, 2, [0, 0, 0]).await?;
    becomes(&mut ring, 1, [1, 1, 1]).await?;
    ensure!(went_with(&ring, "phone seeded 2")?, "what the loser held is in the journal");

    for (makes_new, winner, loser) in [(false, 3, 4), (true, 5, 6)] {
        ring.account.set(|settings| settings.merge_makes_new_record = makes_new);
        ring.account.merge("contacts", hub_id(&ring, winner)?, hub_id(&ring, loser)?)?;
        becomes(&mut ring, loser, [0, 0, 0]).await?;
        becomes(&mut ring, winner, [1, 1, 1]).await?;
        ensure!(agreed(&ring, winner, 2).await? == Some(format!("phone seeded {winner}")));
        ensure!(went_with(&ring, &format!("phone seeded {loser}"))?, "what the loser held is in the journal");
        // It is still the same record to everybody.
        let phone = FIELDS[2];
        for (n, side) in SIDES.into_iter().enumerate() {
            ring.edit(side, &email(winner), &phone, &format!("after the merge {n}")).await?;
            ring.settle().await?;
            ensure!(agreed(&ring, winner, 2).await? == Some(format!("after the merge {n}")), "edited at {side}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_from_the_bin_comes_back_everywhere_and_once() -> Result<()> {
    let mut ring = in_step().await?;
    let one = id(&ring, 1)?;
    ring.org.delete("Contact", &one).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    becomes(&mut ring, 1, [0, 0, 0]).await?;
    ring.org.undelete("Contact", &one).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    becomes(&mut ring, 1, [1, 1, 1]).await?;
    ensure!(agreed(&ring, 1, 2).await? == Some("phone seeded 1".to_owned()));

    let two = hub_id(&ring, 2)?;
    ring.account.archive("contacts", two)?;
    becomes(&mut ring, 2, [0, 0, 0]).await?;
    ring.account.restore("contacts", two)?;
    becomes(&mut ring, 2, [1, 1, 1]).await?;
    ensure!(agreed(&ring, 2, 2).await? == Some("phone seeded 2".to_owned()));

    // They are linked again: edits go around.
    for at in [1, 2] {
        for (n, side) in SIDES.into_iter().enumerate() {
            ring.edit(side, &email(at), &FIELDS[2], &format!("back again {n}")).await?;
            ring.settle().await?;
            ensure!(agreed(&ring, at, 2).await? == Some(format!("back again {n}")), "edited at {side}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_record_that_is_merged_away_at_the_same_moment_is_not_lost_silently() -> Result<()> {
    let mut ring = in_step().await?;
    for (at, side) in [(1, CRM), (3, HUB)] {
        let loser = at + 1;
        ring.runtime.terminate(PATIENCE)?;
        ring.edit(DB, &email(loser), &FIELDS[2], &format!("phone of a moment {loser}")).await?;
        match side {
            CRM => {
                let (winner, loser) = (id(&ring, at)?, id(&ring, loser)?);
                ring.org.merge("Contact", &winner, &[&loser]).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
            }
            _ => drop(ring.account.merge("contacts", hub_id(&ring, at)?, hub_id(&ring, loser)?)?),
        }
        ring.runtime.start()?;
        ring.settle().await?;
        // The update wins over the delete.
        for shows in [CRM, DB] {
            let shown = ring.shown(shows, &email(loser), &FIELDS[2]).await?;
            ensure!(shown == Some(format!("phone of a moment {loser}")), "merged at {side}, {shows} shows {shown:?}");
        }
        // HubSpot keeps the address for the winner: a person is told.
        let there = counts(&ring, loser)?;
        let failures = ring.runtime.call_json("failures", &[])?.to_string();
        ensure!(there[1] == 1 || failures.contains(HUB), "not at {HUB}, and nobody says so: {failures}");
    }
    Ok(())
}
