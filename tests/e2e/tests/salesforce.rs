//! A Salesforce organisation and a database in one sync, by the real binary: no
//! edit is lost, whoever writes at the same time and whatever breaks.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lockstep_e2e::{Crm, email};
use lockstep_simulators::{
    faults::{Fault, Rule},
    salesforce::Options,
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_copied_and_edits_arrive_in_both_directions() -> Result<()> {
    let mut crm = Crm::in_step(Options::default(), "", 120).await?;
    ensure!(crm.sql("SELECT count(*) FROM people")? == "121");
    crm.edit(&email(1), "Phone", "by a person")?;
    crm.sql("UPDATE people SET note = 'by sql' WHERE email = 'person2@example.com'")?;
    crm.sql("INSERT INTO people (email, name) VALUES ('new@example.com', 'made by sql')")?;
    crm.org.create("Contact", json!({"Email": "new2@example.com", "LastName": "made by a person"})).ok();
    crm.settle().await?;
    ensure!(crm.sql("SELECT phone FROM people WHERE email = 'person1@example.com'")? == "by a person");
    ensure!(crm.shown(&email(2), "Description")?.as_deref() == Some("by sql"));
    ensure!(crm.shown("new@example.com", "LastName")?.as_deref() == Some("made by sql"));
    ensure!(crm.sql("SELECT name FROM people WHERE email = 'new2@example.com'")? == "made by a person");
    crm.expect_nothing_lost().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_in_salesforce_reaches_the_database_in_a_moment() -> Result<()> {
    let mut crm = Crm::in_step(Options::default(), "", 10).await?;
    let database = crm.person().await?;
    let mut took: Vec<Duration> = Vec::new();
    for at in 0..30 {
        let token = format!("quick {at}");
        let made = Instant::now();
        crm.edit(&email(1), "Description", &token)?;
        let arrived = "SELECT 1 FROM people WHERE email = 'person1@example.com' AND note = $1";
        while database.query(arrived, &[&token]).await?.is_empty() {
            ensure!(made.elapsed() < Duration::from_secs(20), "the edit did not arrive");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(made.elapsed());
    }
    took.sort();
    let (median, worst) = (took.get(15).context("thirty")?, took.last().context("thirty")?);
    println!("from an edit in Salesforce to the database: median {median:?}, worst {worst:?}");
    ensure!(*median < Duration::from_secs(2), "{median:?}");
    crm.expect_nothing_lost().await?;
    Ok(())
}

/// Both sides write the same fields of the same records, as fast as they can.
async fn write_at_both(crm: &Crm, rounds: u32, people: u32, seed: u32) -> Result<()> {
    let database = crm.person().await?;
    let mut random = seed;
    let mut next = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % below
    };
    for round in 0..rounds {
        let fields = [("phone", "Phone"), ("city", "MailingCity"), ("note", "Description")];
        let (column, field) = fields[next(3) as usize];
        let who = email(next(people) + 1);
        match next(2) {
            0 => crm.edit(&who, field, &format!("crm {seed} {round}"))?,
            _ => {
                let update = format!("UPDATE people SET {column} = $1 WHERE email = $2");
                database.execute(&update, &[&format!("db {seed} {round}"), &who]).await?;
            }
        }
        tokio::time::sleep(Duration::from_millis(u64::from(next(40)))).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_edits_of_the_same_fields_lose_nothing() -> Result<()> {
    let mut crm = Crm::in_step(Options::default(), "", 8).await?;
    write_at_both(&crm, 250, 8, 1).await?;
    crm.expect_nothing_lost().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_through_faults_and_crashes_lose_nothing() -> Result<()> {
    let mut crm = Crm::in_step(Options::default(), "", 8).await?;
    for round in 0..5 {
        let busy = json!([{"errorCode": "SERVER_UNAVAILABLE", "message": "busy"}]);
        let faults = crm.org.faults();
        faults.inject(Rule::next("/sobjects/Contact/", Fault::CutAfter).method("PATCH"));
        faults.inject(Rule::next("/composite", Fault::CutAfter).method("POST").times(2));
        faults.inject(Rule::next("/cometd", Fault::CutBefore).times(2));
        faults.inject(Rule::next("/query", Fault::Answer { status: 503, headers: Vec::new(), body: busy }).times(3));
        crm.org.forget_streaming_clients();
        // Every token ends: the host signs in anew, and nobody notices.
        crm.org.end_sessions();
        write_at_both(&crm, 40, 8, 10 + round).await?;
        crm.runtime.kill()?;
        write_at_both(&crm, 20, 8, 20 + round).await?;
        crm.runtime.start()?;
    }
    crm.expect_nothing_lost().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn polled_contacts_lose_nothing_either() -> Result<()> {
    let settings = ", changes = \"poll\", poll_interval_ms = 200";
    let mut crm = Crm::in_step(Options::default(), settings, 8).await?;
    write_at_both(&crm, 120, 8, 5).await?;
    crm.expect_nothing_lost().await?;
    Ok(())
}
