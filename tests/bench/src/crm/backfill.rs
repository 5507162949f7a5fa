//! A first copy of many people, of whom Salesforce and HubSpot both know, while
//! others edit companies in a sync that is in step over the same accounts.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{
    latency::arrived,
    systems::{PLACES, Place, Shape, Systems},
};
use crate::measures::{Figure, percentile};

const COMPANIES: usize = 200;
/// Between two edits: HubSpot lets an account ask ten times a second in all.
const EDIT_EVERY: Duration = Duration::from_millis(1_500);
const PATIENCE: Duration = Duration::from_secs(1_800);
/// Rows that one call can give at most: a query's page, and a list's.
const CRM_PAGE: usize = 2_000;
const HUB_PAGE: usize = 100;

/// Calls that the copy made, and that were refused for a limit, so far.
#[derive(Clone, Copy, Debug, Default)]
struct Calls {
    crm: usize,
    hub: usize,
    refused: u64,
}

pub async fn measure(people: usize) -> Result<Vec<Figure>> {
    let mut systems = Systems::new(Shape { companies: COMPANIES, people, poll_interval_ms: None }).await?;
    systems.start()?;
    let status = systems.runtime.terminate(Duration::from_secs(60))?;
    ensure!(status.success(), "it ended with {status}");
    systems.runtime.write_config(&systems.config(true))?;
    systems.org.traffic().forget();
    systems.account.stage().traffic.forget();
    let before = calls(&systems);
    systems.runtime.start()?;
    let began = Instant::now();
    let (micros, took) = edit_until_copied(&mut systems, people, began).await?;
    let after = calls(&systems);
    let least = people.div_ceil(CRM_PAGE) + people.div_ceil(HUB_PAGE);
    let made = after.crm + after.hub;
    let over = (made as f64 / least.max(1) as f64 - 1.0) * 100.0;
    let figure = |metric: &str, unit, value| Figure::new(format!("first copy beside edits, {metric}"), unit, value);
    Ok(vec![
        figure("people at each of the two", "rows", people as f64),
        figure("until all are linked and in PostgreSQL", "s", took.as_secs_f64()),
        figure("calls to Salesforce", "calls", after.crm as f64),
        figure("calls to HubSpot", "calls", after.hub as f64),
        figure("calls above the least possible", "%", over),
        figure("calls refused for a limit", "calls", (after.refused - before.refused) as f64),
        figure("people's edits meanwhile", "edits", micros.len() as f64),
        figure("an edit at both others p50", "ms", percentile(&micros, 50) / 1_000.0),
        figure("an edit at both others p95", "ms", percentile(&micros, 95) / 1_000.0),
        figure("an edit at both others p100", "ms", percentile(&micros, 100) / 1_000.0),
    ])
}

/// Edits companies at each of the three in turn until every person is linked;
/// how long each edit took to both others, and all of it.
async fn edit_until_copied(systems: &mut Systems, people: usize, began: Instant) -> Result<(Vec<u64>, Duration)> {
    let mut micros = Vec::new();
    let mut took = None;
    for number in 0.. {
        let since = Instant::now();
        let from = *PLACES.get(number % PLACES.len()).context("places")?;
        let company = systems.companies.get(number % systems.companies.len()).context("a company")?.clone();
        let city = format!("beside {number}");
        if took.is_none() && is_ready(systems, &company, from).await? {
            let made = systems.edit(from, &company, &city).await?;
            let mut longest = Duration::ZERO;
            for to in PLACES.into_iter().filter(|to| *to != from) {
                longest = longest.max(arrived(systems, to, &company, &city, made).await?);
            }
            micros.push(u64::try_from(longest.as_micros())?);
        }
        ensure!(systems.runtime.is_running()?, "the runtime ended: {}", systems.runtime.log_tail());
        ensure!(began.elapsed() < PATIENCE, "not in step: {}", systems.runtime.log_tail());
        if systems.people_in_database().await? == people && systems.answers() && all_live(systems)? {
            took = Some(began.elapsed());
        }
        if let Some(took) = took {
            micros.sort_unstable();
            ensure!(!micros.is_empty(), "the copy was over before anybody edited");
            return Ok((micros, took));
        }
        tokio::time::sleep(EDIT_EVERY.saturating_sub(since.elapsed())).await;
    }
    unreachable!("numbers do not end")
}

/// Whether the binary has taken up its work again.
async fn is_ready(systems: &Systems, company: &super::systems::Company, from: Place) -> Result<bool> {
    Ok(systems.city(from, company).await?.is_some() && systems.answers())
}

fn all_live(systems: &Systems) -> Result<bool> {
    let status = systems.runtime.call_json("status", &[])?;
    let syncs = status["syncs"].as_array().context("syncs")?;
    Ok(syncs.len() == 2 && syncs.iter().all(|sync| sync["phase"] == "live"))
}

/// Whatever was asked about contacts is the copy's: edits are about companies.
fn calls(systems: &Systems) -> Calls {
    let crm = systems.org.traffic().seen();
    let crm = crm.iter().filter(|seen| seen.path.contains("/query") && seen.query.contains("Contact")).count();
    let hub = systems.account.stage().traffic.seen();
    let hub = hub.iter().filter(|seen| seen.path.contains("/contacts")).count();
    let refused = systems.org.usage().limit_errors + systems.account.calls().1;
    Calls { crm, hub, refused }
}
